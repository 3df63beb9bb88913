"""Runs one writer plugin on key/values and tensors made in Python, through the program writer_drive.

    data = write("gguf", kvs=[kv("general.name", "s", "x")], tensors=[tensor("w", array, "f32")], options={"gguf.alignment": 64})

The file between the two, little-endian; str is u32 length + bytes:
    u32 options, each: u32 type (2 int, 3 string), str name, u64 number, str text
    u32 key/values, each: u32 type, u32 elem_type, str key, u64 count, u32 width; width 0: count str; else count * width bytes
    u32 tensors, each: str name, 16 bytes type name, u32 block_elems, u32 block_bytes, i32 code, u32 rank, u64 shape[rank],
        u64 nbytes, payload
"""
import os
import struct
import subprocess
import tempfile

import numpy as np

KV = {"u8": 0, "i8": 1, "u16": 2, "i16": 3, "u32": 4, "i32": 5, "f32": 6, "bool": 7, "s": 8, "u64": 10, "i64": 11, "f64": 12}
ARRAY = 9
NUMPY = {"u8": "<u1", "i8": "<i1", "u16": "<u2", "i16": "<i2", "u32": "<u4", "i32": "<i4", "f32": "<f4", "bool": "<u1",
         "u64": "<u8", "i64": "<i8", "f64": "<f8"}
PLAIN = {"float32": "f32", "float16": "f16", "float64": "f64", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64",
         "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64", "bool": "bool", "complex64": "c64"}


class Refused(Exception):
    """The writer refused; `status` is its ggx_status."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<I", len(data)) + data


def kv(key, kind, value):
    """One key/value. `kind` is a key of KV, or "[kind]" for an array."""
    array = kind.startswith("[")
    elem = kind.strip("[]")
    values = list(value) if array else [value]
    head = struct.pack("<II", ARRAY if array else KV[elem], KV[elem]) + text(key) + struct.pack("<Q", len(values))
    if elem == "s":
        return head + struct.pack("<I", 0) + b"".join(text(v) for v in values)
    raw = np.array(values, dtype=NUMPY[elem])
    return head + struct.pack("<I", raw.itemsize) + raw.tobytes()


def tensor(name, payload, type_name=None, shape=None, block=(1, None), code=-1):
    """One tensor: a numpy array, or bytes with type, shape and block (elements, bytes)."""
    if isinstance(payload, np.ndarray):
        type_name = type_name or PLAIN[payload.dtype.name]
        shape = payload.shape if shape is None else shape
        block = (1, payload.itemsize) if block[1] is None else block
        payload = np.ascontiguousarray(payload).tobytes()
    return (text(name) + type_name.encode().ljust(16, b"\0") + struct.pack("<IIiI", *block, code, len(shape)) +
            struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<Q", len(payload)) + payload)


def script(kvs=(), tensors=(), options=None):
    out = struct.pack("<I", len(options or {}))
    for name, value in (options or {}).items():
        number = value if isinstance(value, int) else 0
        out += struct.pack("<I", 2 if isinstance(value, int) else 3) + text(name) + struct.pack("<q", number)
        out += text("" if isinstance(value, int) else value)
    out += struct.pack("<I", len(kvs)) + b"".join(kvs)
    return out + struct.pack("<I", len(tensors)) + b"".join(tensors)


def write(writer, kvs=(), tensors=(), options=None):
    """The complete file as bytes; Refused when the writer refuses."""
    drive = os.environ["GGX_WRITER_DRIVE"]
    plugin = os.environ["GGX_WRITER_" + writer.upper()]
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "in"), os.path.join(folder, "out")
        with open(source, "wb") as file:
            file.write(script(kvs, tensors, options))
        ran = subprocess.run([drive, plugin, source, target], stderr=subprocess.PIPE, timeout=300)
        message = ran.stderr.decode(errors="replace").strip()
        if ran.returncode < 2 and ran.returncode != 0 or ran.returncode > 13:
            raise AssertionError(f"writer_drive ended with {ran.returncode}: {message}")
        if ran.returncode:
            raise Refused(-ran.returncode, message)
        with open(target, "rb") as file:
            return file.read()
