"""Measures how fast each format is read, and prints the section "Readers" of docs/performance.md. Run by hand on a quiet machine:

    python3 tests/bench/readers.py [--ggx build/release/bin/ggx] [--folder build/bench] [--mib 512] [--runs 5]

Formats whose tensors lie in the file as they are: a copy of all tensors by ggx against `cat` of the same file, both from the page cache
into a new file and with one fsync, in turn. Deflated ones: against zlib unpacking the same streams and writing them. CPU time as well as wall time, for on a busy
machine only the former means much. Needs numpy, safetensors and h5py."""
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


def make_bundle(path, arrays):
    rows, at = [(b"", make_tf.number(1, 1) + make_tf.text(3, make_tf.number(1, 1)))], 0
    with open(str(path)[:-6] + ".data-00000-of-00001", "wb") as file:
        for name, array in arrays.items():
            rows.append((name.encode(), make_tf.number(1, 1) + make_tf.text(2, make_tf.shape(*array.shape)) + make_tf.number(4, at) +
                         make_tf.number(5, array.nbytes) + make_tf.fixed32(6, 1)))
            file.write(array.tobytes())
            at += array.nbytes
    path.write_bytes(make_tf.table(rows))


def make_h5(path, arrays, **how):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **how)


def make_files(folder, arrays):
    """(what, file that ggx is given, file that the yardstick reads, yardstick)"""
    chunks = {"chunks": (256, 1024), "compression": "gzip", "compression_opts": 1}
    made = [("safetensors", "m.safetensors", lambda p: safetensors.numpy.save_file(arrays, p), cat),
            ("pth, stored", "m.pt", lambda p: make_archive(p, arrays, zipfile.ZIP_STORED), cat),
            ("tf, bundle", "m.index", lambda p: make_bundle(p, arrays), cat),
            ("npz, stored", "m.npz", lambda p: np.savez(p, **arrays), cat),
            ("hf-h5, contiguous", "m.h5", lambda p: make_h5(p, arrays), cat),
            ("pth, deflated", "z.pt", lambda p: make_archive(p, arrays, zipfile.ZIP_DEFLATED), inflate_zip),
            ("npz, deflated", "z.npz", lambda p: np.savez_compressed(p, **arrays), inflate_zip),
            ("hf-h5, deflated chunks", "z.h5", lambda p: make_h5(p, arrays, **chunks), inflate_h5)]
    for what, name, make, yardstick in made:
        path = folder / name
        make(path)
        yield what, path, pathlib.Path(str(path)[:-6] + ".data-00000-of-00001") if name.endswith(".index") else path, yardstick


def cat(source, out):
    with open(out, "wb") as file:
        subprocess.run(["cat", source], stdout=file, check=True)


def inflate_zip(source, out):
    """zlib on each entry's stream at once, from memory; Python's part is the call."""
    data = source.read_bytes()
    with zipfile.ZipFile(source) as archive, open(out, "wb") as file:
        for info in archive.infolist():
            begin = info.header_offset + 30 + sum(int.from_bytes(data[info.header_offset + o:info.header_offset + o + 2], "little") for o in (26, 28))
            raw = data[begin:begin + info.compress_size]
            file.write(zlib.decompress(raw, -15, info.file_size) if info.compress_type else raw)


def inflate_h5(source, out):
    with h5py.File(source) as archive, open(out, "wb") as file:
        for dataset in archive.values():
            for i in range(dataset.id.get_num_chunks()):
                file.write(zlib.decompress(dataset.id.read_direct_chunk(dataset.id.get_chunk_info(i).chunk_offset)[1]))


def durable(yardstick, read, out):
    """As ggx leaves its output."""
    yardstick(read, out)
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ggx", default="build/release/bin/ggx")
    parser.add_argument("--folder", default="build/bench", type=pathlib.Path)
    parser.add_argument("--mib", default=512, type=int)
    parser.add_argument("--runs", default=5, type=int)
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    arrays = tensors(wanted.mib)
    print(f"{wanted.mib} MiB in {TENSORS} tensors of f32, medians of {wanted.runs} runs, one thread\n")
    print("| format | yardstick | ggx takes, wall | ggx takes, CPU |\n|---|---|---|---|")
    for what, path, read, yardstick in make_files(wanted.folder, arrays):
        out, ours, theirs = wanted.folder / "out.safetensors", [], []
        command = [wanted.ggx, str(path), "-o", str(out), "--recipe", "none", "--quiet", "--threads", "1"]
        for _ in range(wanted.runs + 1):  # the first fills the page cache
            out.unlink(missing_ok=True)
            theirs.append(timed(lambda: durable(yardstick, read, out)))
            out.unlink()
            ours.append(timed(lambda: subprocess.run(command, check=True)))
        ratio = [statistics.median(r[k] for r in ours[1:]) / statistics.median(r[k] for r in theirs[1:]) for k in range(2)]
        print(f"| {what} | {'cat' if yardstick is cat else 'zlib'} | {ratio[0]:.2f} × | {ratio[1]:.2f} × |", flush=True)
        for name in {path, read, out}:
            name.unlink(missing_ok=True)


main()
