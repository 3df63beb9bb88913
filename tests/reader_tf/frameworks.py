"""What TensorFlow itself reads of a checkpoint or graph: name → (dtype, shape, bytes); and the cases to read.

record.py writes the digests of that to expected.json, test_oracle.py compares with them, and with TensorFlow where it is installed."""
import glob
import hashlib
import os

# numpy's name of the dtype that TensorFlow gives → ggx's. int4 and int2 come as int8 with the sign spread.
TYPES = {"float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16", "int64": "i64", "int32": "i32", "int16": "i16",
         "int8": "i8", "uint64": "u64", "uint32": "u32", "uint16": "u16", "uint8": "u8", "bool": "bool", "complex64": "c64",
         "complex128": "c128", "float8_e5m2": "f8_e5m2", "float8_e4m3fn": "f8_e4m3", "float8_e4m3fnuz": "f8_e4m3fnuz",
         "float8_e4m3b11fnuz": "f8_e4m3b11fnuz", "float8_e5m2fnuz": "f8_e5m2fnuz", "int4": "i8", "uint4": "u8", "int2": "i8",
         "uint2": "u8", "qint8": "i8", "quint8": "u8", "qint32": "i32", "qint16": "i16", "quint16": "u16"}

# (case, how it is given, what TensorFlow is given). "folder" opens the folder, "prefix" the files that go on from it, "file" that file.
CASES = [
    *[(f"real/tf/{name}", "folder", f"{name}/variables/variables") for name in (
        "half_plus_three", "half_plus_two_tf2", "basic_pitch", "dtln_norm", "tfx_penguin_keras", "tfx_taxi_saved",
        "tfjs_int64/int64_multiply", "tfjs_int64/uint8_multiply")],
    *[(f"real/tf/{name}", "folder", name) for name in ("keras_gpt2_toy", "ntm", "tfx_taxi_ckpt")],
    ("real/tf/serving_bad_half", "folder", "serving_bad_half/export"),
    ("real/tf/serving_session_bundle", "folder", "serving_session_bundle/export-00000-of-00001"),
    ("real/tf/serving_session_bundle/export-00000-of-00001", "file", "serving_session_bundle/export-00000-of-00001"),
    ("real/tf/keras_bert_toy/bert_model.ckpt", "prefix", "keras_bert_toy/bert_model.ckpt"),
    ("real/tf/keras_bert_toy/bert_model.ckpt.index", "file", "keras_bert_toy/bert_model.ckpt"),
    ("real/tf/ntm/checkpoint", "file", "ntm"),
    ("real/tf/tfx_taxi_ckpt/model.ckpt-1000.data-00000-of-00001", "file", "tfx_taxi_ckpt"),
    ("real/tf/basic_pitch/saved_model.pb", "file", "basic_pitch/variables/variables"),
    *[(f"golden/{name}/in", "folder", None) for name in ("01-gpt2-ckpt", "01-gpt2-ckpt-2shard", "01-gpt2-ckpt-12l")],
    *[(f"real/tf/frozen/{name}.pb", "graph", None) for name in ("DNN_S", "DS_CNN_S", "LSTM_S")],
]


def given_to_tensorflow(root, case, other):
    return os.path.join(root, "real/tf", other) if other else os.path.join(root, case)


def files_of(path, kind):
    """(folder, files) as reader_list wants them."""
    if kind == "folder":
        found = [os.path.join(base, name) for base, _, names in os.walk(path) for name in names]
        return path, sorted(found)
    folder = os.path.dirname(path)
    if kind == "prefix":
        return folder, sorted(glob.glob(glob.escape(path) + ".*"))
    siblings = [os.path.join(base, name) for base, _, names in os.walk(folder) for name in names]
    return folder, [path] + sorted(s for s in siblings if s != path)


def array_bytes(array):
    import numpy as np
    if array.dtype.name in ("int4", "int2"):
        array = array.astype(np.int8)
    return np.ascontiguousarray(array).tobytes()


def checkpoint(path):
    """name → (dtype, shape, bytes), in the order of tf.train.list_variables; bytes are None for strings."""
    import tensorflow as tf
    reader, out = tf.train.load_checkpoint(path), {}
    types = reader.get_variable_to_dtype_map()
    for name, shape in tf.train.list_variables(path):
        dtype = types[name].name
        known = dtype in TYPES
        try:
            array = reader.get_tensor(name) if known else None
        except tf.errors.UnimplementedError:  # slices of a V1 checkpoint: only its own op puts them together
            array = tf.raw_ops.Restore(file_pattern=path, tensor_name=name, dt=types[name]).numpy()
        out[name] = (dtype, tuple(shape), array_bytes(array) if known else None)
    return out


def graph(path):
    """The constants of a frozen graph, in the order of its nodes."""
    import tensorflow as tf
    message, out = tf.compat.v1.GraphDef(), {}
    with open(path, "rb") as file:
        message.ParseFromString(file.read())
    for node in message.node:
        if node.op == "Const":
            proto = node.attr["value"].tensor
            kind = tf.dtypes.as_dtype(proto.dtype)
            dtype = kind.name
            array = tf.io.parse_tensor(proto.SerializeToString(), kind).numpy() if dtype in TYPES else None
            shape = tuple(d.size for d in proto.tensor_shape.dim)
            out[node.name] = (dtype, shape, array_bytes(array) if array is not None else None)
    return out


def read(root, case, kind, other):
    path = given_to_tensorflow(root, case, other)
    return graph(path) if kind == "graph" else checkpoint(path)


def digests(tensors):
    """What expected.json holds of tensors."""
    return [[name, dtype, list(shape), None if data is None else hashlib.sha256(data).hexdigest()]
            for name, (dtype, shape, data) in tensors.items()]
