"""Quantizes a whole model with ggx and with llama.cpp's own llama_model_quantize, and prints docs/performance.md's table of that. By hand:

    GGX=build/release/bin/ggx GGX_ORACLES=.oracles .oracles/venv/bin/python3 tests/bench/model.py [--gib 2] [--types q4_k_m,q8_0] [--threads N] [--folder DIR]
                                                                      [--runs 1] [--cpu avx2,f16c]

The model is a llama of f16 matrices, normally distributed, made in --folder (else a temporary folder) and removed afterwards; disk for it
and two outputs is needed. Both read it from the page cache and write to the same disk, with as many threads, in turn. Of each: CPU time
(user and system) and wall time of its process, medians of the runs, and peak RSS. The outputs must be equal to the byte."""
import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "golden"), HERE]
EMBD, FF, VOCAB = 4096, 11008, 32000

QUANTIZE = """
import ctypes, sys
sys.path[:0] = {paths!r}
import llama
library = llama.Library()
params = library.llama_model_quantize_default_params()
params.nthread, params.ftype = {threads}, llama.QUANTIZE_TYPES[{type!r}]
sys.exit(library.llama_model_quantize({source!r}.encode(), {target!r}.encode(), ctypes.byref(params)) != 0)
"""


def make_model(path, gib):
    """Matrices of one pool of values, each from another place of it."""
    import numpy as np
    import gguf
    rng = np.random.default_rng(1)
    pool = (rng.standard_normal((64 << 20) // 2, dtype=np.float32) * np.float32(0.02)).astype(np.float16)
    layers = max(1, round((gib * 2**30 / 2 - 2 * VOCAB * EMBD) / (4 * EMBD * EMBD + 3 * EMBD * FF)))
    shapes = {"attn_q": (EMBD, EMBD), "attn_k": (EMBD, EMBD), "attn_v": (EMBD, EMBD), "attn_output": (EMBD, EMBD),
              "ffn_gate": (FF, EMBD), "ffn_up": (FF, EMBD), "ffn_down": (EMBD, FF)}
    tensors = [("token_embd.weight", (VOCAB, EMBD)), ("output.weight", (VOCAB, EMBD))]
    tensors += [(f"blk.{i}.{name}.weight", shape) for i in range(layers) for name, shape in shapes.items()]
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in {"block_count": layers, "context_length": 64, "embedding_length": EMBD, "feed_forward_length": FF,
                       "attention.head_count": 32, "attention.head_count_kv": 32}.items():
        writer.add_uint32("llama." + key, value)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    for name, shape in tensors:
        writer.add_tensor_info(name, shape, np.dtype(np.float16), shape[0] * shape[1] * 2)
    norm = np.ones(EMBD, np.float32)
    writer.add_tensor_info("output_norm.weight", (EMBD,), np.dtype(np.float32), norm.nbytes)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, (rows, cols) in tensors:
        writer.write_tensor_data(np.resize(np.roll(pool, -int(rng.integers(pool.size))), (rows, cols)))
    writer.write_tensor_data(norm)
    writer.close()


def run(command):
    """(CPU seconds, wall seconds, peak RSS in MiB)"""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, command
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss / 1024


def equal(a, b):
    with open(a, "rb") as x, open(b, "rb") as y:
        while True:
            p, q = x.read(1 << 22), y.read(1 << 22)
            if p != q:
                return False
            if not p:
                return True


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--gib", type=float, default=2)
    args.add_argument("--types", default="q4_k_m,q6_k,q2_k,q8_0,q4_0")
    args.add_argument("--threads", type=int, default=os.cpu_count())
    args.add_argument("--runs", type=int, default=1)
    args.add_argument("--folder")
    args.add_argument("--cpu")
    args = args.parse_args()
    import kernels
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        source, ours, theirs = (os.path.join(folder, n) for n in ("model.gguf", "ours.gguf", "theirs.gguf"))
        maker = multiprocessing.Process(target=make_model, args=(source, args.gib))  # peak RSS is inherited: stay small
        maker.start()
        maker.join()
        assert maker.exitcode == 0
        print(f"{kernels.name_machine()}; {os.path.getsize(source)} bytes of f16, {args.threads} threads{', --cpu ' + args.cpu if args.cpu else ''}\n")
        print("| type | ggx CPU s | reference CPU s | ratio | ggx wall s | reference wall s | ggx peak RSS |\n|---|---|---|---|---|---|---|")
        for name in args.types.split(","):
            command = [os.environ["GGX"], source, "-o", ours, "--type", name, "--quiet", "--threads", str(args.threads)]
            command += ["--cpu", args.cpu] if args.cpu else []
            script = QUANTIZE.format(paths=sys.path[:3], threads=args.threads, type=name, source=source, target=theirs)
            runs = [(run(command), run([sys.executable, "-c", script])) for _ in range(args.runs)]
            assert equal(ours, theirs), f"{name}: other bytes"
            mine, other = ([statistics.median(r[k][i] for r in runs) for i in range(3)] for k in range(2))
            print(f"| {name} | {mine[0]:.1f} | {other[0]:.1f} | 1/{other[0] / mine[0]:.1f} | {mine[1]:.1f} | {other[1]:.1f} | {mine[2]:.0f} MiB |",
                  flush=True)
            os.unlink(ours)
            os.unlink(theirs)


if __name__ == "__main__":
    main()
