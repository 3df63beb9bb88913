"""Promise: without --type a file has the type that llama.cpp's converter guesses: that of the first matrix of half precision, whatever config.json says
of it. The model has a card and sampling settings, so that their keys are compared in a whole file."""
import os
import tempfile

import oracle
import sides
import tiny

oracle.modules("torch", "transformers", "tokenizers", "sentencepiece", "safetensors")
conversion = sides.converter()
CARD = """---
license: apache-2.0
language: [en, de]
tags:
- tiny
- no
base_model: someone/Tiny-Llama-1M
datasets:
- a/b
- {name: c, url: d}
pipeline_tag: text-generation
---
# A tiny model
"""


def make(folder, of, **config):
    """A tiny Llama whose tensors have the types that of(name, rank) says."""
    import torch
    from models import llama
    llama.llama(folder)
    tiny.change(folder, lambda name, tensor: {name: tensor.to(getattr(torch, of(name, tensor.dim())))})
    tiny.edit(folder, torch_dtype=config.get("torch_dtype"), dtype=config.get("dtype"))
    tiny.write(folder, "README.md", CARD)
    tiny.write(folder, "generation_config.json", {"do_sample": True, "temperature": 0.6, "top_k": 40, "top_p": 0.95, "repetition_penalty": 1.1})


CASES = {
    "bf16, config says f16": (lambda name, rank: "bfloat16", {"torch_dtype": "float16"}),
    "f16, config says bf16": (lambda name, rank: "float16", {"torch_dtype": "bfloat16"}),
    "f32, config says bf16": (lambda name, rank: "float32", {"dtype": "bfloat16"}),
    "f32, config says nothing": (lambda name, rank: "float32", {}),
    "vectors bf16, matrices f32": (lambda name, rank: "float32" if rank > 1 else "bfloat16", {"dtype": "bfloat16"}),
    "vectors bf16, matrices f16": (lambda name, rank: "float16" if rank > 1 else "bfloat16", {"dtype": "float32"}),
    "the first f32, then bf16": (lambda name, rank: "float32" if "embed" in name or "lm_head" in name else "bfloat16", {"dtype": "float16"}),
    "of each, bf16 first by name": (lambda name, rank: "bfloat16" if "lm_head" in name else "float16", {"dtype": "float16"}),
    "of each, f16 first by name": (lambda name, rank: "float16" if "lm_head" in name else "bfloat16", {"dtype": "bfloat16"}),
}

bad = 0
with tempfile.TemporaryDirectory() as scratch:
    for name, (of, config) in CASES.items():
        folder = sides.fresh(scratch, "llama-8M", lambda path: make(path, of, **config))
        theirs, ours = os.path.join(scratch, "theirs.gguf"), os.path.join(scratch, "ours.gguf")
        sides.reference(conversion, folder, theirs, "auto")
        done = sides.ggx(folder, ours, "auto")
        assert done.returncode == 0, (name, done.stderr)
        with open(theirs, "rb") as a, open(ours, "rb") as b:
            equal = a.read() == b.read()
        print(f"{name}: {'equal' if equal else sides.explain(theirs, ours)}", flush=True)
        bad += not equal
        os.remove(ours)
assert not bad
oracle.finish()
