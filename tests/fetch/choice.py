"""Promises: of a repository the files are fetched that are needed: its weights once, in the preferred form or in that of --form, and what stands
beside them; --all fetches everything. Which these are is data."""
import json
import os

import common
from common import LARGE, check

REST = ["config.json", "tokenizer.json", "tokenizer.model", "README.md", "sub/notes.txt", "odd.dat"]
FORMS = {
    "safetensors": [LARGE],
    "pytorch": ["pytorch_model.bin"],
    "gguf": ["model-q4_0.gguf", "model-q8_0.gguf"],
    "keras": ["tf_model.h5"],
    "tensorflow": ["model.ckpt.index", "model.ckpt.data-00000-of-00001"],
    "numpy": ["weights.npz"],
}
COPIES = ["consolidated.safetensors", "original/consolidated.00.pth", "model.fp16.safetensors"]
NEVER = ["flax_model.msgpack", "onnx/model.onnx", "onnx/config.json", "rust_model.ot", "openvino_model.bin", "coreml/x.mlpackage/a.bin", "model.tflite",
         "optimizer.pt", "checkpoint-1/optimizer.pt", "training_args.bin", "runs/1/events", "picture.png"]
names = [n for group in FORMS.values() for n in group] + COPIES + NEVER + REST
case = common.Case(**{n: n.encode() for n in names if n not in (LARGE, "config.json", "sub/notes.txt")})
case.hub.files[LARGE] = case.hub.published[LARGE] = case.data


def fetched(*words, name="hf://org/model", **more):
    case.clear()
    case.hub.seen.clear()
    said = case.run("fetch", name, "-o", case.folder, *words, **more)
    have = sorted(os.path.relpath(os.path.join(root, n), case.folder) for root, _, found in os.walk(case.folder) for n in found)
    asked = {path.split("?")[0].split("/resolve/")[-1].split("/", 1)[-1] for _, _, path, _ in case.hub.seen if "/resolve/" in path}
    check(asked <= set(have), f"asked for {asked - set(have)}, which was not kept")
    return have, said


check(fetched()[0] == sorted(REST + [LARGE]), f"the preferred form: {fetched()[0]}")
out, said = fetched()
check(f"{len(names) - len(out)} files that are not needed" in said and "safetensors" in said, said)
for form, files in FORMS.items():
    out, _ = fetched("--form", form)
    extra = ["original/consolidated.00.pth"] if form == "none" else []
    check(out == sorted(REST + files + extra), f"--form {form}: {out}")
check(fetched("--all")[0] == sorted(names), "--all")
check(json.loads(case.run("fetch", "hf://org/model", "--json"))[0]["commit"] == case.hub.commit, "--json")
check("safetensors, pytorch" in case.run("fetch", "hf://org/model", "--form", "x", "-o", case.folder, code=2), "a form that nobody knows")
case.run("fetch", case.url, "--form", "pytorch", "-o", case.folder, code=2)
case.run("fetch", "hf://org/model/onnx/model.onnx", "-o", case.folder) # named is meant

# A file that comes in pieces; copies are left out only beside what they are copies of.
for name in (LARGE, "model.fp16.safetensors"):
    del case.hub.files[name], case.hub.published[name]
pieces = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
for name in pieces:
    case.hub.files[name] = case.hub.published[name] = name.encode()
check(fetched()[0] == sorted(REST + pieces), f"pieces: {fetched()[0]}")
for name in pieces:
    del case.hub.files[name], case.hub.published[name]
check(fetched()[0] == sorted(REST + ["consolidated.safetensors"]), "the copy is all there is")
del case.hub.files["consolidated.safetensors"], case.hub.published["consolidated.safetensors"]
check(fetched()[0] == sorted(REST + ["pytorch_model.bin"]), "the next form")
case.run("fetch", "hf://org/model", "--form", "safetensors", "-o", case.folder, code=3)
for name in [n for n in case.hub.published if n not in REST]:
    del case.hub.files[name], case.hub.published[name]
check(fetched()[0] == sorted(REST), "a repository without weights")

# Equal files are one blob, fetched once.
case.hub.files["sub/config.json"] = case.hub.published["sub/config.json"] = case.hub.files["config.json"]
case.run("fetch", "hf://org/model")
links = [os.readlink(os.path.join(case.snapshot, n)).split("/")[-1] for n in ("config.json", "sub/config.json")]
check(links[0] == links[1], f"{links}")

# The rules are a file, which others may replace.
data = case.path("data")
os.makedirs(os.path.join(data, "models"))
for rules, code in (({"forms": [{"name": "odd", "weights": ["*.dat"]}], "leave": ["*.md"]}, 0), ({}, 7), ({"forms": [{"name": "x"}]}, 7),
                    ({"forms": [{"name": "x", "weights": [1]}]}, 7), ({"forms": [], "leave": "x"}, 7), ([], 7)):
    with open(os.path.join(data, "models", "files.json"), "w") as f:
        json.dump(rules, f)
    case.clear()
    said = case.run("fetch", "hf://org/model", "-o", case.folder, code=code, GGX_DATA=data)
    check(code or ("odd" in said and "README.md" not in case.left()), said)
print("ok")
