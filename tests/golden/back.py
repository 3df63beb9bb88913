"""Promise: a file that a recipe made for llama.cpp leads back: `ggx model.gguf -o back.safetensors` gives the source's names, shapes and values, and says which
tensors it cannot restore. Each model of golden/09-* to f32 in GGUF and back, against its own safetensors; and seeded Llama, GPT-2 and BERT."""
import glob
import json
import os
import subprocess
import sys
import tempfile

import oracle
import seeded_families

GGX = os.environ["GGX"]


def tensors(numpy, path):
    """Names and f32 values of a safetensors file."""
    with open(path, "rb") as file:
        data = file.read()
    size = int.from_bytes(data[:8], "little")
    found = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        raw = data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]]
        if entry["dtype"] == "BF16":
            values = (numpy.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
        else:
            values = numpy.frombuffer(raw, {"F32": "<f4", "F16": "<f2", "I64": "<i8"}[entry["dtype"]]).astype("<f4")
        found[name] = values.reshape(entry["shape"])
    return found


def check(numpy, model, scratch, *words):
    """What is wrong, or None."""
    out, back = os.path.join(scratch, "model.gguf"), os.path.join(scratch, "back.safetensors")
    for path in (out, back):
        if os.path.exists(path):
            os.remove(path)
    forth = subprocess.run([GGX, model, "-o", out, "--type", "f32", "--quiet", *words], capture_output=True, text=True)
    if forth.returncode:
        return f"no file: {forth.stderr}"
    done = subprocess.run([GGX, out, "-o", back], capture_output=True, text=True)
    if done.returncode:
        return done.stderr
    if " backwards" not in done.stdout:
        return f"not led back: {done.stdout}"
    if os.environ.get("SAY"):
        print(done.stderr)
    source = {}
    for path in sorted(glob.glob(os.path.join(model, "*.safetensors"))):
        source |= tensors(numpy, path)
    found = tensors(numpy, back)
    bare = {name.removeprefix("transformer.").removeprefix("bert."): value for name, value in source.items()}
    extra = set(found) - set(source) - set(bare)
    if extra:
        return f"tensors that the source has not: {sorted(extra)}"
    for name, value in found.items():
        wanted = source.get(name, bare.get(name))
        if value.shape != wanted.shape or not numpy.allclose(value, wanted, rtol=0, atol=1e-6 if "norm" in name else 0):
            return f"{name}: {value.shape} is not the {wanted.shape} of the source, or has other values"
    lost = [name for name in bare if name not in found and name not in source or name not in found and name in source]
    for name in lost:
        last = name.rsplit(".", 1)[0]
        if name not in done.stderr and last.rsplit(".", 1)[-1] not in done.stderr:
            return f"{name} is lost, and nothing says so: {done.stderr}"
    return None if len(found) > 3 else "next to nothing was restored"


def main():
    numpy, = oracle.modules("numpy")
    bad = 0
    for make, words in ((seeded_families.llama, ()), (seeded_families.gpt2, ("-O", "bpe.pre=gpt-2")), (seeded_families.bert, ("-O", "wordpiece.pre=gpt-2"))):
        with tempfile.TemporaryDirectory() as scratch:
            place = os.path.join(scratch, make.__name__)
            os.mkdir(place)
            make(place, "F32")
            wrong = check(numpy, place, scratch, *words)
        print(f"seeded {make.__name__}: {wrong or 'back'}", flush=True)
        bad += wrong is not None
    golden = oracle.case("golden")
    if not golden:
        assert not bad
        return oracle.finish()
    for folder in sorted(glob.glob(os.path.join(golden, "09-*"))):
        with open(os.path.join(folder, "case.json"), encoding="utf-8") as file:
            case = json.load(file)
        model = os.path.join(folder, "in", case["model_dir_name"])
        if not case["outputs"] or not glob.glob(os.path.join(model, "*.safetensors")):
            continue
        if len(sys.argv) > 1 and os.path.basename(folder) not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            place = os.path.join(scratch, case["model_dir_name"])  # with what several cases share
            os.mkdir(place)
            for entry in case["inputs"]:
                if entry.get("kept") or entry.get("shared"):
                    os.symlink(os.path.join(golden, entry["shared"]) if entry.get("shared") else os.path.join(folder, entry["path"]),
                               os.path.join(place, os.path.basename(entry["path"])))
            wrong = check(numpy, place, scratch)
        print(f"{os.path.basename(folder)}: {wrong or 'back'}", flush=True)
        bad += wrong is not None
    assert not bad, f"{bad} models do not come back"
    return oracle.finish()


main()
