"""Promise: ggx diff measures a file against what the recipe makes of its source. Its numbers are those of numpy between the file and what
llama.cpp's converter writes as f32; what a type rounds away is no difference (exit 0), anything more is (exit 6): a changed element, a
tensor that is missing, extra or of another shape, a key with another value. quantized by llama.cpp's own quantizer it is no difference
either."""
import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile

import oracle

oracle.modules("torch", "transformers")
sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "families"))
import sides

conversion = sides.converter()
numpy, gguf = oracle.modules("numpy", "gguf")

GGX = os.environ["GGX"]


def ggx(*words):
    return subprocess.run([GGX, *words], capture_output=True, text=True)


def told(source, file, *words):
    ran = ggx("diff", source, file, "--json", *words)
    assert ran.returncode in (0, 6), ran.stderr
    found = json.loads(ran.stdout)
    assert found["differs"] == (ran.returncode == 6), (found["differs"], ran.returncode)
    assert bool(ran.stderr) == found["differs"], ran.stderr
    return found


def values(path):
    return {t.name: gguf.dequantize(t.data, t.tensor_type).astype(numpy.float64).ravel() for t in gguf.GGUFReader(path).tensors}


def check_numbers(source, exact, file, *words):
    """`exact` is the converter's f32 file."""
    found = told(source, file, *words)
    a, b = values(exact), values(file)
    assert sorted(t["name"] for t in found["tensors"]) == sorted(a)
    for row in found["tensors"]:
        x, y = a[row["name"]], b[row["name"]]
        rmse = numpy.sqrt(((x - y) ** 2).mean())
        for key, value in {"rmse": rmse, "max_error": abs(x - y).max(), "cosine": x @ y / numpy.linalg.norm(x) / numpy.linalg.norm(y)}.items():
            assert abs(row[key] - value) <= 1e-7 * max(1, abs(value)), (row["name"], key, row[key], value)
        assert row["state"] == ("same" if not (x != y).any() else "type"), row
    assert not found["differs"], [k for k in found["keys"] if k["state"] != "same"]
    return found


def rewritten(path, out, change=None, drop=None, add=None, key=None):
    """The file again, with one thing different."""
    reader = gguf.GGUFReader(path)
    writer = gguf.GGUFWriter(out, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", key):
            continue
        kind, sub = field.types[0], field.types[-1] if len(field.types) > 1 else None
        writer.add_key_value(name, field.contents(), kind, sub)
    for t in reader.tensors:
        if t.name == drop:
            continue
        data = numpy.array(t.data)
        if t.name == change:
            flat = data.reshape(-1)
            at = flat.size // 2 + 7  # of blocks no scale
            flat[at] = flat[at] + 0.01 if data.dtype != numpy.uint8 else flat[at] ^ 0x40
        writer.add_tensor(t.name, data, raw_dtype=t.tensor_type)
    if add:
        writer.add_tensor(add, numpy.ones((2, 32), numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def states(found, what):
    return {e["name" if what == "tensors" else "key"]: e["state"] for e in found[what] if e["state"] not in ("same", "type")}


def check_changes(source, file, out, tensor, *words):
    rewritten(file, out)
    assert not told(source, out, *words)["differs"]
    rewritten(file, out, change=tensor)
    assert states(told(source, out, *words), "tensors") == {tensor: "differs"}
    rewritten(file, out, drop=tensor)
    assert states(told(source, out, *words), "tensors") == {tensor: "missing"}
    rewritten(file, out, add="stranger.weight")
    assert states(told(source, out, *words), "tensors") == {"stranger.weight": "extra"}
    rewritten(file, out, key="general.name")
    assert states(told(source, out, *words), "keys") == {"general.name": "missing"}
    ran = ggx("diff", source, out, *words)
    assert ran.returncode == 6 and "general.name" in ran.stdout and "1 difference" in ran.stderr, (ran.stdout, ran.stderr)
    assert tensor not in ran.stdout and tensor in ggx("diff", source, out, "--verbose", *words).stdout


def check_family(conversion, family, name, scratch, *words):
    folder, exact, file, out = (os.path.join(scratch, n) for n in (f"tiny-{name}", "exact.gguf", "file.gguf", "out.gguf"))
    os.mkdir(folder)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        importlib.import_module(f"models.{family}").VARIANTS[name](folder)
    for path in (exact, file):
        if os.path.exists(path):
            os.remove(path)
    sides.reference(conversion, folder, exact, "f32")
    for kind in ("f32", "f16", "bf16", "q8_0"):
        if os.path.exists(file):
            os.remove(file)
        sides.reference(conversion, folder, file, kind)
        found = check_numbers(folder, exact, file, *words)
        assert found["type"] == kind and all(k["state"] == "same" for k in found["keys"])
    check_changes(folder, exact, out, "blk.1.attn_output.weight", *words)
    check_changes(folder, file, out, "blk.0.attn_q.weight", *words)
    for kind in ("q4_0", "q4_k_m", "q6_k", "iq4_nl"):
        done = ggx(exact, "-o", file, "--type", kind, "-q")
        assert done.returncode == 0, done.stderr
        check_numbers(folder, exact, file, *words)
        found = told(folder, file, "--type", kind, *words)
        assert not found["differs"] and states(found, "keys") == {}, found["keys"]
    return folder, exact


with tempfile.TemporaryDirectory() as scratch:
    folder, exact = check_family(conversion, "llama", "llama", scratch)
    two, _ = check_family(conversion, "llama", "mixtral", scratch)
    check_family(conversion, "qwen", "qwen3", scratch, "-O", f"bpe.pre={sides.PRE}")
    check_family(conversion, "gemma", "gemma2", scratch)
    sides.reference(conversion, folder, os.path.join(scratch, "again.gguf"), "f32")
    found = told(two, os.path.join(scratch, "again.gguf"))
    assert found["differs"] and "missing" in states(found, "tensors").values() and "extra" in states(found, "tensors").values()
    other = os.path.join(scratch, "other.gguf")
    writer = gguf.GGUFWriter(other, "llama")
    writer.add_tensor("output_norm.weight", numpy.ones((2, 32), numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert states(told(folder, other), "tensors")["output_norm.weight"] == "shape"
    assert ggx("diff", folder).returncode == 2
    assert ggx("diff", folder, os.path.join(scratch, "none.gguf")).returncode == 3
    ran = ggx("diff", folder, os.path.join(scratch, "tiny-llama", "tokenizer.model"))
    assert ran.returncode not in (0, 6), ran.stdout
oracle.finish()
