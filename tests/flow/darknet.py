"""Promise: whatever is wrong with a Darknet network, ggx says so in one sentence, exits with 7 and writes nothing."""
import os
import random
import re
import struct
import tempfile

import flow

CFG = """[net]
width=8
height=8
channels=2
[convolutional]
batch_normalize=1
filters=3
size=3
pad=1
activation=leaky
[maxpool]
size=2
stride=2
[connected]
output=4
activation=linear
"""
FLOATS = 4 * 3 + 3 * 2 * 9 + 4 + 4 * 4 * 4 * 3
GOOD = struct.pack("<3iQ", 0, 2, 5, 64) + flow.floats(FLOATS, 1)


def refused(weights, cfg, expected=None, code=7):
    with open("net.weights", "wb") as f:
        f.write(weights)
    with open("net.cfg", "wb") as f:
        f.write(cfg if isinstance(cfg, bytes) else cfg.encode())
    before = sorted(os.listdir("."))
    said = flow.run("net.weights", "--reader", "darknet", "-o", "out.gguf", code=code)
    flow.check(said.startswith("ggx: ") and said.count("\n") == 1, f"not one sentence: {said!r}")
    flow.check(expected is None or re.search(expected, said), f"{said!r} does not say {expected!r}")
    flow.check(sorted(os.listdir(".")) == before, "something was written")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for length in range(0, len(GOOD), 7 if flow.SANITIZED else 1): # every length, also inside the header
        refused(GOOD[:length], CFG)
    refused(GOOD + bytes(4), CFG, r"cfg needs \d+ bytes, file has \d+")
    refused(GOOD, CFG.replace("output=4", "output=5"), rf"cfg needs \d+ bytes, file has {len(GOOD)}")
    refused(GOOD, "")
    refused(GOOD, "no section\n")
    refused(GOOD, random.Random(3).randbytes(3000))
    refused(GOOD, b"[net]\nwidth=8\0\n" + CFG.encode()[6:])
    refused(GOOD, CFG.replace("[maxpool]", "[scale]"), "scale", code=8)
    refused(GOOD, CFG.replace("[maxpool]", "[nonsense]"), "nonsense", code=8)
    for absurd in ("2147483647", "4294967295", "9223372036854775807", "99999999999999999999999", "-1", "0", "1e9", "nan"):
        refused(GOOD, CFG.replace("filters=3", "filters=" + absurd))
        refused(GOOD, CFG.replace("output=4", "output=" + absurd))
        refused(GOOD, CFG.replace("width=8", "width=" + absurd))
        refused(GOOD, CFG.replace("size=3", "size=" + absurd))
    refused(GOOD, CFG.replace("filters=3", "filters=65536\ngroups=3"))
    os.remove("net.cfg")
    said = flow.run("net.weights", "--reader", "darknet", "-o", "out.gguf", code=3)
    flow.check("-O darknet.cfg=" in said, f"the missing cfg's option is not named: {said!r}")
    with open("other.cfg", "w", encoding="ascii") as f:
        f.write(CFG)
    flow.run("net.weights", "-O", "darknet.cfg=other.cfg", "-o", "out.gguf")
    flow.check(os.path.exists("out.gguf"), "the good one was not converted")
print(f"ok: {len(GOOD)} lengths")
