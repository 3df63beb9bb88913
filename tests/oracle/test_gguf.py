"""ggx on GGUF files: its listing and its copy without a recipe against the gguf package and libggml-base."""
import glob
import json
import os
import subprocess
import tempfile

import oracle

np, gguf = oracle.modules("numpy", "gguf")
import ggml_base

GGX = os.environ["GGX"]


def field_value(field):
    return [field.types, [bytes(field.parts[i]) for i in field.data]]


def check_listing(path, theirs):
    ran = subprocess.run([GGX, "inspect", "--json", path], check=True, capture_output=True, timeout=60)
    mine = json.loads(ran.stdout)
    assert [t["name"] for t in mine["tensors"]] == [t.name for t in theirs.tensors], path
    for tensor, wanted in zip(mine["tensors"], theirs.tensors):
        assert tensor["type"] == wanted.tensor_type.name.lower(), tensor
        assert tensor["shape"] == [int(n) for n in wanted.shape[::-1]], tensor
        assert (tensor["offset"], tensor["nbytes"]) == (int(wanted.data_offset), int(wanted.n_bytes)), tensor


def check_copy(path, theirs, folder):
    """Nothing is named but the output: keys and tensors come through as they are, and ggml reads them."""
    out = os.path.join(folder, "out.gguf")
    subprocess.run([GGX, path, "-o", out, "--recipe", "none", "--quiet"], check=True, timeout=120)
    made = gguf.GGUFReader(out)
    old = {k: field_value(f) for k, f in theirs.fields.items() if not k.startswith("GGUF.")}
    new = {k: field_value(f) for k, f in made.fields.items() if not k.startswith("GGUF.")}
    assert {k: new.get(k) for k in old} == old, f"{path}: {[k for k in old if old[k] != new.get(k)][:5]}"
    assert [t.name for t in made.tensors] == [t.name for t in theirs.tensors], path
    for a, b in zip(made.tensors, theirs.tensors):
        assert (a.tensor_type, list(a.shape), a.data.tobytes()) == (b.tensor_type, list(b.shape), b.data.tobytes()), a.name
    lib = ggml_base.load()
    if lib:
        context = lib.gguf_init_from_file(out.encode(), ggml_base.InitParams(True, None))
        assert context, f"{path}: ggml does not read the copy"
        assert lib.gguf_get_n_tensors(context) == len(made.tensors)
        lib.gguf_free(context)
    os.remove(out)


def main():
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        for where in ("real", "golden"):
            root = oracle.case(where)
            for path in sorted(glob.glob(os.path.join(root or "/nowhere", "**", "*.gguf"), recursive=True)):
                theirs = gguf.GGUFReader(path)
                check_listing(path, theirs)
                check_copy(path, theirs, folder)
                count += 1
    print(f"{count} real files")
    oracle.finish()


main()
