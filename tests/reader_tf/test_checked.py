"""Each tensor of a V2 checkpoint is compared with its CRC while it is converted, however its parts are asked for: one flipped bit in the middle of a
large one, ends the conversion, and leaves no output. Without TensorFlow."""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import oracle

sys.path.insert(0, str(pathlib.Path(os.environ["GGX_SOURCE"]) / "tests" / "corpus"))
import make_tf  # noqa: E402

GGX = os.environ["GGX"]
ROWS, COLUMNS = 1024, 600  # 2.4 MB: beyond what is checked at opening


def crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def write(folder):
    make_tf.crc32c = crc32c  # the corpus's own goes bit by bit
    data = random.Random(1).randbytes(ROWS * COLUMNS * 4)
    rows = [(b"", make_tf.number(1, 1))]
    rows += [(b"w", make_tf.entry(1, (ROWS, COLUMNS), 0, data))]
    (folder / "m.index").write_bytes(make_tf.table(rows))
    return data


def convert(folder, recipe, *more):
    out = folder / "out.safetensors"
    out.unlink(missing_ok=True)
    ran = subprocess.run([GGX, str(folder / "m.index"), "-o", str(out), "--recipe", recipe, "--quiet", *more], capture_output=True, text=True, timeout=120)
    assert out.exists() == (ran.returncode == 0), ran.stderr
    return ran


def main():
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        data = write(folder)
        shard = folder / "m.data-00000-of-00001"
        transposed = folder / "transposed.json"
        transposed.write_text(json.dumps({"id": "turned", "about": "a test's", "tensors": [{"from": "w", "to": "w", "do": ["transpose"]}], "outputs": {"*": {}}}))
        for recipe in ("none", str(transposed)):
            for threads in ("1", "4"):
                shard.write_bytes(data)
                ran = convert(folder, recipe, "--threads", threads)
                assert ran.returncode == 0, ran.stderr
                for at in (0, len(data) // 2, len(data) - 1):
                    bad = bytearray(data)
                    bad[at] ^= 1
                    shard.write_bytes(bad)
                    ran = convert(folder, recipe, "--threads", threads)
                    assert ran.returncode == 6 and "CRC of tensor 'w'" in ran.stderr, (recipe, threads, at, ran)
                    ran = convert(folder, recipe, "--threads", threads, "-O", "tf.verify=off")
                    assert ran.returncode == 0, ran
                    assert convert(folder, recipe, "--threads", threads, "-O", "tf.verify=on").returncode == 6
    oracle.finish()


main()
