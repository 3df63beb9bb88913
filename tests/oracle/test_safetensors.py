"""ggx on safetensors files: its listing against the safetensors package, its GGUF without a recipe against the gguf package."""
import glob
import json
import os
import subprocess
import tempfile

import oracle

np, gguf, safetensors = oracle.modules("numpy", "gguf", "safetensors")

GGX = os.environ["GGX"]
# what GGUF has a type for
IN_GGUF = {"F64": "F64", "F32": "F32", "F16": "F16", "BF16": "BF16", "I64": "I64", "I32": "I32", "I16": "I16", "I8": "I8"}


def listing(path):
    return json.loads(subprocess.run([GGX, "inspect", "--json", path], check=True, capture_output=True, timeout=60).stdout)


def check_listing(path, wanted):
    """Names, types, shapes, and the bytes at each offset."""
    mine = listing(path)
    members = [path if os.path.isfile(path) and m == os.path.basename(path) else os.path.join(path if os.path.isdir(path) else os.path.dirname(path), m)
               for m in mine["members"]]
    assert sorted(t["name"] for t in mine["tensors"]) == sorted(wanted), path
    for tensor in mine["tensors"]:
        dtype, shape, data = wanted[tensor["name"]]
        assert (tensor["type"], tuple(tensor["shape"]), tensor["nbytes"]) == (dtype.lower(), shape, len(data)), tensor
        with open(members[tensor["member"]], "rb") as file:
            file.seek(tensor["offset"])
            assert file.read(tensor["nbytes"]) == data, tensor


def check_converted(path, wanted, folder):
    out = os.path.join(folder, "out.gguf")
    subprocess.run([GGX, path, "-o", out, "--recipe", "none", "--quiet"], check=True, timeout=120)
    made = {t.name: t for t in gguf.GGUFReader(out).tensors}
    assert sorted(made) == sorted(wanted), path
    for name, (dtype, shape, data) in wanted.items():
        assert made[name].tensor_type.name == IN_GGUF[dtype], name
        assert tuple(int(n) for n in made[name].shape[::-1]) == shape or not shape, name
        assert made[name].data.tobytes() == data, name
    os.remove(out)


def contents(*paths):
    out = {}
    for path in paths:
        with open(path, "rb") as file:
            out.update({n: (t["dtype"], tuple(t["shape"]), bytes(t["data"])) for n, t in safetensors.deserialize(file.read())})
    return out


def fits(wanted):
    return all(d in IN_GGUF and len(s) <= 4 and len(n.encode()) <= 63 for n, (d, s, _) in wanted.items())


def check_real(folder):
    count = 0
    for where in ("real", "golden"):
        root = oracle.case(where)
        for path in sorted(glob.glob(os.path.join(root or "/nowhere", "**", "*.safetensors"), recursive=True)):
            wanted = contents(path)
            check_listing(path, wanted)
            if fits(wanted):
                check_converted(path, wanted, folder)
            count += 1
    print(f"{count} real files")


def check_shards(folder):
    """Two shards with their index, named by the index and by the folder."""
    import safetensors.numpy
    model = os.path.join(folder, "model")
    os.mkdir(model)
    rng = np.random.default_rng(2)
    names = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    place = {}
    for k, shard in enumerate(names):
        tensors = {f"layer.{k}.{i}": rng.standard_normal((3, 4)).astype(np.float32) for i in range(3)}
        safetensors.numpy.save_file(tensors, os.path.join(model, shard), {"format": "pt"})
        place.update({n: shard for n in tensors})
    index = os.path.join(model, "model.safetensors.index.json")
    with open(index, "w") as file:
        json.dump({"metadata": {"total_size": 288}, "weight_map": place}, file, indent=2)
    wanted = contents(*(os.path.join(model, n) for n in names))
    for path in (index, model):
        check_listing(path, wanted)
        check_converted(path, wanted, folder)


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_shards(folder)
        check_real(folder)
    oracle.finish()


main()
