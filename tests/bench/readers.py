"""Measures how fast each format is read, and prints the section "Readers" of docs/performance.md. Run by hand on a quiet machine:

    python3 tests/bench/readers.py [--bin build/release/bin] [--folder build/bench] [--mib 512] [--runs 5]

Reading alone: bench_read (read.c), which reads every tensor through the host into a buffer and drops it, against `cat FILE >/dev/null`; of deflated formats against zlib
unpacking the same streams. Copying: ggx, which copies all tensors to a new file, against `cat` into another (whose bytes the kernel copies by itself) or zlib and a write, both with one fsync. One
thread, from the page cache, in turn. CPU time as well as wall time, for on a busy machine only the former means much. Needs numpy, safetensors and h5py."""
import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time
import zipfile
import zlib

import h5py
import numpy as np
import safetensors.numpy

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "corpus"))
import make_pth
import make_tf

TENSORS = 16


def tensors(mib):
    """Random mantissas, few exponents: deflate gets a little out of them, as of weights."""
    rows = mib * (1 << 20) // TENSORS // 4096
    rng = np.random.default_rng(1)
    return {f"layer{i:02}": (rng.random((rows, 1024), np.float32) - 0.5) for i in range(TENSORS)}


def make_archive(path, arrays, method):
    body = make_pth.pairs(**{n: make_pth.tensor(make_pth.storage(n, a.size), size=a.shape, stride=(a.shape[1], 1)) for n, a in arrays.items()})
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as file:
        file.writestr("m/data.pkl", make_pth.pickled(body))
        for name, array in arrays.items():
            file.writestr(f"m/data/{name}", array.tobytes())


def multiply(a, b):
    """Of polynomials modulo the CRC-32C's."""
    product = 0
    for bit in range(31, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (0x82F63B78 if b & 1 else 0)
    return product


def masked(array):
    """The CRC as TensorFlow stores it: of all rows at once, a byte of each at a time, which are then put together."""
    table = np.array([int(make_tf.crc32c(bytes([n]))) for n in range(256)], np.uint32)
    table ^= table[0]
    rows = array.reshape(array.shape[0], -1).view(np.uint8)
    crcs = np.full(rows.shape[0], 0xFFFFFFFF, np.uint32)
    for column in rows.T.copy():
        crcs = crcs >> 8 ^ table[(crcs ^ column) & 255]
    power = 1 << 30  # x
    for _ in range(3 + (rows.shape[1]).bit_length() - 1):  # of 8 bits times a row's bytes, a power of two
        power = multiply(power, power)
    assert rows.shape[1] & rows.shape[1] - 1 == 0
    whole = 0
    for crc in crcs ^ 0xFFFFFFFF:
        whole = multiply(power, whole) ^ int(crc)
    return ((whole >> 15 | whole << 17) + 0xA282EAD8) & 0xFFFFFFFF


def make_bundle(path, arrays):
    rows, at = [(b"", make_tf.number(1, 1) + make_tf.text(3, make_tf.number(1, 1)))], 0
    with open(str(path)[:-6] + ".data-00000-of-00001", "wb") as file:
        for name, array in arrays.items():
            rows.append((name.encode(), make_tf.number(1, 1) + make_tf.text(2, make_tf.shape(*array.shape)) + make_tf.number(4, at) +
                         make_tf.number(5, array.nbytes) + make_tf.fixed32(6, masked(array))))
            file.write(array.tobytes())
            at += array.nbytes
    path.write_bytes(make_tf.table(rows))


def make_h5(path, arrays, **how):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **how)


def make_files(folder, arrays, only):
    """(what, file that ggx is given, file that the yardstick reads, yardstick)"""
    chunks = {"chunks": (256, 1024), "compression": "gzip", "compression_opts": 1}
    made = [("safetensors", "m.safetensors", lambda p: safetensors.numpy.save_file(arrays, p), cat),
            ("pth, stored", "m.pt", lambda p: make_archive(p, arrays, zipfile.ZIP_STORED), cat),
            ("tf, bundle", "m.index", lambda p: make_bundle(p, arrays), cat),
            ("npz, stored", "m.npz", lambda p: np.savez(p, **arrays), cat),
            ("hf-h5, contiguous", "m.h5", lambda p: make_h5(p, arrays), cat),
            ("pth, deflated", "z.pt", lambda p: make_archive(p, arrays, zipfile.ZIP_DEFLATED), inflated_zip),
            ("npz, deflated", "z.npz", lambda p: np.savez_compressed(p, **arrays), inflated_zip),
            ("hf-h5, deflated chunks", "z.h5", lambda p: make_h5(p, arrays, **chunks), inflated_h5)]
    for what, name, make, yardstick in made:
        if not what.startswith(only):
            continue
        path = folder / name
        make(path)
        yield what, path, pathlib.Path(str(path)[:-6] + ".data-00000-of-00001") if name.endswith(".index") else path, yardstick


def cat(source, out):
    with open(out, "wb") as file:
        subprocess.run(["cat", source], stdout=file, check=True)


def inflated_zip(source):
    """zlib on each entry's stream at once, from memory; Python's part is the call."""
    data = source.read_bytes()
    with zipfile.ZipFile(source) as archive:
        for info in archive.infolist():
            begin = info.header_offset + 30 + sum(int.from_bytes(data[info.header_offset + o:info.header_offset + o + 2], "little") for o in (26, 28))
            raw = data[begin:begin + info.compress_size]
            yield zlib.decompress(raw, -15, info.file_size) if info.compress_type else raw


def inflated_h5(source):
    with h5py.File(source) as archive:
        for dataset in archive.values():
            for i in range(dataset.id.get_num_chunks()):
                yield zlib.decompress(dataset.id.read_direct_chunk(dataset.id.get_chunk_info(i).chunk_offset)[1])


def unpack(stream, out):
    with open(out, "wb") as file:
        for part in stream:
            file.write(part)


def durable(out):
    """As ggx leaves its output."""
    with open(out, "rb") as file:
        os.fsync(file.fileno())


def timed(work):
    """(wall, CPU) seconds, of this process and of those that it waited for."""
    def cpu():
        uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in uses)
    begun, spent = time.perf_counter(), cpu()
    work()
    return time.perf_counter() - begun, cpu() - spent


def in_turn(ours, theirs, runs):
    """ours ÷ theirs, of medians: wall and CPU."""
    a, b = [], []
    for _ in range(runs + 1):  # the first fills the page cache
        b.append(timed(theirs))
        a.append(timed(ours))
    return [statistics.median(r[k] for r in a[1:]) / statistics.median(r[k] for r in b[1:]) for k in range(2)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="build/release/bin", type=pathlib.Path)
    parser.add_argument("--folder", default="build/bench", type=pathlib.Path)
    parser.add_argument("--mib", default=512, type=int)
    parser.add_argument("--only", default="", help="formats whose names begin so")
    parser.add_argument("--runs", default=5, type=int)
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    arrays = tensors(wanted.mib)
    print(f"{wanted.mib} MiB in {TENSORS} tensors of f32, medians of {wanted.runs} runs, one thread\n")
    print("| format | yardstick | reading, wall | CPU | copying, wall | CPU |\n|---|---|---|---|---|---|")
    for what, path, read, yardstick in make_files(wanted.folder, arrays, wanted.only):
        out = wanted.folder / "out.safetensors"
        reader, copier = [wanted.bin / "bench_read", path], [wanted.bin / "ggx", path, "-o", out, "--recipe", "none", "--quiet", "--threads", "1"]

        def copy():
            out.unlink(missing_ok=True)
            subprocess.run(copier, check=True)

        def copy_plainly():
            out.unlink(missing_ok=True)
            cat(read, out) if yardstick is cat else unpack(yardstick(read), out)
            durable(out)

        def read_plainly():
            if yardstick is not cat:
                return sum(len(part) for part in yardstick(read))
            subprocess.run(["cat", read], stdout=subprocess.DEVNULL, check=True)

        ratios = in_turn(lambda: subprocess.run(reader, check=True), read_plainly, wanted.runs) + in_turn(copy, copy_plainly, wanted.runs)
        print(f"| {what} | {'cat' if yardstick is cat else 'zlib'} | " + " | ".join(f"{r:.2f} ×" for r in ratios) + " |", flush=True)
        for name in {path, read, out}:
            name.unlink(missing_ok=True)


main()
