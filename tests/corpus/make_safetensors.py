#!/usr/bin/env python3
"""Writes the corpus reader_safetensors: small files, good and bad; the first byte is the fuzz target's own."""
import json
import pathlib
import struct

folder = pathlib.Path(__file__).parent / "reader_safetensors"
folder.mkdir(exist_ok=True)


def st(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def one(name, data):
    (folder / name).write_bytes(b"\0" + data)


def sharded(name, index, shard):
    text = index if isinstance(index, bytes) else json.dumps(index).encode()
    (folder / name).write_bytes(b"\1" + struct.pack("<H", len(text)) + text + shard)


A = {"a": tensor("F32", [2], 0, 8)}
AB = {"__metadata__": {"format": "pt"}, "a": tensor("F32", [2], 0, 8), "b": tensor("BF16", [2, 2], 8, 16)}
DTYPES = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
          "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64,
          "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "C64": 64}
every, at = {}, 0
for dtype, bits in DTYPES.items():
    every[dtype.lower()] = tensor(dtype, [1, 4], at, at + bits // 2)
    at += bits // 2

one("empty", st({}))
one("two", st(AB, bytes(16)))
one("every_dtype", st(every, bytes(at)))
one("scalar_and_empty", st({"s": tensor("I64", [], 0, 8), "e": tensor("U8", [0, 3], 8, 8)}, bytes(8)))
one("padded", st(json.dumps(A).encode() + b"    ", bytes(8)))
one("escaped", st(rb'{"\u00e9\"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"))
one("out_of_order", st({"b": tensor("U8", [4], 4, 8), "a": tensor("U8", [4], 0, 4)}, bytes(8)))
one("hole", st({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [3], 5, 8)}, bytes(8)))
one("overlap", st({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [4], 2, 6)}, bytes(6)))
one("duplicate", st(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"xy"))
one("cut", st(A, bytes(7)))
one("long", st(A, bytes(9)))
one("overflow", st({"a": tensor("F64", [1 << 62, 8], 0, 0)}))
one("length_huge", st({}, length=1 << 40))
one("length_zero", st(b""))
one("metadata_number", st({"__metadata__": {"a": 1}}))
one("no_shape", st({"a": {"dtype": "U8", "data_offsets": [0, 1]}}, b"x"))
one("unknown_field", st({"a": dict(tensor("U8", [1], 0, 1), more=[{}])}, b"x"))
one("deep", st(b'{"a":' + b"[" * 80))
sharded("index", {"metadata": {}, "weight_map": {"a": "s.safetensors", "b": "s.safetensors"}}, st(AB, bytes(16)))
sharded("index_partial", {"weight_map": {"a": "s.safetensors"}}, st(AB, bytes(16)))
sharded("index_missing", {"weight_map": {"c": "s.safetensors"}}, st(AB, bytes(16)))
sharded("index_other", {"weight_map": {"a": "t.safetensors"}}, st(AB, bytes(16)))
sharded("index_climbs", {"weight_map": {"a": "../s.safetensors"}}, st(AB, bytes(16)))
sharded("index_empty", {"weight_map": {}}, st(AB, bytes(16)))
