"""Promise: sets of files. `--split-max-tensors` and `--split-max-size` give llama-gguf-split's files (its steps are done here with the
reference library's own gguf functions), `--keep-split` those of llama_model_quantize with keep_split: names and bytes. Sets are read
back as the one file; killed, resumed, and made in parts they are the same. And several types in one go: each output is what it is alone,
and the model is read once. Tensors that stay as they are need no plugin that knows their type. splits.py all"""
import ctypes as c
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import llama as llama_cpp
import mixtures
import oracle

GGX = os.environ["GGX"]


class Init(c.Structure):
    _fields_ = [("no_alloc", c.c_bool), ("ctx", c.POINTER(c.c_void_p))]


def base():
    lib = c.CDLL(os.path.join(os.environ["GGX_ORACLES"], "npm/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/libggml-base.so"))
    for name, result, *takes in (("gguf_init_from_file", c.c_void_p, c.c_char_p, Init), ("gguf_init_empty", c.c_void_p),
                                 ("gguf_set_kv", None, c.c_void_p, c.c_void_p), ("gguf_get_n_tensors", c.c_int64, c.c_void_p),
                                 ("gguf_set_val_u16", None, c.c_void_p, c.c_char_p, c.c_uint16),
                                 ("gguf_set_val_i32", None, c.c_void_p, c.c_char_p, c.c_int32),
                                 ("gguf_get_tensor_name", c.c_char_p, c.c_void_p, c.c_int64),
                                 ("gguf_add_tensor", None, c.c_void_p, c.c_void_p), ("gguf_get_meta_size", c.c_size_t, c.c_void_p),
                                 ("gguf_get_meta_data", None, c.c_void_p, c.c_void_p), ("gguf_get_data_offset", c.c_size_t, c.c_void_p),
                                 ("gguf_get_tensor_offset", c.c_size_t, c.c_void_p, c.c_int64), ("gguf_free", None, c.c_void_p),
                                 ("gguf_get_tensor_size", c.c_size_t, c.c_void_p, c.c_int64),
                                 ("ggml_get_tensor", c.c_void_p, c.c_void_p, c.c_char_p), ("ggml_free", None, c.c_void_p)):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, takes
    return lib


def padded(size):
    return -(-size // 32) * 32


def split(lib, path, most_tensors=None, most_bytes=None):
    """llama-gguf-split's steps: the bytes of each file."""
    context = c.c_void_p()
    gguf = lib.gguf_init_from_file(path.encode(), Init(True, c.pointer(context)))
    count = lib.gguf_get_n_tensors(gguf)
    sizes = [padded(lib.gguf_get_tensor_size(gguf, i)) for i in range(count)]
    sets, used = [[]], 0
    for i, size in enumerate(sizes):
        if (most_tensors and i and i % most_tensors == 0) or (most_bytes and used + size > most_bytes):
            sets.append([])
            used = 0
        used += size
        sets[-1].append(i)
    assert all(sets)
    out = []
    with open(path, "rb") as file:
        data = file.read()
    for number, members in enumerate(sets):
        part = lib.gguf_init_empty()
        if not number:
            lib.gguf_set_kv(part, gguf)
        lib.gguf_set_val_u16(part, b"split.no", number)
        lib.gguf_set_val_u16(part, b"split.count", 0)
        lib.gguf_set_val_i32(part, b"split.tensors.count", count)
        for i in members:
            lib.gguf_add_tensor(part, lib.ggml_get_tensor(context, lib.gguf_get_tensor_name(gguf, i)))
        lib.gguf_set_val_u16(part, b"split.count", len(sets))
        head = (c.c_uint8 * lib.gguf_get_meta_size(part))()
        lib.gguf_get_meta_data(part, head)
        out.append(bytes(head))
        for i in members:
            at = lib.gguf_get_data_offset(gguf) + lib.gguf_get_tensor_offset(gguf, i)
            out[-1] += data[at:at + sizes[i]].ljust(sizes[i], b"\0")
        lib.gguf_free(part)
    lib.gguf_free(gguf)
    lib.ggml_free(context)
    return out


def read(path):
    with open(path, "rb") as file:
        return file.read()


def made(prefix):
    """The set's files by number; no other file of the set's prefix lies there, nothing unfinished either."""
    names = sorted(glob.glob(f"{prefix}-*-of-*.gguf"))
    assert names == [f"{prefix}-{i + 1:05d}-of-{len(names):05d}.gguf" for i in range(len(names))], names
    left = [n for n in os.listdir(os.path.dirname(prefix)) if n.startswith(".") and "ggx" in n]
    assert not left, left
    return names


def clear(prefix):
    for name in glob.glob(f"{prefix}*.gguf"):
        os.unlink(name)


def run(*words, ok=True):
    ran = subprocess.run([GGX, *words, "--quiet"], capture_output=True, text=True)
    assert (ran.returncode == 0) == ok, ran.stderr
    return ran.stderr


def cut(lib, folder, source):
    """By number and by size, in both orders of the set's keys; and back."""
    whole, prefix, back = (os.path.join(folder, n) for n in ("whole.gguf", "set", "back.gguf"))
    run(source, "-o", whole, "--type", "q4_0")
    for option, value, wanted in (("--split-max-tensors", "7", split(lib, whole, most_tensors=7)),
                                  ("--split-max-tensors", "1", split(lib, whole, most_tensors=1)),
                                  ("--split-max-size", "7K", split(lib, whole, most_bytes=7000)),
                                  ("--split-max-size", "20000", split(lib, whole, most_bytes=20000))):
        run(source, "-o", prefix + ".gguf", "--type", "q4_0", option, value, "-O", "gguf.split-keys=llama-gguf-split")
        names = made(prefix)
        assert [read(n) for n in names] == wanted, (option, value)
        for start in (names[0], names[-1]):  # whichever is named
            run(start, "-o", back, "--type", "copy")
            assert read(back) == read(whole), "the set is read as another model"
        clear(prefix)
    run(source, "-o", prefix + ".gguf", "--type", "q4_0", "--split-max-tensors", "1000")
    assert read(prefix + ".gguf") == read(whole), "one file is no set"
    clear(prefix)


def keep(lib, llama, folder, source):
    """As the source's files are: the reference's names and bytes, for mixtures whose counters follow the order."""
    prefix, theirs = os.path.join(folder, "kept"), os.path.join(folder, "reference")
    for i, data in enumerate(parts := split(lib, source, most_tensors=9)):
        with open(os.path.join(folder, f"parts-{i + 1:05d}-of-{len(parts):05d}.gguf"), "wb") as file:
            file.write(data)
    first = os.path.join(folder, f"parts-00001-of-{len(parts):05d}.gguf")
    for type_name in ("q4_k_m", "q2_k", "q8_0"):
        assert mixtures.reference(llama, first, theirs, type_name, keep_split=True)
        run(first, "-o", prefix + ".gguf", "--type", type_name, "--keep-split")
        names = made(prefix)
        assert len(names) == len(parts)
        for name in names:
            other = name.replace(prefix, theirs).removesuffix(".gguf")
            assert read(name) == read(other if os.path.exists(other) else other + ".gguf"), (type_name, name)
        clear(prefix)
    assert "both" in run(first, "-o", prefix + ".gguf", "--keep-split", "--split-max-tensors", "3", "--type", "q8_0", ok=False)
    assert "one file" in run(first, "-o", prefix + ".safetensors", "--keep-split", ok=False)
    for words in (["--split-max-size", "0"], ["--split-max-size", "1.5G"], ["--split-max-tensors", "none"]):
        assert "expected" in run(first, "-o", prefix + ".gguf", "--type", "q8_0", *words, ok=False)
    assert not glob.glob(prefix + "*")


def hurt(folder, source):
    """Killed and taken up; in parts, one of which is missing at first."""
    prefix = os.path.join(folder, "hurt")
    words = [source, "-o", prefix + ".gguf", "--type", "q4_k_m", "--split-max-tensors", "11"]
    run(*words)
    wanted = [read(n) for n in made(prefix)]
    clear(prefix)
    journal = os.path.join(folder, ".hurt.gguf.ggx-journal")
    resumed = 0
    for _ in range(20):
        child = subprocess.Popen([GGX, *words, "--quiet", "--sync", "4K", "--threads", "1", "--cpu", "portable", "--memory", "400K"])
        while child.poll() is None and (not os.path.exists(journal) or os.path.getsize(journal) < 64 + 16 * 20):
            time.sleep(0.0005)
        child.send_signal(signal.SIGKILL)
        child.wait()
        if os.path.exists(journal):
            ran = subprocess.run([GGX, *words, "--json", "--memory", "400K"], capture_output=True, text=True, check=True)
            resumed = int(ran.stdout.split('"resumed_tiles": ')[1].split(",")[0])
        assert [read(n) for n in made(prefix)] == wanted, "killed and taken up: other bytes"
        clear(prefix)
        if resumed:
            break
    assert resumed, "no run could be killed in the middle"
    for part in ("2/3", "0/3"):
        run(*words, "--part", part)
    assert not glob.glob(prefix + "*.gguf")
    assert "not done yet" in run("finish", prefix + ".gguf", ok=False)
    run(*words, "--part", "1/3")
    run("finish", prefix + ".gguf")
    assert [read(n) for n in made(prefix)] == wanted, "in parts: other bytes"


def several(np, gguf, folder):
    """--type A,B,C: one output each, one read; also in sets, in parts, and with weights."""
    arch, layers, keys, tensors = dict(mixtures.models())["qwen2moe"]
    tensors = [(n, (r[0], 40) if isinstance(r, tuple) else 40 if r == 2 else r, cols) for n, r, cols in tensors]
    source, weights = os.path.join(folder, "many.gguf"), os.path.join(folder, "many-imatrix.gguf")
    mixtures.write_model(np, gguf, source, arch, layers, keys, tensors)
    mixtures.write_imatrix(np, gguf, weights, mixtures.weights_of(np, tensors), tensors)
    types = ["q4_k_m", "q6_k", "q8_0", "f16", "iq4_xs", "copy"]
    alone, many = os.path.join(folder, "alone.gguf"), os.path.join(folder, "many-out.gguf")

    def outputs():
        for name in types:
            yield name, many.replace(".gguf", f"-{name}.gguf")

    for more in ([], ["--imatrix", weights], ["--memory", "2M", "--threads", "3"], ["--via", "bf16"]):
        ran = subprocess.run([GGX, source, "-o", many, "--type", ",".join(types), "--json", *more], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        results = json.loads(ran.stdout)
        assert [r["output"] for r in results] == [path for _, path in outputs()]
        if "--via" not in more:
            assert results[0]["read_bytes"] < os.path.getsize(source) * 1.1 + 200000, "read more than once"
        for name, path in outputs():
            run(source, "-o", alone, "--type", name, *more)
            assert read(path) == read(alone), (name, more, "other bytes than alone")
            os.unlink(path)
    for part in ("1/2", "0/2"):
        run(source, "-o", many, "--type", ",".join(types), "--part", part)
    for name, path in outputs():
        run("finish", path)
        run(source, "-o", alone, "--type", name)
        assert read(path) == read(alone), (name, "in parts")
    run(source, "-o", many, "--type", "q4_0,q8_0", "--split-max-tensors", "20")
    for name in ("q4_0", "q8_0"):
        run(source, "-o", alone, "--type", name, "--split-max-tensors", "20")
        assert [read(n) for n in made(many.replace(".gguf", f"-{name}"))] == [read(n) for n in made(alone.removesuffix(".gguf"))], name
    for words, said in (("q4_0,", "missing"), ("q4_0,q4_0", "twice"), ("q4_0,nothing", "nothing"), ("q4_0,iq2_xxs", "importance matrix")):
        assert said in run(source, "-o", os.path.join(folder, "no.gguf"), "--type", words, ok=False), words
    assert not glob.glob(os.path.join(folder, "no*")) + glob.glob(os.path.join(folder, ".no*"))


def untouched(gguf, folder, source):
    """Without any plugin for element types, what stays is copied: nothing is decoded."""
    tree = os.path.join(folder, "tree")
    home = os.path.dirname(os.path.dirname(os.path.realpath(GGX)))
    shutil.copytree(home, tree, ignore=lambda path, names: [n for n in names if n.startswith(("ggx-quant", "ggx-kernels")) or (path == home and n not in ("bin", "lib", "share"))])
    target = os.path.join(folder, "stays.gguf")
    ran = subprocess.run([os.path.join(tree, "bin", "ggx"), source, "-o", target, "--recipe", "none", "--quiet"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert mixtures.tensors_of(gguf, target) == mixtures.tensors_of(gguf, source)
    ran = subprocess.run([os.path.join(tree, "bin", "ggx"), source, "-o", target, "--type", "q8_0"], capture_output=True, text=True)
    assert ran.returncode != 0


def main():
    np, gguf = oracle.modules("numpy", "gguf")
    llama, lib = llama_cpp.Library(), base()
    models = dict(mixtures.models())
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "in.gguf")
        mixtures.write_model(np, gguf, source, *models["llama, 4 experts"])
        cut(lib, folder, source)
        keep(lib, llama, folder, source)
        hurt(folder, source)
        several(np, gguf, folder)
        untouched(gguf, folder, source)
    print("sets of files equal")


if __name__ == "__main__" and len(sys.argv) == 2:
    main()
    oracle.finish()
