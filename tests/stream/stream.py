"""Promises: streamed is the same to the byte as downloaded and converted; the model never touches the disk; memory stays within
--memory; each byte is fetched once; what cannot stream is said, with the reason, before anything is fetched."""
import hashlib
import io
import os
import resource
import struct
import subprocess
import threading
import time
import zipfile

import common
import flow

case = common.Case(**{"config.json": b'{"a": 1}', "big.dat": bytes(300_000), ".hidden": b"x"})
sources = [case.url, "hf://org/model/model.safetensors", "hf://org/model@main", "hf://org/model"]
for source in sources:
    before = case.server.sent
    case.run(source)
    case.good(source)
    flow.check(case.server.sent - before < len(case.data) + (2 << 20), f"{source}: {case.server.sent - before} bytes were fetched")
for words in (["--threads", 1], ["--memory", "12M"], ["--memory", "1G", "--threads", 7], ["--type", "q8_0", "--type", "q4_0"]):
    case.run(case.url, *words)
    case.good(words)
case.run(case.url, "--sha256", hashlib.sha256(case.data).hexdigest())
case.good("with its digest")

# Too little memory is said with the number that is enough.
said = case.run(case.url, "--memory", "1M", code=2)
enough = said.split("give --memory ")[1].split(",")[0]
case.nothing("too little memory")
case.run(case.url, "--memory", enough)
case.good("just enough memory")

# Usage.
case.run(case.url, "--part", "0/2", code=2)
case.run(case.model, code=2)
case.run(case.url, "--manifest", os.path.join(case.folder, "m"), code=2)
case.run("hf://org", code=2)
case.run("hf://org/model/../x", code=2)
case.run("hf://org/none", code=3)
case.run("hf://org/model@other", code=3)
case.run("hf://org/model/none.bin", code=3)
case.run(case.server.base + "/files/none", code=3)
case.nothing("slips")

# The plan says whether, and why not.
plan = lambda source: flow.run("plan", source, "--recipe", "none", "--writer", "gguf", env=case.environment)
flow.check(f"stream: yes, {len(case.data)} bytes in 1 files" in plan(case.url), "the plan of what can stream")
packed = io.BytesIO()
header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (64, 64), }"
header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + flow.floats(64 * 64, 1))
case.server.files["packed.npz"] = packed.getvalue()
flow.check("stream: no: tensor 'a' is packed" in plan(case.server.base + "/files/packed.npz"), "the plan of what cannot")
subprocess_words = [flow.GGX, case.server.base + "/files/packed.npz", "--recipe", "none", "-o", case.out, "--stream"]
flow.check(subprocess.run(subprocess_words, capture_output=True).returncode == 8, "a packed model")
case.nothing("a packed model")

# Headers alone answer what fits.
before = case.server.sent
flow.run("fit", case.url, "--recipe", "none", "--pick", "--ram", "8M")
flow.check(case.server.sent - before < 1 << 20, "fit fetched more than headers")


def disk():
    return sum(os.stat(os.path.join(case.folder, n)).st_blocks * 512 for n in os.listdir(case.folder))


# Peak disk is the output; peak memory is the program and --memory.
case.server.rate = 40 << 20
child = subprocess.Popen(case.command(case.url, "--memory", "16M"), env=case.environment, stdout=subprocess.DEVNULL)
peak = 0
while child.poll() is None:
    try:
        peak = max(peak, disk())
    except FileNotFoundError:
        pass
    time.sleep(0.01)
flow.check(child.returncode == 0, "the measured run")
size = os.path.getsize(case.out)
case.good("the measured run")
flow.check(0 < peak <= size + (64 << 10), f"{peak} bytes on the disk for an output of {size}")
if not flow.SANITIZED:
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # of the largest of all runs: that with 1G has the model in it
    flow.check(used < (len(case.data) >> 10) + (96 << 10), f"{used} KiB")
print(f"ok: peak disk {peak} of {size} bytes")
