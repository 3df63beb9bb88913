"""Runs the program reader_list and gives what it printed.

    listing = read(program, "file.bin", options={"ggml.header": "ftype"})
    listing.tensors["w"].array()          listing.kvs["ftype"]
"""
import dataclasses
import json
import subprocess

import numpy as np

DTYPES = {"f64": "f8", "f32": "f4", "f16": "f2", "i8": "i1", "i16": "i2", "i32": "i4", "i64": "i8", "u8": "u1", "u16": "u2",
          "u32": "u4", "u64": "u8", "bool": "?", "c64": "c8", "c128": "c16", "bf16": "u2"}
KV = {0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?", 10: "<u8", 11: "<i8", 12: "<f8"}


class Refused(Exception):
    """The reader refused; `status` is its ggx_status."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


@dataclasses.dataclass
class Tensor:
    name: str
    type: str
    shape: tuple
    order: str      # "<" or ">"
    access: int
    flags: int
    storage: int
    data: bytes

    def array(self):
        """As numpy has it; bf16 as u2."""
        return np.frombuffer(self.data, np.dtype(self.order + DTYPES[self.type])).reshape(self.shape)


@dataclasses.dataclass
class Listing:
    score: int
    kvs: dict      # key → value or list; strings are bytes
    kv_types: dict # key → (type, element type)
    tensors: dict  # name → Tensor, in order


def value_of(line):
    raw = [bytes.fromhex(v) for v in line["values"]]
    values = raw if line["elem"] == 8 else [np.frombuffer(v, KV[line["elem"]])[0].item() for v in raw]
    return values if line["type"] == 9 else values[0]


def read(program, *files, options=None, timeout=120, folder=None, source="f"):
    """The first file and its siblings, source "f"; or of a folder "d", or a prefix in it "p", these files, in order. With `folder`, files are
    named from there on."""
    command = [program] + (["-" + source, folder] if folder else [])
    for name, value in (options or {}).items():
        kind = "-b" if isinstance(value, bool) else "-i" if isinstance(value, int) else "-s"
        command += [kind, f"{name}={int(value) if isinstance(value, bool) else value}"]
    ran = subprocess.run(command + list(files), capture_output=True, timeout=timeout)
    message = ran.stderr.decode(errors="replace").strip()
    if ran.returncode and 2 <= ran.returncode <= 13:
        raise Refused(-ran.returncode, message)
    assert ran.returncode == 0, f"reader_list ended with {ran.returncode}: {message}"
    listing, at, out = Listing(0, {}, {}, {}), 0, ran.stdout
    while at < len(out):
        end = out.index(b"\n", at)
        line = json.loads(out[at:end])
        at = end + 1
        if "score" in line:
            listing.score = line["score"]
        elif "kv" in line:
            key = bytes.fromhex(line["kv"]).decode()
            listing.kvs[key] = value_of(line)
            listing.kv_types[key] = (line["type"], line["elem"])
        else:
            name = bytes.fromhex(line["tensor"]).decode()
            assert name not in listing.tensors, name
            listing.tensors[name] = Tensor(name, line["type"], tuple(line["shape"]), "<>>"[line["order"]], line["access"],
                                           line["flags"], line["storage"], out[at:at + line["nbytes"]])
            at += line["nbytes"]
    return listing
