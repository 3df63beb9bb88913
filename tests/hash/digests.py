"""Promise: ggx hash prints what hashlib computes, for files of any size and for tensors in any format, with any number of threads."""
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "flow"))
import flow

CRC = [0] * 256
for byte in range(256):
    c = byte
    for _ in range(8):
        c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    CRC[byte] = c


def crc32c(data):
    c = 0xFFFFFFFF
    for byte in data:
        c = c >> 8 ^ CRC[(c ^ byte) & 255]
    return f"{c ^ 0xFFFFFFFF:08x}"


def xxhsum(length):
    """What the program xxhsum says."""
    return lambda d: subprocess.run(["xxhsum", f"-H{length}"], input=d, capture_output=True, check=True).stdout.decode().split(" = ")[-1].split()[0].removeprefix("XXH3_")


ORACLES = {
    "sha256": lambda d: hashlib.sha256(d).hexdigest(),
    "blake2b": lambda d: hashlib.blake2b(d).hexdigest(),
    "sha1": lambda d: hashlib.sha1(d).hexdigest(),
    "git": lambda d: hashlib.sha1(b"blob %d\0" % len(d) + d).hexdigest(),
    "crc32c": crc32c,
    "xxh3": xxhsum(3),
    "xxh128": xxhsum(2),
}


def files(folder):
    """Sizes around those of blocks and of the pieces that are read."""
    names = {}
    for size in (0, 1, 55, 56, 63, 64, 65, 127, 128, 129, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (5 << 20) + 12345):
        path = os.path.join(folder, f"{size}.dat")
        with open(path, "wb") as f:
            f.write(random.Random(size).randbytes(size))
        names[path] = size
    for algorithm, oracle in ORACLES.items():
        chosen = [p for p, size in names.items() if algorithm != "crc32c" or size <= 1 << 20]
        wanted = "".join(f"{oracle(open(p, 'rb').read())}  {p}\n" for p in chosen)
        flow.check(flow.run("hash", "--algorithm", algorithm, *chosen) == wanted, f"{algorithm}: not what the oracle says")
    listed = flow.run("hash", folder)
    flow.check(sorted(listed.splitlines()) == sorted(flow.run("hash", *names).splitlines()), "a directory is its files")
    for path in (p for p, size in names.items() if size > 1 << 20):  # alone, so that another thread reads ahead
        for threads in (1, 2, 5):
            flow.check(flow.run("hash", "--threads", threads, path).split()[0] == ORACLES["sha256"](open(path, "rb").read()), "read ahead")
    with open(os.path.join(folder, "sums"), "w") as f:
        f.write(flow.run("hash", *names))
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", os.path.join(folder, "sums")], check=True)
    flow.check("there are sha256" in flow.run("hash", folder, "--algorithm", "md5", code=2), "an unknown algorithm")
    flow.check(flow.run("hash", os.path.join(folder, "no"), code=3), "a file that is not there")


def raw_tensors(path):
    """Names and bytes of a safetensors file's tensors."""
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    for name, entry in json.loads(data[8:8 + size]).items():
        begin, end = entry["data_offsets"]
        yield name, data[8 + size + begin:8 + size + end]


def tensors(folder):
    model, copy = os.path.join(folder, "m.safetensors"), os.path.join(folder, "m.gguf")
    flow.write_safetensors(model, [t for t in flow.TENSORS if t[0] != "scalar"])
    flow.run(model, "-o", copy, "--recipe", "none")
    for path in (model, copy):
        for threads in (1, 3):
            for algorithm, words in (("sha256", ["--algorithm", "sha256"]), ("xxh3", ["--algorithm", "xxh3"]), ("xxh128", [])):
                got = json.loads(flow.run("hash", "--tensors", "--json", "--threads", threads, *words, path))
                wanted = {name: ORACLES[algorithm](data) for name, data in raw_tensors(model)}
                flow.check({t["tensor"]: t[algorithm] for t in got} == wanted, f"{path}, {threads} threads: other digests")
    flow.check(flow.run("hash", copy) != flow.run("hash", model), "the files themselves differ")
    quantized = os.path.join(folder, "q.gguf")
    flow.run(model, "-o", quantized, "--recipe", "none", "--type", "q8_0")
    got = {t["tensor"]: t for t in json.loads(flow.run("hash", "--tensors", "--json", "--algorithm", "sha256", quantized))}
    flow.check(got["plain"]["type"] == "q8_0" and got["plain"]["bytes"] == 4096 * 1024 // 32 * 34, "blocks are hashed as stored")
    listing = json.loads(flow.run("inspect", "--json", quantized))
    place = next(t for t in listing["tensors"] if t["name"] == "plain")
    data = open(quantized, "rb").read()[place["offset"]:place["offset"] + got["plain"]["bytes"]]
    flow.check(hashlib.sha256(data).hexdigest() == got["plain"]["sha256"], "the digest of blocks")


with tempfile.TemporaryDirectory() as top:
    for test in (files, tensors):
        inner = os.path.join(top, test.__name__)
        os.mkdir(inner)
        test(inner)
print("ok")
