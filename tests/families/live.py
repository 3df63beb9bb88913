"""Promise: each family's models become the bytes that llama.cpp's converter writes, for f32, f16, bf16 and q8_0. Every file of models/ makes
one family's tiny models (VARIANTS: name → function of the folder), most through transformers' own classes; the converter runs in this
process. Trained vocabularies are tiny, so that the converter cannot know how they split text: it is told PRE, as ggx is with -O.

live.py PART PARTS       every PARTS-th family, from PART on
live.py NAME…            these, with what differs key by key and tensor by tensor
"""
import contextlib
import importlib
import io
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import oracle

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
GGX = os.environ["GGX"]
PRE = "gpt-2"


def converter():
    """The converter's package, quiet."""
    folder = os.path.join(os.environ.get("GGX_ORACLES", ""), "llama.cpp")
    if not os.path.isdir(os.path.join(folder, "conversion")):
        oracle.skip("the converter is not here; tests/setup.sh all fetches it")
    os.environ["TRANSFORMERS_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    os.environ["TQDM_DISABLE"] = "1"
    sys.path[:0] = [os.path.join(folder, "gguf-py"), folder]
    import conversion
    logging.disable(logging.CRITICAL)
    return conversion


def reference(conversion, folder, out, kind, **more):
    """Converts as convert_hf_to_gguf.py does."""
    import gguf
    import torch
    kinds = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16", "q8_0": "MOSTLY_Q8_0", "auto": "GUESSED"}
    with torch.inference_mode(), contextlib.redirect_stderr(io.StringIO()):
        hparams = conversion.ModelBase.load_hparams(Path(folder), False)
        arch = conversion.get_model_architecture(hparams, conversion.ModelType.TEXT)
        made = conversion.get_model_class(arch)
        conversion.TextModel.get_vocab_base_pre = lambda self, tokenizer: PRE
        made(Path(folder), getattr(gguf.LlamaFileType, kinds[kind]), Path(out), **more).write()


def ggx(folder, out, kind):
    """The vocabulary's plugin is told PRE; SentencePiece's needs nothing."""
    has = set(os.listdir(folder))
    plugin = None if "tokenizer.model" in has else "wordpiece" if "vocab.txt" in has else "bpe" if "tokenizer.json" in has else None
    return subprocess.run([GGX, folder, "-o", out, "--quiet", *(["-O", f"{plugin}.pre={PRE}"] if plugin else []),
                           *([] if kind == "auto" else ["--type", kind])], capture_output=True, text=True)


def told(path):
    """The file's keys and tensors, for messages."""
    import gguf
    reader = gguf.GGUFReader(path)
    keys = {k: f.contents() for k, f in reader.fields.items() if not k.startswith("GGUF.")}
    return keys, {t.name: (t.tensor_type.name, t.shape.tolist(), t.data.tobytes()) for t in reader.tensors}


def explain(theirs, ours):
    a, b = told(theirs), told(ours)
    lines = []
    for what, left, right in (("key", a[0], b[0]), ("tensor", a[1], b[1])):
        for name in [*left, *(n for n in right if n not in left)]:
            l, r = left.get(name, "-"), right.get(name, "-")
            if l != r:
                show = [str(v[:2]) if what == "tensor" and v != "-" else str(v)[:90] for v in (l, r)]
                lines.append(f"  {what} {name}: {show[0]} is {show[1]}")
        if list(left) != list(right) and set(left) == set(right):
            lines.append(f"  the order of {what}s: {list(left)}\n   is {list(right)}")
    return "\n".join(lines[:60]) or "  the same keys and tensors, other bytes between"


def check(conversion, family, name, make, scratch):
    folder = os.path.join(scratch, f"tiny-{name}")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    make(folder)
    theirs, ours = os.path.join(scratch, "theirs.gguf"), os.path.join(scratch, "ours.gguf")
    for kind in ("f32", "f16", "bf16", "q8_0"):
        for path in (theirs, ours):
            if os.path.exists(path):
                os.remove(path)
        try:
            reference(conversion, folder, theirs, kind)
        except Exception as error:  # a model that is no test
            return f"{kind}: the converter: {type(error).__name__}: {error}"
        done = ggx(folder, ours, kind)
        if done.returncode:
            return f"{kind}: exit {done.returncode}: {done.stderr.strip()}"
        with open(theirs, "rb") as a, open(ours, "rb") as b:
            if a.read() != b.read():
                return f"{kind} differs:\n{explain(theirs, ours)}"
    return None


def main():
    oracle.modules("torch", "transformers", "tokenizers", "sentencepiece", "safetensors")
    names = sorted(n[:-3] for n in os.listdir(os.path.join(HERE, "models")) if n.endswith(".py"))
    assert len(names) > 4
    wanted = sys.argv[1:]
    if len(wanted) == 2 and wanted[0].isdigit():
        names = names[int(wanted[0])::int(wanted[1])]
    else:
        assert set(wanted) <= set(names), set(wanted) - set(names)
        names = wanted
    conversion = converter()
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        for family in names:
            for name, make in importlib.import_module(f"models.{family}").VARIANTS.items():
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    wrong = check(conversion, family, name, make, scratch)
                print(f"{family}: {name}: {wrong or 'equal'}", flush=True)
                bad += wrong is not None
    assert not bad, f"{bad} models differ"
    oracle.finish()


main()
