"""writer-gguf gives gguf-py's bytes for any key/values and tensors, and ggml's own reader finds the same in them."""
import ctypes
import hashlib
import json
import os
import tempfile

import oracle

np, gguf = oracle.modules("numpy", "gguf")
import ggml_base
import writer_drive as drive

TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "q2_k": 10, "q3_k": 11, "q4_k": 12,
         "q5_k": 13, "q6_k": 14, "i8": 24, "i16": 25, "i32": 26, "i64": 27, "f64": 28, "bf16": 30, "tq1_0": 34, "mxfp4": 39}
SCALARS = {"u8": "uint8", "i8": "int8", "u16": "uint16", "i16": "int16", "u32": "uint32", "i32": "int32", "u64": "uint64",
           "i64": "int64", "f32": "float32", "f64": "float64", "bool": "bool", "s": "string"}


def random_scalar(rng, kind):
    if kind == "s":
        return "".join(rng.choice(list("aZ0 é漢🙂\n\0"), rng.integers(1, 20)))
    if kind == "bool":
        return bool(rng.integers(2))
    if kind in ("f32", "f64"):
        return float(np.float32(rng.normal()))
    info = np.iinfo(SCALARS[kind])
    return [info.min, info.max, 0, 1, int(rng.integers(info.min, info.max, dtype=SCALARS[kind]))][int(rng.integers(5))]


def random_model(seed):
    """The same model for both: (writer calls for gguf-py, key/values, tensors)."""
    rng = np.random.default_rng(seed)
    calls, kvs, tensors = [], [], []
    alignment = [None, None, 8, 64, 4096][seed % 5]
    for i in range(int(rng.integers(0, 12))):
        kind = str(rng.choice(list(SCALARS)))
        key = f"test.{i}.{kind}"
        if rng.integers(2):
            values = [random_scalar(rng, kind) for _ in range(int(rng.integers(1, 40)))]
            sub = gguf.GGUFValueType(drive.KV[kind])
            calls.append(lambda w, key=key, values=values, sub=sub: w.add_key_value(
                key, values, gguf.GGUFValueType.ARRAY, sub_type=sub))
            kvs.append(drive.kv(key, f"[{kind}]", values))
        else:
            value = random_scalar(rng, kind)
            calls.append(lambda w, key=key, value=value, kind=kind: getattr(w, "add_" + SCALARS[kind])(key, value))
            kvs.append(drive.kv(key, kind, value))
    if alignment and seed % 2:  # else by the option
        calls.append(lambda w: w.add_custom_alignment(alignment))
        kvs.append(drive.kv("general.alignment", "u32", alignment))
    for i in range(int(rng.integers(0, 30))):
        name = f"blk.{i}." + "n" * int(rng.integers(0, 50))
        rank = int(rng.integers(1, 5))
        kind = str(rng.choice(list(TYPES)))
        elems, nbytes = ggml_base.block(TYPES[kind])
        shape = [int(n) for n in rng.integers(1, 5, rank)]
        shape[-1] *= elems
        if rng.integers(3) == 0:
            shape[0] = 1 if rank > 1 else shape[0]
        payload = rng.integers(0, 256, shape[:-1] + [shape[-1] // elems * nbytes], dtype=np.uint8)
        raw = gguf.GGMLQuantizationType(TYPES[kind])
        calls.append(lambda w, name=name, payload=payload, raw=raw: w.add_tensor(name, payload, raw_dtype=raw))
        code = TYPES[kind] if rng.integers(2) else -1
        tensors.append(drive.tensor(name, payload.tobytes(), kind, shape, (elems, nbytes), code))
    return calls, kvs, tensors, alignment if alignment and not seed % 2 else None


def reference(folder, calls, alignment):
    path = os.path.join(folder, "reference.gguf")
    writer = gguf.GGUFWriter(path, "test-arch")
    for call in calls:
        call(writer)
    if alignment:  # ggx appends the key that the option asks for
        writer.add_custom_alignment(alignment)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with open(path, "rb") as file:
        return file.read()


def check_random_models(folder):
    for seed in range(60):
        calls, kvs, tensors, alignment = random_model(seed)
        kvs.insert(0, drive.kv("general.architecture", "s", "test-arch"))
        options = {"gguf.alignment": alignment} if alignment else {}
        data = drive.write("gguf", kvs, tensors, options)
        wanted = reference(folder, calls, alignment)
        assert data == wanted, f"model {seed}: byte {oracle.first_difference(data, wanted)} differs from gguf-py"
        path = os.path.join(folder, "ours.gguf")
        with open(path, "wb") as file:
            file.write(data)
        seen = ggml_base.open_gguf(path)
        assert seen, f"model {seed}: ggml refuses the file"
        read = gguf.GGUFReader(path)
        assert [t.name.encode() for t in read.tensors] == [t[0] for t in seen["tensors"]]
        assert len(seen["tensors"]) == len(tensors) and len(seen["kvs"]) == len(kvs) + bool(alignment)
        assert [int(t.tensor_type) for t in read.tensors] == [t[1] for t in seen["tensors"]]
        if tensors:
            assert [t.data_offset for t in read.tensors] == [seen["data"] + t[2] for t in seen["tensors"]]
            last = seen["tensors"][-1]
            assert seen["data"] + last[2] + -(-last[3] // seen["alignment"]) * seen["alignment"] == len(data)


def check_ggml_layout(folder):
    """gguf.layout=ggml: what ggml's own writer makes of the file, apart from data, is the file's own header."""
    lib = ggml_base.load()
    rng = np.random.default_rng(7)
    tensors = [drive.tensor(f"t{i}", rng.normal(size=shape).astype(np.float32))
               for i, shape in enumerate([(1, 1, 1, 5), (1, 3), (2, 1, 1), (7,), (1,), (1, 1, 2, 2), (3, 1, 1, 1), ()])]
    kvs = [drive.kv("general.architecture", "s", "x"), drive.kv("a.b", "[i32]", [1, 2, 3]), drive.kv("a.s", "[s]", ["p", "q"])]
    lib.gguf_write_to_file.restype = ctypes.c_bool
    lib.gguf_write_to_file.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_bool]
    ours, theirs = os.path.join(folder, "ours.gguf"), os.path.join(folder, "theirs.gguf")
    for layout, same in [("ggml", True), ("gguf-py", False)]:
        data = drive.write("gguf", kvs, tensors, {"gguf.layout": layout})
        with open(ours, "wb") as file:
            file.write(data)
        context = lib.gguf_init_from_file(ours.encode(), ggml_base.InitParams(True, None))
        assert context and lib.gguf_write_to_file(context, theirs.encode(), True)
        lib.gguf_free(context)
        with open(theirs, "rb") as file:
            header = file.read()
        assert (data[:len(header)] == header) == same, f"layout {layout} and ggml's writer"


def check_golden(folder):
    """The golden yolov3-tiny: its header is ours when the manifest's tensors are laid out (payloads zero)."""
    path = oracle.case("golden/05-yolov3-tiny-020/expect/yolov3-tiny.gguf.manifest.json")
    if not path:
        return
    with open(path) as file:
        manifest = json.load(file)
    kvs = [drive.kv(key, {8: "s"}[kind], value) for key, kind, value in manifest["kv"]]
    tensors = [drive.tensor(t["name"], bytes(t["bytes"]), {0: "f32", 1: "f16"}[t["type"]], t["ne"][::-1],
                            (1, {0: 4, 1: 2}[t["type"]])) for t in manifest["tensors"]]
    data = drive.write("gguf", kvs, tensors)
    assert len(data) == manifest["size"]
    assert hashlib.sha256(data[:manifest["data_start"]]).hexdigest() == manifest["header_sha256"]


def check_odd_values(folder):
    """Empty strings and arrays, which gguf-py drops, are kept, and both readers accept them."""
    data = drive.write("gguf", [drive.kv("a", "s", ""), drive.kv("b", "[i32]", []), drive.kv("c", "[s]", []),
                                drive.kv("d", "[s]", ["", "x"])], [drive.tensor("e", np.zeros((0, 3), np.float32)),
                                                                   drive.tensor("f", np.ones(3, np.float32))])
    path = os.path.join(folder, "odd.gguf")
    with open(path, "wb") as file:
        file.write(data)
    seen = ggml_base.open_gguf(path)
    assert seen and [k for k, _ in seen["kvs"]] == [b"a", b"b", b"c", b"d"]
    assert [(t[0], t[2]) for t in seen["tensors"]] == [(b"e", 0), (b"f", 0)]


if __name__ == "__main__":
    if not ggml_base.load():
        oracle.skip("the npm build of ggml is not installed")
    with tempfile.TemporaryDirectory() as where:
        for check in (check_random_models, check_ggml_layout, check_golden, check_odd_values):
            check(where)
    oracle.finish()
