"""Promise: a folder with one thing wrong (a key of config.json left out, null or of another kind, a tokenizer's file gone, a tensor renamed, a tensor or an
expert too many) is refused in one sentence that names the recipe, and the file and key, or the tensor; or it becomes the bytes that the converter makes of
it. What the converter does not take is always refused. A seeded sample of all families: GGX_SEED=N is another one.

mangled.py [NAME…]     these families instead, and every key
"""
import contextlib
import hashlib
import importlib
import io
import json
import os
import random
import re
import shutil
import sys
import tempfile

import oracle
import sides

CASES = 16  # of a model of the sample
MODELS = 9
VALUES = ("two", ["x"], {"a": 1}, -1, 10**20, 0.5, True, None)
KNOWN = {("internlm2", "eos_token_id"), ("nemotron-h", "num_hidden_layers")}  # the converter ends with a KeyError; ggx needs neither
IGNORED = ("architectures", "transformers_version", "dtype", "torch_dtype", "auto_map", "id2label", "label2id")
SEED = int(os.environ.get("GGX_SEED", "7"))
seed = random.Random()  # anew for each model
conversion = sides.converter()


def of_sample():
    """Family and variant, of each architecture the first."""
    made = []
    for family in sides.families([]):
        if family in ("special", "vocabularies", "files", "packed", "unusual"):
            continue
        module = importlib.import_module(f"models.{family}")
        made += [(family, name, module.VARIANTS[name]) for name in getattr(module, "EACH", list(module.VARIANTS)[:1])]
    return made


def wrong(folder, scratch, words, tensors=False, asked=True):
    """What is wrong with how ggx takes the folder: None, or a sentence. One of the words must be in its refusal. asked: is the converter asked when it is
    taken?"""
    theirs, ours = (os.path.join(scratch, n) for n in ("theirs.gguf", "ours.gguf"))
    for path in (theirs, ours):
        if os.path.exists(path):
            os.remove(path)
    done = sides.ggx(folder, ours, "f16")
    if done.returncode:
        said = done.stderr
        if done.returncode not in (7, 8) or not said.startswith("ggx: ") or said.count("\n") != 1 or os.path.exists(ours):
            return f"exit {done.returncode}: {said}"
        named = any(w in said for w in words) or (tensors and re.search(r"tensor '[^']+'", said))
        return None if named else f"names none of {words}: {said}"
    if not asked:
        return None
    try:
        sides.reference(conversion, folder, theirs, "f16")
    except BaseException as error:
        return f"is taken, the converter says {type(error).__name__}: {str(error)[:90]}"
    with open(theirs, "rb") as a, open(ours, "rb") as b:
        return None if a.read() == b.read() else "another file:\n" + sides.explain(theirs, ours)


def of_config(folder, config, key, value, scratch, out):
    changed = {**config, key: value}
    if value == "out":
        del changed[key]
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(changed, file)
    words = [f"key {key}", *(key + end for end in (" ", ",", ")", ":", "\n"))]
    if value == "out":  # the class's value may contradict another key
        words.append("config.json")
    # a null may be taken as if it were not there: docs/models.md
    why = wrong(folder, scratch, words, tensors=value in ("out", None), asked=value is not None)
    if why:
        out.append(f"config.json, {key}: {json.dumps(value)}: {why}")


def of_files(folder, scratch, out):
    for name in sorted(os.listdir(folder)):
        if name.endswith((".safetensors", ".bin", "index.json")) or name == "config.json":
            continue
        path, away = os.path.join(folder, name), os.path.join(scratch, "away")
        shutil.move(path, away)
        why = wrong(folder, scratch, [name, "tokenizer", "config.json"])
        if why:
            out.append(f"without {name}: {why}")
        shutil.move(away, path)


def of_tensors(folder, scratch, out):
    from safetensors.torch import load_file, save_file
    path = os.path.join(folder, "model.safetensors")
    if not os.path.exists(path):
        return
    given = load_file(path)
    old = seed.choice([n for n in sorted(given) if given[n].dim() == 2 and "vis" not in n])  # towers' are left out
    bare = old.split(".", 1)[1]  # a prefix may be left out of messages
    experts = sorted((n for n in given if re.search(r"\bexperts\.\d+\.", n)), key=lambda n: int(re.search(r"experts\.(\d+)\.", n)[1]))
    changes = [({old + "x": given[old]}, [old], [bare, bare + "x"]), ({"stranger.weight": given[old]}, [], ["stranger.weight"])]
    if experts:
        number = int(re.search(r"experts\.(\d+)\.", experts[-1])[1])
        more = experts[-1].replace(f"experts.{number}.", f"experts.{number + 1}.")
        changes.append(({more: given[experts[-1]]}, [], [f"experts.{number + 1}."]))
    for more, without, words in changes:
        save_file({n: t.clone() for n, t in {**given, **more}.items() if n not in without}, path, {"format": "pt"})
        done = sides.ggx(folder, os.path.join(scratch, "ours.gguf"), "f16")
        if done.returncode not in (7, 8) or done.stderr.count("\n") != 1 or not any(w in done.stderr for w in words) or "recipe" not in done.stderr:
            out.append(f"tensors {list(more)} for {without}: exit {done.returncode}: {done.stderr}")
    save_file(given, path, {"format": "pt"})


def check(family, name, make, scratch, count):
    out, folder = [], sides.fresh(scratch, name, make)
    seed.seed(f"{SEED} {family} {name}")
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    base = sides.ggx(folder, os.path.join(scratch, "ours.gguf"), "f16")
    assert base.returncode == 0, base.stderr
    cases = [(k, v) for k in config if k not in IGNORED for v in (*VALUES, "out") if v == "out" or type(v) is not type(config[k])
             and not (v == 10**20 and isinstance(config[k], float))]  # a fraction, as JSON is read here
    for key, value in cases if count is None else seed.sample(cases, min(count, len(cases))):
        if value != "out" or (name, key) not in KNOWN:
            of_config(folder, config, key, value, scratch, out)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    of_files(folder, scratch, out)
    of_tensors(folder, scratch, out)
    return out


def main():
    made = of_sample()
    # by digests, so that a new family changes little
    ranked = sorted(made, key=lambda m: hashlib.sha256(f"{SEED} {m[0]} {m[1]}".encode()).digest())
    chosen = [m for m in made if m[0] in sys.argv[1:]] if len(sys.argv) > 1 else ranked[:MODELS]
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        for family, name, make in chosen:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                out = check(family, name, make, scratch, None if len(sys.argv) > 1 else CASES)
            print(f"{family}: {name}: {len(out) or 'as it should be'}", *out, sep="\n  ", flush=True)
            bad += len(out)
    assert not bad, f"{bad} cases"
    oracle.finish()


main()
