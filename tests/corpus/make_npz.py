#!/usr/bin/env python3
"""Writes the corpus reader_npz: small archives and arrays, good and bad; without numpy, so that it runs anywhere."""
import io
import pathlib
import struct
import zipfile

folder = pathlib.Path(__file__).parent / "reader_npz"
folder.mkdir(exist_ok=True)


def npy(descr="'<f4'", order="False", shape="(2, 3)", data=bytes(24), version=1, header=None):
    text = header or f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    text = (text + " " * (-(len(text) + 11) % 64) + "\n").encode()
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + data


def npz(method=zipfile.ZIP_STORED, **members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name + ".npy"), data, method)
    return out.getvalue()


def put(name, data):
    (folder / name).write_bytes(bytes(data))


put("npy", npy())
put("npy2", npy(version=2))
put("npy_fortran", npy(order="True"))
put("npy_scalar", npy(shape="()", data=bytes(4)))
put("npy_long", npy(shape="(2L, 3L)"))
put("npy_empty", npy(shape="(0, 9)", data=b""))
put("npy_cut", npy(data=bytes(23)))
put("npy_huge", npy(shape="(4294967296, 4294967296, 4294967296)"))
put("npy_object", npy(descr="'|O'"))
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\1b\x87R"


def array(kind, data, shape=b"K\2K\3\x86"):
    dtype = b"cnumpy\ndtype\nU" + bytes((len(kind),)) + kind + b"K\0K\1\x87R(K\3U\1<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    return RECONSTRUCT + b"(K\1" + shape + dtype + b"\x89" + data + b"tb"


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


ARRAY = array(b"f4", b"U\x18" + bytes(range(24)))


def objects(body, shape="()"):
    return npy("'|O'", shape=shape, data=b"\x80\2" + array(b"O8", b"]" + body + b"a", b")") + b".")


put("npy_dict", objects(b"}(" + text("a") + ARRAY + text("b") + b"}" + text("c") + ARRAY + b"s" + text("n") + b"K\5u"))
put("npy_dict_short", objects(b"}" + text("a") + array(b"f4", b"U\x17" + bytes(23)) + b"s"))
put("npy_dict_call", objects(b"cos\nsystem\nU\4true\x85R"))
put("npy_dict_cycle", objects(b"}q\1" + text("a") + b"h\1s"))
put("npy_dict_overflow", objects(array(b"f4", b"U\0", b"\x8a\x08" + struct.pack("<q", 1 << 62) + b"K\5\x86")))
put("npy_dict_words", objects(b"]" + text("a") + b"a"))
put("npz_dict", npz(zipfile.ZIP_DEFLATED, a=npy(), d=objects(b"}" + text("a") + ARRAY + b"s"), w=npy(descr="'<U3'", shape="(2,)")))
put("npy_records", npy(descr="[('a', '<f4')]"))
put("npy_text", npy(descr="'<U3'"))
put("npy_no_shape", npy(header="{'descr': '<f4', 'fortran_order': False}"))
put("npy_call", npy(header="{'descr': __import__('os'), 'fortran_order': False, 'shape': ()}"))
put("npz", npz(a=npy(), b=npy("'>i2'", "True", "(3, 4)")))
put("npz_deflated", npz(zipfile.ZIP_DEFLATED, a=npy(), b=npy("'>i2'", "True", "(3, 4)"), c=npy("'<c16'", data=bytes(range(96)))))
good = bytearray(npz(zipfile.ZIP_DEFLATED, a=npy()))
at = good.index(b"PK\1\2")
put("npz_crc", good[:at + 16] + b"\1\2\3\4" + good[at + 20:])
put("npz_name", good[:at + 46] + b"z" + good[at + 47:])
put("npz_encrypted", good[:6] + b"\1" + good[7:at + 8] + b"\1" + good[at + 9:])
put("npz_bomb", good[:22] + b"\xff\xff\xff\x7f" + good[26:at + 24] + b"\xff\xff\xff\x7f" + good[at + 28:])
put("npz_cut", good[:-30])
put("npz_prefixed", b"MZ" + good)
