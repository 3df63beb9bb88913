"""Promise: with --mmproj a folder's towers for images become the file that llama.cpp's converter makes with its --mmproj, to the byte, for f32, f16, bf16 and
q8_0. What the converter refuses is refused, a model without a tower too, and the model itself is not made in its place."""
import contextlib
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import oracle
import sides

conversion = sides.converter()
oracle.modules("torch", "transformers", "safetensors", "sentencepiece")
import gguf
import torch
import vision
from models import llama

KINDS = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16", "q8_0": "MOSTLY_Q8_0"}


def reference(folder, out, kind):
    with torch.inference_mode(), contextlib.redirect_stderr(io.StringIO()):
        hparams = conversion.ModelBase.load_hparams(Path(folder), False)
        made = conversion.get_model_class(conversion.get_model_architecture(hparams, conversion.ModelType.MMPROJ), mmproj=True)
        made(Path(folder), getattr(gguf.LlamaFileType, KINDS[kind]), Path(out)).write()


def ggx(folder, out, kind):
    return subprocess.run([sides.GGX, folder, "-o", out, "--quiet", "--mmproj", "--type", kind], capture_output=True, text=True)


def check(name, make, scratch):
    folder = sides.fresh(scratch, name, make)
    theirs, ours = os.path.join(scratch, "theirs.gguf"), os.path.join(scratch, "ours.gguf")
    for kind in KINDS:
        for path in (theirs, ours):
            if os.path.exists(path):
                os.remove(path)
        reference(folder, theirs, kind)
        done = ggx(folder, ours, kind)
        assert done.returncode == 0, (name, kind, done.stderr)
        if open(theirs, "rb").read() != open(ours, "rb").read():
            return f"{kind} differs:\n{sides.explain(theirs, ours)}"
    os.remove(os.path.join(folder, "preprocessor_config.json"))
    done = ggx(folder, os.path.join(scratch, "none.gguf"), "f16")
    assert done.returncode == 7 and "preprocessor_config.json" in done.stderr and "image_mean" in done.stderr, done.stderr
    return None


with tempfile.TemporaryDirectory() as scratch:
    wrong = {}
    for name, make in vision.VARIANTS.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            said = check(name, make, scratch)
        print(f"{name}: {said or 'equal'}", flush=True)
        if said:
            wrong[name] = said
    assert not wrong, list(wrong)
    for name, (make, word) in vision.REFUSED.items():
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            folder = sides.fresh(scratch, name, make)
        try:
            reference(folder, os.path.join(scratch, "theirs.gguf"), "f16")
        except ValueError as error:
            said = error
        else:
            raise AssertionError(f"{name}: the converter takes it")
        done = ggx(folder, os.path.join(scratch, "none.gguf"), "f16")
        assert done.returncode == 7 and word in done.stderr and done.stderr.count("\n") == 1, (name, done.stderr)
        assert not os.path.exists(os.path.join(scratch, "none.gguf")), name
        print(f"{name}: refused, as by the converter ({said}): {done.stderr.strip()}")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        folder = sides.fresh(scratch, "plain", llama.llama)
    done = ggx(folder, os.path.join(scratch, "none.gguf"), "f16")
    assert done.returncode != 0 and "LlamaForCausalLM" in done.stderr and not os.path.exists(os.path.join(scratch, "none.gguf")), done.stderr
oracle.finish()
