"""Measures every kernel of a build against ggml's reference quantizer, and prints docs/performance.md's table of kernels. Run by hand:

    GGX_BUILD=build/release GGX_ORACLES=.oracles python3 tests/bench/kernels.py [--types q4_k,q6_k] [--plugins kernels-avx2]
                                                                    [--imatrix] [--dequantize] [--runs 9]

One thread, one process. Kernel, reference and memcpy take turns on the same input, so that all three meet the same machine; a ratio is
the median of the ratios of the turns, and the speeds (GB of f32 a second) are medians too. The reference is libggml-base.so of npm's
@node-llama-cpp/linux-x64, for dequantizing its to_float; memcpy copies the f32 side. Inputs are normally distributed."""
import argparse
import ctypes as c
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kernels"))
import oracle  # noqa: E402

MIB = 1 << 20
LARGE = 64 * MIB  # beyond the caches: where memory is the limit
SPAN = 0.04  # seconds of the reference a turn
COLS = 4096


def name_machine():
    lines = subprocess.run(["lscpu"], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}).stdout
    fields = dict(line.split(":", 1) for line in lines.splitlines() if ":" in line)
    return ", ".join(fields[k].strip() for k in ("Model name", "CPU family", "Model", "Stepping") if k in fields)


def measure(function):
    start = time.thread_time()
    function()
    return time.thread_time() - start


class Input:
    """Rows of f32 with their importance matrix, and room for what is made of them."""

    def __init__(self, fills):
        self.x = (c.c_float * (LARGE // 4))()
        chunk = (c.c_float * (MIB // 4))()
        for i in range(LARGE // MIB):  # touched, and not all alike
            fills.fill_floats(0, i % 8, chunk, len(chunk))
            c.memmove(c.addressof(self.x) + i * MIB, chunk, MIB)
        self.imatrix = (c.c_float * COLS)()
        fills.fill_imatrix(1, 1, self.imatrix, COLS)
        self.out = (c.c_uint8 * LARGE)()
        self.blocks = (c.c_uint8 * LARGE)()
        self.room = (c.c_uint8 * (16 * MIB))()
        for buffer in (self.out, self.blocks, self.room):
            c.memset(buffer, 1, len(buffer))


def prepare(kernel, data, reference, imatrix, rows, dequantize):
    """The kernel's work and the reference's on `rows` rows, as functions."""
    if dequantize:
        to_float = reference.ggml_get_type_traits(kernel.code).contents.to_float
        elems = rows * COLS
        return (lambda: kernel.kernels.dequantize(data.blocks, data.out, elems),
                lambda: to_float(data.blocks, c.addressof(data.out), elems))
    scratch = c.addressof(data.room) + -c.addressof(data.room) % 64
    c.memset(scratch, 0, 64)
    return (lambda: kernel.kernels.quantize(data.x, data.out, rows, COLS, imatrix, scratch),
            lambda: reference.ggml_quantize_chunk(kernel.code, data.x, data.out, 0, rows, COLS, imatrix))


def compare(kernel, data, reference, imatrix, dequantize, runs):
    """(GB/s of kernel, reference, memcpy; ratio to the reference; ratio to memcpy)"""
    rows = 16 if imatrix is None or kernel.elems < 256 else 8
    if dequantize:
        reference.ggml_quantize_chunk(kernel.code, data.x, data.blocks, 0, rows, COLS, data.imatrix)
    _, theirs = prepare(kernel, data, reference, imatrix, rows, dequantize)
    theirs()
    speed = rows * COLS * 4 / min(measure(theirs) for _ in range(3))
    most = LARGE // (4 * COLS)
    rows = max(rows, min(most, int(speed * SPAN) // (4 * COLS)))
    if kernel.elems <= 32 and imatrix is None:
        rows = most
    if dequantize:  # a block's speed does not depend on its bytes, so one row's are repeated
        row = COLS // kernel.elems * kernel.bytes
        one = bytes(data.blocks[:row])
        c.memmove(data.blocks, one * rows, row * rows)
    mine, theirs = prepare(kernel, data, reference, imatrix, rows, dequantize)
    size, times = rows * COLS * 4, []
    copy = min(size, LARGE)
    for _ in range(runs):
        turns = max(1, round(size / (speed * 4 * SPAN)))
        times.append((measure(lambda: [mine() for _ in range(turns)]) / turns, measure(theirs),
                      measure(lambda: c.memmove(data.out, data.x, copy))))
    medians = [size / 1e9 / statistics.median(t[i] for t in times) for i in range(3)]
    return (*medians, statistics.median(t[1] / t[0] for t in times), statistics.median(t[2] / t[0] for t in times))


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--types", default="")
    args.add_argument("--plugins", default="")
    args.add_argument("--imatrix", action="store_true")
    args.add_argument("--dequantize", action="store_true")
    args.add_argument("--runs", type=int, default=9)
    args = args.parse_args()
    fills, reference = oracle.load_fills(), oracle.load_reference()
    folder = os.path.dirname(oracle.find_one(os.path.join(os.environ["GGX_BUILD"], "**", "ggx", "ggx-quant-*.so"), "a plugin"))
    data = Input(fills)
    imatrix = data.imatrix if args.imatrix else None
    print(f"{name_machine()}; {'dequantize' if args.dequantize else 'quantize'}"
          f"{', with an importance matrix' if args.imatrix else ''}; GB of f32 a second, one thread\n")
    print("| type | kernel | GB/s | reference | memcpy | × reference | of memcpy |\n|---|---|---|---|---|---|---|")
    for kernel in oracle.load_kernels(folder):
        if args.types and kernel.name not in args.types.split(","):
            continue
        if args.plugins and kernel.plugin not in args.plugins.split(","):
            continue
        if kernel.code < 0 or kernel.name in oracle.OTHERS:
            continue
        if not (kernel.kernels.dequantize if args.dequantize else kernel.kernels.quantize):
            continue
        weights = imatrix
        if kernel.quant.imatrix == oracle.IMATRIX_NEEDS:
            weights = data.imatrix
        elif args.imatrix and (kernel.quant.imatrix == oracle.IMATRIX_NONE or args.dequantize):
            continue
        mine, theirs, copy, ratio, share = compare(kernel, data, reference, weights, args.dequantize, args.runs)
        print(f"| {kernel.name} | {kernel.plugin} | {mine:.3g} | {theirs:.3g} | {copy:.3g} | {ratio:.1f} | {share:.0%} |", flush=True)


if __name__ == "__main__":
    main()
