"""Promise: --mtp writes the head that predicts more tokens alone, --no-mtp the model without it, as the converter does with its options of these names: whole
files, for f32, f16, bf16 and q8_0, for every family that has such a head (WITH_MTP of a file of models/: its variants). A model without one, and a recipe that
knows of none, are refused before there is an output, and the two do not go together."""
import contextlib
import io
import importlib
import os
import sys
import tempfile

import oracle
import sides

conversion = sides.converter()


def check(name, make, scratch):
    folder = sides.fresh(scratch, name, make)
    wrong = []
    for portion in ("mtp", "no-mtp"):
        said = sides.compare(conversion, folder, scratch, ("f32", "f16", "bf16", "q8_0"), f"--{portion}", portion=portion)
        wrong += [f"--{portion}: {said}"] if said else []
    said = sides.compare(conversion, folder, scratch, ("f16",), "--mtp", "--vocab-only", portion="mtp", vocab_only=True)
    wrong += [f"--mtp --vocab-only: {said}"] if said else []
    return "; ".join(wrong) or None


def refused(scratch, name, make, code, *words, options=("--mtp",)):
    out = os.path.join(scratch, "none.gguf")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        folder = sides.fresh(scratch, name, make)
    done = sides.ggx(folder, out, "f16", *options)
    assert done.returncode == code and len(done.stderr.splitlines()) == 1 and not os.path.exists(out), (done.returncode, done.stderr)
    assert all(word in done.stderr for word in words), done.stderr


tried = 0
with tempfile.TemporaryDirectory() as scratch:
    bad = []
    for family in sides.families(sys.argv[1:]):
        module = importlib.import_module(f"models.{family}")
        for name in getattr(module, "WITH_MTP", ()):
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                wrong = check(name, module.VARIANTS[name], scratch)
            print(f"{family}: {name}: {wrong or 'equal'}", flush=True)
            tried += 1
            bad += [name] if wrong else []
    assert tried and not bad, (tried, bad)
    from models import deepseek, llama, qwen_linear, routed
    # Without a head the converter ends with an error, of families that nearly always have one; what is meant is the model without.
    folder, theirs, ours = sides.fresh(scratch, "headless", qwen_linear.headless), os.path.join(scratch, "theirs.gguf"), os.path.join(scratch, "ours.gguf")
    sides.reference(conversion, folder, theirs, "f16", portion="no-mtp")
    done = sides.ggx(folder, ours, "f16")
    assert done.returncode == 0, done.stderr
    with open(theirs, "rb") as a, open(ours, "rb") as b:
        assert a.read() == b.read(), sides.explain(theirs, ours)
    refused(scratch, "headless", qwen_linear.headless, 7, "predict more tokens", "--mtp")
    refused(scratch, "headless", routed.VARIANTS["glm4moe-trunk"], 7, "predict more tokens", "--mtp")
    for portion in ("--mtp", "--no-mtp"):
        refused(scratch, "plain", llama.llama, 7, "LlamaForCausalLM", portion, options=(portion,))
        refused(scratch, "v3", deepseek.VARIANTS["deepseek-v3"], 7, "DeepseekV3ForCausalLM", portion, options=(portion,))
    refused(scratch, "named", llama.llama, 2, "recipe llama makes no file", "mtp", options=("--mtp", "--recipe", "llama"))
    refused(scratch, "both", llama.llama, 2, "--mtp and --no-mtp ask for different files", options=("--mtp", "--no-mtp"))
oracle.finish()
