"""Promise: llama.cpp loads what ggx makes of each family, and computes what the framework computes: the same first choice for each of 32 tokens,
and logits (of encoders: vectors) that differ by at most TOLERANCE of their largest. Models that the framework has no class for, and those whose
file's module says why in NO_LOGITS, are left out.

logits.py PART PARTS | NAME…
"""
import os

import llama
import oracle
import sides

TOLERANCE = 2e-3
library = llama.Library()
sides.converter()


def framework(module, folder, tokens):
    """Logits or vectors of the framework, and whether they are logits; None without a class."""
    import torch
    import transformers
    try:
        config = transformers.AutoConfig.from_pretrained(folder)
    except (ValueError, KeyError):
        return None
    kind = config.architectures[0]
    made = getattr(transformers, kind, None)
    if made is None:
        return None
    model = made.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        if config.is_encoder_decoder:
            out = model(input_ids=torch.tensor([tokens]), decoder_input_ids=torch.tensor([tokens[:8]]))
        else:
            out = model(torch.tensor([tokens]))
    logits = getattr(out, "logits", None)
    return (logits if logits is not None else out.last_hidden_state)[0].numpy(), logits is not None, config.is_encoder_decoder


def check(module, name, make, scratch):
    import numpy as np
    import torch
    if name in getattr(module, "NO_LOGITS", {}):
        print(f" (not run: {module.NO_LOGITS[name]})", end="")
        return None
    folder, out = sides.fresh(scratch, name, make), os.path.join(scratch, "out.gguf")
    tokens = [int(t) for t in torch.randint(5, 80, (32,), generator=torch.Generator().manual_seed(5))]
    made = framework(module, folder, tokens)
    if made is None:
        print(" (not run: the framework has no class for it)", end="")
        return None
    want, of_logits, two = made
    done = sides.ggx(folder, out, "f32")
    if done.returncode:
        return f"exit {done.returncode}: {done.stderr.strip()}"
    try:
        with llama.Model(library, out) as model:
            if two:
                got = model.logits(tokens[:8], encoded=tokens)
            else:
                got = model.logits(tokens) if of_logits else model.embeddings(tokens)
    except ValueError as error:
        return str(error)
    width = min(want.shape[1], got.shape[1])  # a padded vocabulary
    want, got = want[:, :width], got[:, :width]
    largest = float(np.abs(want).max())
    apart = float(np.abs(want - got).max()) / largest
    print(f" (apart by {apart:.1e} of {largest:.2f})", end="")
    if not apart <= TOLERANCE:
        return "the values are others"
    return None if (want.argmax(1) == got.argmax(1)).all() else "another first choice"


sides.each(check)
