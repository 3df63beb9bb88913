"""What the tests of families share: the converter, run in this process, and ggx; the tiny models of models/, one by one."""
import contextlib
import importlib
import io
import json
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
PRE = "gpt-2"  # how text is split before merges: the converter cannot know it of trained vocabularies, so both are told


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


def reference(conversion, folder, out, kind, vocab_only=False, portion=None, **more):
    """Converts as convert_hf_to_gguf.py does. portion: "mtp" or "no-mtp", as its options of these names."""
    import gguf
    import torch
    kinds = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16", "q8_0": "MOSTLY_Q8_0", "auto": "GUESSED",
             "tq1_0": "MOSTLY_TQ1_0", "tq2_0": "MOSTLY_TQ2_0"}
    with torch.inference_mode(), contextlib.redirect_stderr(io.StringIO()):
        hparams = conversion.ModelBase.load_hparams(Path(folder), False)
        arch = conversion.get_model_architecture(hparams, conversion.ModelType.TEXT)
        made = conversion.get_model_class(arch)
        conversion.TextModel.get_vocab_base_pre = lambda self, tokenizer: PRE
        if hasattr(made, "lerp_weights"):  # of the class: the next model would find them
            made.lerp_weights = {}
        if portion and not made.supports_mtp_export:
            raise ValueError(f"--{portion} is not supported for {arch}")
        made.mtp_only, made.no_mtp = portion == "mtp", portion == "no-mtp"
        try:
            model = made(Path(folder), getattr(gguf.LlamaFileType, kinds[kind]), Path(out), **more)
            model.write_vocab() if vocab_only else model.write()
        finally:  # of the class: the next model would find them
            del made.mtp_only, made.no_mtp


def has_pre(folder):
    """Has the folder a vocabulary of merges or pieces? SentencePiece's and RWKV's need no pre-tokenizer."""
    has = set(os.listdir(folder))
    if {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "rwkv_vocab_v20230424.txt"} & has:
        return False
    if "tokenizer.json" not in has:
        return True
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        return json.load(file)["model"].get("type") != "Unigram"


def ggx(folder, out, kind, *more):
    """Tells PRE where a pre-tokenizer is asked for."""
    told = ["--pre", PRE] if has_pre(folder) else []
    return subprocess.run([GGX, folder, "-o", out, "--quiet", *more, *told,
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


def families(words):
    """The modules of models/ that the command line asks for: PART PARTS, or names."""
    oracle.modules("torch", "transformers", "tokenizers", "sentencepiece", "safetensors")
    names = sorted(n[:-3] for n in os.listdir(os.path.join(HERE, "models")) if n.endswith(".py"))
    assert len(names) > 4
    if len(words) == 2 and words[0].isdigit():
        return names[int(words[0])::int(words[1])]
    assert set(words) <= set(names), set(words) - set(names)
    return words or names


def each(check, first_only=False):
    """Calls check(module, name, make, scratch), which says what is wrong or None, for every variant of the families asked for;
    first_only: for the first one, or those that a file of several families names in EACH."""
    names = families(sys.argv[1:])
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        for family in names:
            module = importlib.import_module(f"models.{family}")
            chosen = getattr(module, "EACH", list(module.VARIANTS)[:1]) if first_only else module.VARIANTS
            for name, make in ((n, module.VARIANTS[n]) for n in chosen):
                with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(io.StringIO()):
                    wrong = check(module, name, make, scratch)
                print(f"{family}: {name}:{said.getvalue()} {wrong or 'equal'}", flush=True)
                bad += wrong is not None
    assert not bad, f"{bad} models differ"
    oracle.finish()


def compare(conversion, folder, scratch, kinds, *more, **theirs_more):
    """Converts to each of the kinds with both: what differs first, or None."""
    theirs, ours = os.path.join(scratch, "theirs.gguf"), os.path.join(scratch, "ours.gguf")
    for kind in kinds:
        for path in (theirs, ours):
            if os.path.exists(path):
                os.remove(path)
        try:
            reference(conversion, folder, theirs, kind, **theirs_more)
        except Exception as error:  # a model that is no test
            return f"{kind}: the converter: {type(error).__name__}: {error}"
        done = ggx(folder, ours, kind, *more)
        if done.returncode:
            return f"{kind}: exit {done.returncode}: {done.stderr.strip()}"
        with open(theirs, "rb") as a, open(ours, "rb") as b:
            if a.read() != b.read():
                return f"{kind} differs:\n{explain(theirs, ours)}"
    return None


def fresh(scratch, name, make):
    """An empty folder named for the model, because general.name comes from it, and filled."""
    folder = os.path.join(scratch, f"tiny-{name}")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    make(folder)
    return folder
