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
