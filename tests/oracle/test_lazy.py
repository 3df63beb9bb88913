"""`ggx inspect` reads no data: of sparse files of 10 GB it lists the tensors within 32 MiB of memory and 100 ms of CPU time. A sanitized
program needs more of both; then only the listing is compared. Without numpy, whose memory would be counted: peaks go over from this
process to the program that it starts."""
import json
import os
import pathlib
import struct
import sys
import tempfile
import time

import oracle

GGX = os.environ["GGX"]
SIZE = 10 << 30
MEMORY = 32 << 20
SECONDS = 0.1
RUNS = 5

sys.path.insert(0, str(pathlib.Path(os.environ["GGX_SOURCE"]) / "tests" / "corpus"))


def make_safetensors(folder):
    path = folder / "big.safetensors"
    half = SIZE // 2
    header = json.dumps({f"layer.{i}": {"dtype": "F32", "shape": [half // 4096, 1024], "data_offsets": [i * half, (i + 1) * half]} for i in range(2)}).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + SIZE)
    return path, {f"layer.{i}": half for i in range(2)}


def zip_entry(file, name, size, data=b""):
    """A stored entry in the form that has room for large ones, without CRC, as PyTorch can write them; gives its line in the directory."""
    at, name = file.tell(), name.encode()
    file.write(struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, 0, 0, 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF, len(name), 20) + name)
    file.write(struct.pack("<HHQQ", 1, 16, size, size))
    file.write(data)
    file.seek(size - len(data), os.SEEK_CUR)
    return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 45, 45, 0, 0, 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF, len(name), 28, 0, 0, 0, 0,
                       0xFFFFFFFF) + name + struct.pack("<HHQQQ", 1, 24, size, size, at)


def make_pth(folder):
    import make_pth as make
    path, half = folder / "big.pth", SIZE // 2
    body = make.pairs(**{f"layer{i}": make.tensor(make.storage(str(i), half // 4), size=(half // 4096, 1024), stride=(1024, 1)) for i in range(2)})
    pickled = make.pickled(body)
    with open(path, "wb") as file:
        lines = zip_entry(file, "big/data.pkl", len(pickled), pickled)
        for i in range(2):
            lines += zip_entry(file, f"big/data/{i}", half)
        at = file.tell()
        file.write(lines)
        end = file.tell()
        file.write(struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 3, 3, len(lines), at))
        file.write(struct.pack("<IIQI", 0x07064B50, 0, end, 1))
        file.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
    return path, {f"layer{i}": half for i in range(2)}


def make_bundle(folder):
    import make_tf as make
    half, rows = SIZE // 2, [(b"", make.number(1, 1) + make.text(3, make.number(1, 1)))]
    for i in range(2):
        rows.append((f"layer{i}/kernel".encode(), make.number(1, 1) + make.text(2, make.shape(half // 4096, 1024)) +
                     make.number(4, i * half) + make.number(5, half) + make.fixed32(6, 1)))
    path = folder / "big.ckpt.index"
    path.write_bytes(make.table(rows))
    with open(folder / "big.ckpt.data-00000-of-00001", "wb") as file:
        file.truncate(SIZE)
    return path, {f"layer{i}/kernel": half for i in range(2)}


def run(path, out):
    """(wall seconds, CPU seconds, peak bytes) of one inspection; what it says goes to `out`."""
    begun = time.monotonic()
    pid = os.posix_spawn(GGX, [GGX, "inspect", "--json", str(path)], os.environ,
                         file_actions=[(os.POSIX_SPAWN_OPEN, 1, str(out), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)])
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, f"{path}: {os.waitstatus_to_exitcode(status)}"
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main():
    plain = not os.environ.get("GGX_SANITIZE")
    for make in (make_safetensors, make_pth, make_bundle):
        with tempfile.TemporaryDirectory() as work:
            folder = pathlib.Path(work)
            path, wanted = make(folder)
            out = folder / "listing.json"
            runs = [run(path, out) for _ in range(RUNS if plain else 1)]
            listing = json.loads(out.read_text())
            assert {t["name"]: t["nbytes"] for t in listing["tensors"]} == wanted, listing
            access = "reader" if make is make_bundle else "raw"  # a bundle's large tensors are checked on the way
            assert all(t["access"] == access for t in listing["tensors"]), listing
            wall, cpu, memory = (min(r[k] for r in runs) for k in range(3))
            print(f"{path.name}: {wall * 1000:.0f} ms, {cpu * 1000:.0f} ms of CPU, {memory / 2**20:.1f} MiB")
            if plain:
                assert max(r[2] for r in runs) < MEMORY, f"{path.name}: {memory} bytes"
                assert cpu < SECONDS, f"{path.name}: {cpu} s"
    oracle.finish()


main()
