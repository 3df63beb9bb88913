"""reader-tf against TensorFlow: its recorded digests of all cases, TensorFlow itself on them and on what it writes: every type and
shape, partitioned variables, many names, V1 checkpoints, frozen graphs. Where it is not installed, the digests alone, and skipped."""
import json
import os
import pathlib
import sys
import tempfile

import oracle

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
oracle.modules("numpy")
import frameworks
import reader_list

try:
    import tensorflow as tf
except ImportError:
    tf = None


def listing_of(program, path, kind, options=None):
    """A folder and the files of a prefix in it are named from the folder on; so are a file's siblings."""
    folder, files = frameworks.files_of(path, kind)
    source = {"folder": "d", "prefix": "p", "file": "f", "graph": "f"}[kind]
    return reader_list.read(program, *files[:1 if kind == "graph" else None], source=source, folder=folder, options=options)


def same(name, listing, rows):
    """`rows` as frameworks.digests makes them. Names, order, types, shapes, bytes; strings are left out."""
    wanted = [row for row in rows if row[1] in frameworks.TYPES]
    assert list(listing.tensors) == [row[0] for row in wanted], f"{name}: {list(listing.tensors)[:5]}"
    for tensor, row in zip(listing.tensors.values(), wanted):
        data = tensor.array().byteswap().tobytes() if tensor.order == ">" and tensor.access == 0 else tensor.data
        got = frameworks.digests({tensor.name: (row[1], tensor.shape, data)})[0]
        assert tensor.type == frameworks.TYPES[row[1]] and got == row, f"{name}: {row} {got} {tensor.type}"


def check_cases(program):
    expected, read = json.loads(pathlib.Path(__file__).with_name("expected.json").read_text())["cases"], 0
    assert set(expected) == {case for case, _, _ in frameworks.CASES}
    for case, kind, other in frameworks.CASES:
        path = oracle.case(os.path.dirname(case) if kind == "prefix" else case)
        if not path:
            continue
        path = os.path.join(os.environ["GGX_CASES"], case)
        listing = listing_of(program, path, kind, {"tf.verify": True})
        assert listing.score >= 50, f"{case}: {listing.score}"
        same(case, listing, expected[case])
        if tf:
            rows = frameworks.digests(frameworks.read(os.environ["GGX_CASES"], case, kind, other))
            assert rows == expected[case], f"{case}: TensorFlow {tf.__version__} reads it otherwise than recorded"
        read += 1
    return read


AUXILIARY = {
    "real/tf/ntm": lambda name: "/RMSProp" in name,
    "real/tf/keras_bert_toy/bert_model.ckpt": lambda name: name.endswith(("/adam_m", "/adam_v")) or name == "global_step",
    "real/tf/tfx_penguin_keras": lambda name: name.startswith(("optimizer/", "keras_api/metrics/")) or "/.OPTIMIZER_SLOT/" in name,
    "golden/01-gpt2-ckpt/in": lambda name: False,
}


def check_auxiliary(program):
    for case, is_slot in AUXILIARY.items():
        kind = next(kind for name, kind, _ in frameworks.CASES if name == case)
        if oracle.case(os.path.dirname(case)):
            tensors = listing_of(program, os.path.join(os.environ["GGX_CASES"], case), kind).tensors
            for name, tensor in tensors.items():
                assert tensor.flags == is_slot(name), f"{case}: {name} {tensor.flags}"


# ---- what TensorFlow writes -----------------------------------------------------------------------------------------------------

SHAPES = ((), (0,), (1,), (7,), (3, 0, 2), (2, 3), (1, 2, 1, 2, 1), (300, 17))


def every_type(np):
    import ml_dtypes
    rng = np.random.default_rng(1)
    for name in frameworks.TYPES:
        if name.startswith("q"):
            continue
        dtype = np.dtype(getattr(ml_dtypes, name, None) or name)
        for shape in SHAPES:
            raw = rng.integers(0, 256, int(np.prod(shape)) * dtype.itemsize, np.uint8)
            small = {"bool": 2, "int4": 8, "uint4": 16, "int2": 2, "uint2": 4}.get(name)
            if small:
                array = (raw % small).astype(np.int8).astype(dtype) if name != "bool" else raw % 2 == 1
            else:
                array = raw.view(dtype)
            yield f"{name}/{'x'.join(map(str, shape)) or 'scalar'}", array.reshape(shape)


def write_bundle(prefix, tensors, slices=None):
    names = list(tensors)
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=[(slices or {}).get(n, "") for n in names],
                      tensors=[tf.constant(tensors[n]) for n in names])


def check_bundle(program, prefix):
    rows = frameworks.digests(frameworks.checkpoint(prefix))
    for verify in (True, False):
        listing = listing_of(program, prefix, "prefix", {"tf.verify": verify})
        same(prefix, listing, rows)
    return listing


def check_written(program, folder):
    import numpy as np
    prefix = os.path.join(folder, "types.ckpt")
    write_bundle(prefix, dict(every_type(np)))
    check_bundle(program, prefix)
    # a table of many blocks
    prefix = os.path.join(folder, "many.ckpt")
    write_bundle(prefix, {f"layer_{i % 97}/block_{i}/kernel/with/a/long/name": np.float32(i) for i in range(6000)})
    assert len(check_bundle(program, prefix).tensors) == 6000
    check_strings(program, folder, np)
    check_partitioned(program, folder, np)
    check_shards(program, folder, np)
    check_big_endian(program, folder, np)
    check_v1(program, folder, np)
    check_graph(program, folder, np)


def check_partitioned(program, folder, np):
    """A variable in slices: rows, columns, and boxes of both."""
    prefix, value = os.path.join(folder, "parts.ckpt"), np.arange(7 * 300 * 5, dtype=np.float32).reshape(7, 300, 5)
    cuts = {"rows": [(0, 3, 0, 300, 0, 5), (3, 4, 0, 300, 0, 5)], "columns": [(0, 7, 0, 100, 0, 5), (0, 7, 100, 200, 0, 5)],
            "last": [(0, 7, 0, 300, i, 1) for i in range(5)], "one": [(0, 7, 0, 300, 0, 5)],
            "boxes": [(a, b, c, d, 0, 5) for a, b in ((0, 2), (2, 5)) for c, d in ((0, 64), (64, 236))]}
    names, specs, tensors = [], [], []
    for name, boxes in cuts.items():
        for a, an, b, bn, c, cn in boxes:
            names.append(name)
            axes = ":".join("-" if (s, n) == (0, full) else f"{s},{n}"
                            for s, n, full in ((a, an, 7), (b, bn, 300), (c, cn, 5)))
            specs.append(f"7 300 5 {axes}")
            tensors.append(tf.constant(value[a:a + an, b:b + bn, c:c + cn]))
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=specs, tensors=tensors)
    listing = check_bundle(program, prefix)
    assert {n: t.access for n, t in listing.tensors.items()} == {n: 0 if n == "one" else 1 for n in cuts}
    for tensor in listing.tensors.values():
        assert tensor.data == value.tobytes(), tensor.name
    tf.raw_ops.SaveSlices(filename=os.path.join(folder, "parts.v1"), tensor_names=names, shapes_and_slices=specs, data=tensors)
    for tensor in check_v1_file(program, os.path.join(folder, "parts.v1")).tensors.values():
        assert tensor.data == value.tobytes(), tensor.name


def check_strings(program, folder, np):
    """String tensors are no numbers: they come as key/values."""
    prefix, tensors = os.path.join(folder, "strings.ckpt"), {
        "alone": np.array(b"w\xc3\xb6rd"), "list": np.array([b"a", b"", b"bc" * 300]), "box": np.array([[b"a", b"b"], [b"c", b"d"]]), "none": np.zeros((0, 2), "S1"),
        "long": np.array([b"x" * 70000] * 3), "w": np.arange(3.0)}
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=list(tensors), shape_and_slices=[""] * len(tensors), tensors=[tf.constant(t, tf.string if t.dtype.kind == "S" else None) for t in tensors.values()])
    reader, listing = tf.train.load_checkpoint(prefix), check_bundle(program, prefix)
    for name, value in tensors.items():
        if value.dtype.kind == "S":
            wanted = reader.get_tensor(name)
            assert listing.kvs["tf.string." + name] == (wanted.ravel().tolist() if isinstance(wanted, np.ndarray) else wanted), name
    data = prefix + ".data-00000-of-00001"
    good = open(data, "rb").read()
    for at in range(0, len(good), 7001):  # each byte but those of w is a string's
        with open(data, "wb") as file:
            file.write(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        try:
            listing_of(program, prefix, "prefix")
        except reader_list.Refused:
            continue
        raise AssertionError(f"byte {at} was changed, and nobody saw it")


def check_shards(program, folder, np):
    prefixes = [os.path.join(folder, f"shard{i}") for i in range(3)]
    for i, prefix in enumerate(prefixes):
        write_bundle(prefix, {f"w{i}": np.full((3, 4), i, np.float64), f"v{i}/Adam_1": np.arange(5 + i)})
    merged = os.path.join(folder, "merged.ckpt")
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=prefixes, destination_prefix=merged, delete_old_dirs=False)
    listing = check_bundle(program, merged)
    assert [n for n, t in listing.tensors.items() if t.flags] == [f"v{i}/Adam_1" for i in range(3)]


def check_big_endian(program, folder, np):
    """No TensorFlow at hand writes one, but it reads ours, made by the corpus's own writer."""
    sys.path.insert(0, os.path.join(os.environ.get("GGX_SOURCE", pathlib.Path(__file__).parents[2]), "tests", "corpus"))
    import make_tf
    prefix, data, entries = os.path.join(folder, "big.ckpt"), b"", [(b"", make_tf.number(1, 1) + make_tf.number(2, 1))]
    arrays = {"c64": np.arange(6).astype(np.complex64) * 1j, "f16": np.arange(4, dtype=np.float16), "f64": np.array(0.1),
              "i32": np.arange(-3, 3, dtype=np.int32).reshape(2, 3), "u8": np.arange(5, dtype=np.uint8)}
    codes = {"c64": 8, "f16": 19, "f64": 2, "i32": 3, "u8": 4}
    for name, array in arrays.items():
        raw = array.astype(array.dtype.newbyteorder(">")).tobytes()
        entries.append((name.encode(), make_tf.entry(codes[name], array.shape, len(data), raw)))
        data += raw
    rows = [(slice(0, 1), ((0, 1), None)), (slice(1, 2), ((1, 1), None))]
    parts = []
    for cut, where in rows:
        raw = arrays["i32"][cut].astype(">i4").tobytes()
        parts.append((make_tf.slice_key("v", *where), make_tf.entry(3, (1, 3), len(data), raw)))
        data += raw
    slices = b"".join(make_tf.text(7, make_tf.piece(*where)) for _, where in rows)
    entries = entries[:1] + parts + entries[1:] + [(b"v", make_tf.entry(3, (2, 3), 0, b"", slices))]
    with open(prefix + ".index", "wb") as file:
        file.write(make_tf.table(entries))
    with open(prefix + ".data-00000-of-00001", "wb") as file:
        file.write(data)
    listing = check_bundle(program, prefix)
    assert {n: t.order for n, t in listing.tensors.items()} == {n: "<" if n == "v" else ">" for n in listing.tensors}


def check_v1_file(program, path):
    rows = frameworks.digests(frameworks.checkpoint(path))
    for verify in (True, False):
        listing = reader_list.read(program, path, options={"tf.verify": verify})
        same(path, listing, rows)
    return listing


def check_v1(program, folder, np):
    """V1: numbers in fields of protobuf, in blocks that Snappy packs when that pays."""
    path, tensors = os.path.join(folder, "old.ckpt"), {}
    for name, array in every_type(np):
        if name.split("/")[0] in ("float32", "float64", "int32", "uint8", "int16", "int8", "complex64", "int64", "bool", "uint16",
                                  "complex128", "float16", "bfloat16", "uint32", "uint64") and array.size:
            tensors[name] = array
    tensors["zeros"] = np.zeros((400, 500), np.float32)
    tensors["ramp"] = np.arange(-50000, 50000, dtype=np.int64)
    saved = {}
    for name, array in tensors.items():  # the kernel knows fewer types than the format
        try:
            tf.raw_ops.Save(filename=path, tensor_names=[name], data=[tf.constant(array)])
            saved[name] = array
        except tf.errors.OpError:
            pass
    assert len(saved) > 40, len(saved)
    tf.raw_ops.Save(filename=path, tensor_names=list(saved), data=[tf.constant(a) for a in saved.values()])
    listing = check_v1_file(program, path)
    for name, array in saved.items():
        assert listing.tensors[name].data == array.tobytes(), name


def check_graph(program, folder, np):
    """Constants as tensor_content, as packed fields, as a last value that stands for the rest."""
    graph = tf.compat.v1.GraphDef()
    for name, array in every_type(np):
        node = graph.node.add(name=name, op="Const")
        node.attr["dtype"].type = tf.dtypes.as_dtype(array.dtype).as_datatype_enum
        proto = node.attr["value"].tensor
        try:
            proto.CopyFrom(tf.make_tensor_proto(array))
        except TypeError:  # the newest types, which it reads all the same
            proto.dtype = tf.dtypes.as_dtype(array.dtype).as_datatype_enum
            proto.tensor_content = array.tobytes()
            for axis in array.shape:
                proto.tensor_shape.dim.add(size=axis)
    fields = {"float32": ("float_val", [1.5, -2.0]), "float64": ("double_val", [1.5, -2.0]), "int32": ("int_val", [-3, 70000]),
              "int8": ("int_val", [-3, 7]), "uint16": ("int_val", [65535]), "int64": ("int64_val", [-1, 1 << 60]),
              "bool": ("bool_val", [True, False]), "float16": ("half_val", [0x3C00, 0xC000]), "bfloat16": ("half_val", [0x3F80]),
              "uint32": ("uint32_val", [4000000000]), "uint64": ("uint64_val", [1 << 63]),
              "complex64": ("scomplex_val", [1, 2, 3, -4]), "complex128": ("dcomplex_val", [1, 2, 3, -4])}
    for name, (field, values) in fields.items():
        for count in sorted({0, 1, len(values), len(values) + 5}):
            node = graph.node.add(name=f"field/{name}/{count}", op="Const")
            proto = node.attr["value"].tensor
            proto.dtype = tf.dtypes.as_dtype(name).as_datatype_enum
            per = 2 if name.startswith("complex") else 1
            proto.tensor_shape.dim.add(size=max(count, len(values) // per))
            getattr(proto, field).extend(values if count else [])
    graph.node.add(name="text", op="Const").attr["value"].tensor.CopyFrom(tf.make_tensor_proto(["a", "bc"]))
    graph.node.add(name="sum", op="AddV2")
    path = os.path.join(folder, "graph.pb")
    with open(path, "wb") as file:
        file.write(graph.SerializeToString())
    listing = reader_list.read(program, path)
    same(path, listing, frameworks.digests(frameworks.graph(path)))
    assert listing.tensors["float32/300x17"].access == 0 and listing.tensors["field/float32/7"].access == 2


def main():
    program = sys.argv[1]
    print(check_cases(program), "real files,", "and TensorFlow itself" if tf else "TensorFlow's recorded digests")
    check_auxiliary(program)
    if tf:
        with tempfile.TemporaryDirectory() as folder:
            check_written(program, folder)
    else:
        oracle.modules("tensorflow")
    oracle.finish()


main()
