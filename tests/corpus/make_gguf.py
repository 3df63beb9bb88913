#!/usr/bin/env python3
"""Writes the corpus reader_gguf: small files, good and bad; the first byte is the fuzz target's own."""
import pathlib
import struct

folder = pathlib.Path(__file__).parent / "reader_gguf"
folder.mkdir(exist_ok=True)

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
FORMATS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}
# code, block elements, block bytes
TYPES = [(0, 1, 4), (1, 1, 2), (2, 32, 18), (3, 32, 20), (6, 32, 22), (7, 32, 24), (8, 32, 34), (9, 32, 36), (10, 256, 84),
         (11, 256, 110), (12, 256, 144), (13, 256, 176), (14, 256, 210), (15, 256, 292), (16, 256, 66), (17, 256, 74),
         (18, 256, 98), (19, 256, 50), (20, 32, 18), (21, 256, 110), (22, 256, 82), (23, 256, 136), (24, 1, 1), (25, 1, 2),
         (26, 1, 4), (27, 1, 8), (28, 1, 8), (29, 256, 56), (30, 1, 2), (34, 256, 54), (35, 256, 66), (39, 32, 17),
         (40, 64, 36), (41, 128, 18), (42, 64, 18)]


class File:
    def __init__(self, order="<", version=3, alignment=32):
        self.order, self.version, self.alignment = order, version, alignment
        self.kvs, self.infos, self.data = [], [], b""

    def pack(self, form, *values):
        return struct.pack(self.order + form, *values)

    def string(self, text):
        return self.pack("Q", len(text)) + text

    def value(self, kind, value):
        return self.string(value) if kind == STRING else self.pack(FORMATS[kind], value)

    def kv(self, key, kind, value, elem=None):
        body = self.string(key) + self.pack("I", kind)
        if kind == ARRAY:
            body += self.pack("IQ", elem, len(value)) + b"".join(self.value(elem, v) for v in value)
        else:
            body += self.value(kind, value)
        self.kvs.append(body)
        return self

    def tensor(self, name, ne, code, size, offset=None):
        at = len(self.data) if offset is None else offset
        self.infos.append(self.string(name) + self.pack("I", len(ne)) + self.pack("Q" * len(ne), *ne) + self.pack("IQ", code, at))
        self.data += bytes(size) + bytes(-size % self.alignment)
        return self

    def bytes(self, tensors=None, kvs=None):
        out = b"GGUF" + self.pack("IQQ", self.version, len(self.infos) if tensors is None else tensors,
                                  len(self.kvs) if kvs is None else kvs)
        out += b"".join(self.kvs) + b"".join(self.infos)
        return out + bytes(-len(out) % self.alignment) + self.data


def one(name, data):
    (folder / name).write_bytes(b"\0" + data)


def split(name, first, second):
    (folder / name).write_bytes(b"\1" + struct.pack("<H", len(first)) + first + second)


def every_kv(f):
    for kind, value in ((U8, 1), (I8, -1), (U16, 2), (I16, -2), (U32, 3), (I32, -3), (F32, 1.5), (BOOL, 1), (STRING, b"text"),
                        (U64, 4), (I64, -4), (F64, 2.5)):
        f.kv(b"k%d" % kind, kind, value)
        f.kv(b"a%d" % kind, ARRAY, [value, value], kind)
    return f


def part(no, count, name, total):
    f = File().kv(b"split.no", U16, no).kv(b"split.count", U16, count).kv(b"split.tensors.count", I32, total)
    return f.tensor(name, [2], 0, 8).bytes()


one("empty", File().bytes())
one("kvs", every_kv(File()).bytes())
one("kvs_big", every_kv(File(">")).bytes())
one("version1", File(version=1).bytes())
one("version2", File(version=2).tensor(b"t", [4], 0, 16).bytes())
one("version4", File(version=4).bytes())
one("tensors", File().tensor(b"a", [3, 2], 0, 24).tensor(b"b", [32, 2, 1, 1], 8, 68).tensor(b"s", [], 24, 1).bytes())
one("tensors_big", File(">").tensor(b"a", [3, 2], 0, 24).tensor(b"s", [], 27, 8).bytes())
one("blocks_big", File(">").tensor(b"b", [32], 8, 34).bytes())
types = File()
for code, elems, size in TYPES:
    types.tensor(b"t%d" % code, [elems], code, size)
one("types", types.bytes())
one("aligned8", File(alignment=8).kv(b"general.alignment", U32, 8).tensor(b"a", [1], 0, 4).tensor(b"b", [1], 0, 4).bytes())
one("alignment3", File().kv(b"general.alignment", U32, 3).bytes())
one("alignment_u64", File().kv(b"general.alignment", U64, 32).bytes())
one("duplicate_key", File().kv(b"k", U8, 1).kv(b"k", U8, 1).bytes())
one("duplicate_tensor", File().tensor(b"t", [1], 0, 4).tensor(b"t", [1], 0, 4).bytes())
one("gap", File().tensor(b"a", [1], 0, 4).tensor(b"b", [1], 0, 4, 64).bytes())
one("overlap", File().tensor(b"a", [1], 0, 4).tensor(b"b", [1], 0, 4, 0).bytes())
one("nested", File().kv(b"k", ARRAY, [], ARRAY).bytes())
one("five_axes", File().tensor(b"t", [1] * 5, 0, 4).bytes())
one("overflow", File().tensor(b"t", [1 << 40, 1 << 40], 0, 4).bytes())
one("withdrawn", File().tensor(b"t", [32], 4, 20).bytes())
one("odd_row", File().tensor(b"t", [33], 2, 36).bytes())
one("cut", File().tensor(b"t", [64], 0, 256).bytes()[:-1])
one("many_tensors", File().bytes(tensors=1 << 60))
one("many_kvs", File().bytes(kvs=1 << 60))
one("long_string", File().bytes(kvs=1) + struct.pack("<Q", 1) + b"k" + struct.pack("<IQ", STRING, 1 << 62) + bytes(16))
split("split", part(0, 2, b"a", 2), part(1, 2, b"b", 2))
split("split_same_name", part(0, 2, b"a", 2), part(1, 2, b"a", 2))
split("split_same_no", part(0, 2, b"a", 2), part(0, 2, b"b", 2))
split("split_total", part(0, 2, b"a", 3), part(1, 2, b"b", 3))
split("split_three", part(0, 3, b"a", 2), part(1, 3, b"b", 2))
