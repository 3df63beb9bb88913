#!/usr/bin/env python3
"""Writes the corpus reader_tf: small checkpoints and graphs, good and bad, in the framing of tests/fuzz/reader_tf.c. An own writer of
tables, messages and CRCs, independent of the C one."""
import pathlib
import struct

folder = pathlib.Path(__file__).parent / "reader_tf"


def varint(v):
    v &= (1 << 64) - 1
    out = b""
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def number(field, v):
    return varint(field << 3) + varint(v)


def text(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def fixed32(field, v):
    return varint(field << 3 | 5) + struct.pack("<I", v)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def shape(*axes):
    return b"".join(text(2, number(1, n)) for n in axes)


def piece(*axes):
    """TensorSliceProto; None is the whole axis."""
    return b"".join(text(1, (number(1, a[0]) + number(2, a[1])) if a else b"") for a in axes)


def slice_key(name, *axes):
    out = b"\0" + name.encode() + b"\0\1" + (bytes([1, len(axes)]) if axes else b"\0")
    for a in axes:
        out += bytes([0x80 | a[0], 0x80 | a[1]]) if a else b"\x80\x7f"
    return out


def block(entries):
    out, restarts, last = b"", [], b""
    for i, (key, value) in enumerate(entries):
        shared = 0
        if i % 2:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        else:
            restarts.append(len(out))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return out + b"".join(struct.pack("<I", r) for r in restarts) + struct.pack("<I", len(restarts))


def table(entries, per_block=3):
    out, index = b"", []
    for i in range(0, len(entries), per_block):
        body = block(entries[i:i + per_block]) + b"\0"
        index.append((entries[min(i + per_block, len(entries)) - 1][0], varint(len(out)) + varint(len(body) - 1)))
        out += body + struct.pack("<I", masked(body))
    body = block(index) + b"\0"
    handle = varint(0) + varint(0) + varint(len(out)) + varint(len(body) - 1)
    return out + body + struct.pack("<I", masked(body)) + handle.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


HEADER = number(1, 1) + text(3, number(1, 1))
F32, I32, STRING, HALF, INT4 = 1, 3, 7, 19, 29


def entry(dtype, axes, offset, data, more=b"", shard=0):
    return (number(1, dtype) + text(2, shape(*axes)) + number(3, shard) + number(4, offset) + number(5, len(data)) +
            fixed32(6, masked(data)) + more)


def framed(entries):
    return b"".join(bytes([len(k)]) + k + struct.pack("<H", len(v)) + v for k, v in entries)


def parts(*data):
    return b"".join(struct.pack("<H", len(d)) + d for d in data[:-1]) + data[-1]


FLOATS = struct.pack("<6f", *range(6))
GRAPH = text(1, text(2, text(2, "dense/kernel") + text(3, "w")))
OBJECTS = varint(len(GRAPH)) + b"\0\0\0\0" + GRAPH
DATA = FLOATS + OBJECTS
GOOD = [(b"", HEADER), (b"_CHECKPOINTABLE_OBJECT_GRAPH", entry(STRING, (), 24, OBJECTS)), (b"a/Adam", entry(F32, (2, 3), 0, FLOATS)),
        (b"empty", entry(F32, (3, 0), 0, b"")), (b"i4", entry(INT4, (2,), 0, FLOATS[:2])), (b"w", entry(F32, (6,), 0, FLOATS))]
ROWS = [((0, 1), None), ((1, 1), None)]
SLICED = [(b"", HEADER), *[(slice_key("v", *row), entry(F32, (1, 3), 12 * i, FLOATS[12 * i:12 * i + 12])) for i, row in enumerate(ROWS)],
          (b"v", entry(F32, (2, 3), 0, b"", b"".join(text(7, piece(*row)) for row in ROWS)))]
BIG = [(b"", number(1, 1) + number(2, 1))] + GOOD[1:]
BAD = {
    "missing_slice": [SLICED[0], SLICED[1], SLICED[3]], "no_header": GOOD[1:], "shards_huge": [(b"", number(1, 1 << 31))],
    "version_2": [(b"", HEADER + text(3, number(2, 2)))], "shard_9": [GOOD[0], (b"w", entry(F32, (6,), 0, FLOATS, shard=9))],
    "beyond": [GOOD[0], (b"w", entry(F32, (6,), 1 << 62, FLOATS))], "other_size": [GOOD[0], (b"w", entry(F32, (7,), 0, FLOATS))],
    "overflow": [GOOD[0], (b"w", entry(F32, (1 << 62, 8), 0, b""))], "dtype_99": [GOOD[0], (b"w", entry(99, (6,), 0, FLOATS))],
    "out_of_order": [GOOD[0], GOOD[5], GOOD[2]], "negative_axis": [GOOD[0], (b"w", entry(F32, (-1,), 0, FLOATS))],
    "overlap": SLICED[:3] + [(b"v", entry(F32, (2, 3), 0, b"", text(7, piece(*ROWS[0])) * 2))],
    "nine_axes": [GOOD[0], (b"w", entry(F32, (1,) * 9, 0, FLOATS[:4]))],
}


def v1(rows, dtype=F32, field=5, data=(FLOATS[:12], FLOATS[12:])):
    meta = text(1, text(1, "v") + text(2, shape(2, 3)) + number(3, dtype) + b"".join(text(4, piece(*r)) for r in rows))
    out = [(b"", text(1, meta))]
    for i, row in enumerate(rows):
        proto = number(1, dtype) + text(field, data[i])
        out.append((slice_key("v", *row), text(2, text(1, "v") + text(2, piece(*row)) + text(3, proto))))
    return out


def const(name, dtype, axes, values):
    proto = number(1, dtype) + text(2, shape(*axes)) + values
    return text(1, text(1, name) + text(2, "Const") + text(5, text(1, "value") + text(2, text(8, proto))))


NODES = (text(1, text(1, "x") + text(2, "Placeholder")) + const("content", F32, (2, 3), text(4, FLOATS)) +
         const("packed", F32, (2, 3), text(5, FLOATS)) + const("splat", F32, (2, 3), fixed32(5, 0x3F800000)) +
         const("ints", I32, (3,), text(7, varint(-1) + varint(300))) + const("half", HALF, (2,), number(13, 0x3C00)) +
         const("zeros", I32, (4,), b"") + const("text", STRING, (), text(8, "abc")))
MODEL = number(1, 1) + text(2, text(2, NODES))
STATE = b'model_checkpoint_path: "/elsewhere/m"\n'

FILES = {
    "graph": b"\0" + NODES, "graph_short": b"\0" + const("c", F32, (2, 3), text(4, FLOATS[:20])), "graph_empty": b"\0",
    "graph_twice": b"\0" + const("c", F32, (), b"") * 2, "graph_cut": b"\0" + NODES[:-3],
    "graph_bomb": b"\0" + const("c", F32, (1 << 28, 1 << 28), fixed32(5, 1)),
    "graph_overflow": b"\0" + const("c", F32, (1 << 40, 1 << 40), b""),
    "index": b"\1" + parts(table(GOOD), DATA), "index_sliced": b"\1" + parts(table(SLICED), FLOATS),
    "index_cut": b"\1" + parts(table(GOOD)[3:], DATA), "index_data_cut": b"\1" + parts(table(GOOD), DATA[:-1]),
    "entries": b"\2" + parts(framed(GOOD), DATA), "entries_packed": b"\x0a" + parts(framed(GOOD), DATA),
    "entries_big": b"\x82" + parts(framed(BIG), DATA), "entries_sliced": b"\2" + parts(framed(SLICED), FLOATS),
    "entries_damaged": b"\2" + parts(framed(GOOD), b"x" + DATA[1:]), "entries_unchecked": b"\x82" + parts(framed(GOOD), b"x" + DATA[1:]),
    "v1": b"\3" + table(v1([(None, None)], data=[FLOATS])), "v1_entries": b"\4" + framed(v1(ROWS)),
    "v1_packed": b"\x0c" + framed(v1(ROWS)), "v1_ints": b"\4" + framed(v1(ROWS, I32, 7, [b"\1\2", b"\xff\xff\x03"])),
    "v1_missing": b"\4" + framed(v1(ROWS)[:2]), "state": b"\5" + parts(STATE, framed(GOOD), DATA),
    "state_climbs": b"\5" + parts(b'model_checkpoint_path: "../m"', framed(GOOD), DATA),
    "saved_model": b"\6" + parts(MODEL, framed(GOOD), DATA), "unknown": b"\7" + NODES,
    **{"bad_" + name: b"\2" + parts(framed(entries), DATA) for name, entries in BAD.items()},
}


def main():
    folder.mkdir(exist_ok=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
