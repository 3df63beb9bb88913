"""Promise: a model's directory is one source. The right reader takes it, with a score of at least 50 and alone, and lists what the files
themselves hold; beside config.json, tokenizer files and what else lies in such directories."""
import glob
import json
import os
import shutil
import sys
import tempfile

import flow
import oracle

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "corpus"))
import make_pth  # noqa: E402

BESIDE = {"config.json": "{}", "generation_config.json": "{}", "tokenizer.json": '{"model": {"vocab": {}}}', "tokenizer_config.json": "{}",
          "vocab.json": '{"a": 0}', "merges.txt": "#version: 0.2\n", "README.md": "---\nlicense: mit\n---\n", ".gitattributes": "*.bin filter=lfs\n",
          "training_args.bin": "no weights", "onnx/model.onnx": "\x08\x07", "logs/pytorch_model.bin": "no weights"}


def listed(path, *options):
    """(reader, its score, {name: (type, shape)}); no other reader may score as high."""
    found = json.loads(flow.run("inspect", "--json", path, *options))
    scores = found.get("probe", {})
    best = scores.get(found["reader"], 0)
    flow.check(all(s < best for reader, s in scores.items() if reader != found["reader"]), f"{path}: {scores}")
    return found["reader"], best, {t["name"]: (t["type"], t["shape"]) for t in found["tensors"]}


def build(folder, **files):
    """Copies files (bytes, or paths) into a new folder beside what else a model's directory has."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in {**{k: v.encode("latin-1") for k, v in BESIDE.items()}, **{k: v for k, v in files.items()}}.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(content, str):
            shutil.copyfile(content, path)
        else:
            with open(path, "wb") as file:
                file.write(content)
    return folder


def check(folder, reader, tensors):
    name, score, found = listed(folder)
    flow.check(name == reader and score >= 50, f"{folder}: {name} took it with {score}, not {reader}")
    flow.check(found == tensors, f"{folder}: {sorted(set(found) ^ set(tensors))[:9] or 'types or shapes'} differ")
    flow.check(len(tensors) > 0, f"{folder}: no tensors")


def refused(folder, word, code):
    said = flow.run("inspect", folder, code=code)
    flow.check(word in said, f"{folder}: {said!r} does not say {word!r}")


def made(folder):
    """Directories from generated files; needs no cases."""
    flow.write_safetensors("one.safetensors", [("a", [2, 3]), ("b", [4])])
    flow.write_safetensors("two.safetensors", [("c", [5])])
    left, right = ({"a": ("f32", [2, 3]), "b": ("f32", [4])}), {"c": ("f32", [5])}
    check(build(folder, **{"model.safetensors": "one.safetensors"}), "safetensors", left)
    check(build(folder, **{"adapter.safetensors": "two.safetensors"}), "safetensors", right)
    shards = {"model-00001-of-00002.safetensors": "one.safetensors", "model-00002-of-00002.safetensors": "two.safetensors"}
    index = {"metadata": {}, "weight_map": dict.fromkeys(left, "model-00001-of-00002.safetensors") | {"c": "model-00002-of-00002.safetensors"}}
    check(build(folder, **shards, **{"model.safetensors.index.json": json.dumps(index).encode()}), "safetensors", left | right)

    pairs, tensor, archive = make_pth.pairs, make_pth.tensor, make_pth.archive
    w, v = {"w": ("f32", [2, 3])}, {"v": ("f32", [6])}
    one, two = archive(pairs(w=tensor())), archive(pairs(v=tensor(size=(6,), stride=(1,))))
    stream = make_pth.stream(pairs(w=tensor()))
    for content in (one, stream):
        check(build(folder, **{"pytorch_model.bin": content}), "pth", w)
        check(build(folder, **{"model.pth": content}), "pth", w)
    index = {"metadata": {}, "weight_map": {"w": "pytorch_model-00001-of-00002.bin", "v": "pytorch_model-00002-of-00002.bin"}}
    shards = {"pytorch_model-00001-of-00002.bin": one, "pytorch_model-00002-of-00002.bin": two,
              "pytorch_model.bin.index.json": json.dumps(index).encode()}
    check(build(folder, **shards), "pth", w | v)
    check(build(folder, **shards, **{"model.safetensors": "one.safetensors"}), "safetensors", left)  # the hub's old models have both
    os.remove(os.path.join(build(folder, **shards), "pytorch_model-00002-of-00002.bin"))
    refused(folder, "pytorch_model-00002-of-00002.bin", 3)
    refused(build(folder, **{"a.pth": one, "b.pth": two}), "2 PyTorch files", 2)
    flow.run("inspect", build(folder), code=8)
    flow.check(listed(os.path.join(build(folder, **{"a.pth": one, "b.pth": two}), "b.pth"))[2] == v, "a file in the directory, named")


def golden(folder):
    """Directories of the reference cases, against their files one by one."""
    readers = {"02-gpt2-hf-st": "safetensors", "02-gpt2-hf-st-sharded": "safetensors", "02-gpt2-hf-st-added": "safetensors",
               "02-gpt2-hf-bin-zip": "pth", "02-gpt2-hf-bin-legacy": "pth", "02-gpt2-hf-bin-sharded": "pth", "02-gpt2-hf-tfh5": "hf-h5",
               "02-gpt2-hf-tfh5-base": "hf-h5", "01-gpt2-ckpt": "tf", "01-gpt2-ckpt-12l": "tf", "01-gpt2-ckpt-2shard": "tf"}
    ends = {"safetensors": "*.safetensors", "pth": "*.bin", "hf-h5": "*.h5", "tf": "*.index"}
    paths = {}
    for case, reader in readers.items():
        path = oracle.case(os.path.join("golden", case, "in"))
        if not path:
            continue
        tensors = {}
        for file in sorted(glob.glob(os.path.join(path, ends[reader]))):
            tensors |= listed(file, "--reader", reader)[2]
        check(path, reader, tensors)
        inside = {name: os.path.join(path, name) for name in os.listdir(path)}
        check(build(folder, **inside), reader, tensors)
        paths[case] = path, tensors
    if len(paths) == len(readers):
        st, pth, h5 = (paths["02-gpt2-hf-" + k] for k in ("st", "bin-zip", "tfh5"))
        both = {"pytorch_model.bin": os.path.join(pth[0], "pytorch_model.bin"), "tf_model.h5": os.path.join(h5[0], "tf_model.h5")}
        check(build(folder, **both), "pth", pth[1])
        check(build(folder, **both, **{"model.safetensors": os.path.join(st[0], "model.safetensors")}), "safetensors", st[1])


def saved_models(folder):
    root, count = oracle.case("real/tf"), 0
    for path in sorted(glob.glob(os.path.join(root or "/nowhere", "**", "saved_model.pb"), recursive=True)):
        inside = os.path.dirname(path)
        index = os.path.join(inside, "variables", "variables.index")
        if not os.path.exists(index):
            continue
        reader, score, tensors = listed(inside)
        flow.check(reader == "tf" and score >= 50 and tensors, f"{inside}: {reader} {score}")
        flow.check(len(tensors) <= len(listed(index)[2]), f"{inside}: more than its variables")
        names = [os.path.relpath(p, inside) for p in glob.glob(os.path.join(inside, "**"), recursive=True) if os.path.isfile(p)]
        check(build(folder, **{n: os.path.join(inside, n) for n in names}), "tf", tensors)
        count += 1
    flow.check(count or not root, "no SavedModel among the cases")


with tempfile.TemporaryDirectory() as scratch:
    os.chdir(scratch)
    made("model")
    golden("model")
    saved_models("model")
oracle.finish()
