"""Measures what ggx promises about time and memory, and prints docs/performance.md's table. Run by hand on a quiet machine:

    python3 tests/bench/bench.py [--ggx build/release/bin/ggx] [--folder build/bench] [--gib 2] [--runs 3]

The folder has to have about three times the size free. Every conversion is timed in turn with the yardstick, the same bytes
through plain read() and write(), so that both meet the same machine; the table shows medians.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import time

MIB = 1 << 20
BUDGET = 64 * MIB
HERE = pathlib.Path(__file__).resolve().parent


def run(command):
    """Runs a command; (seconds, CPU seconds, peak RSS in bytes, bytes it read through read()). Anything but exit 0 ends the bench."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    message = child.stderr.read()
    # The counters are still there between the child's end and its being waited for.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    elapsed = time.perf_counter() - start
    counters = dict(line.split(": ") for line in pathlib.Path(f"/proc/{child.pid}/io").read_text().splitlines())
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {child.returncode}\n{message.decode(errors='replace')}")
    return elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, int(counters["rchar"])


def write_safetensors(path, tensors):
    """A file of f32 tensors {name: shape} with normally distributed elements, made once."""
    header, offset = {}, 0
    for name, shape in tensors.items():
        size = 4
        for extent in shape:
            size *= extent
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    total = 8 + len(head) + offset
    if path.exists() and path.stat().st_size == total:
        return total
    generator = random.Random(1)
    elements = [generator.gauss(0, 0.02) for _ in range(MIB // 4)]
    chunk = struct.pack(f"<{len(elements)}f", *elements)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for _ in range(offset // MIB):
            file.write(chunk)
        file.write(chunk[: offset % MIB])
        os.fsync(file.fileno())
    return total


def machine():
    facts = dict(line.split(":", 1) for line in subprocess.check_output(["lscpu"], text=True).splitlines() if ":" in line)
    return f"{facts['Model name'].strip()}, {os.cpu_count()} CPUs, Linux {os.uname().release}"


def peak_row(peak):
    """The budget bounds the buffers; the program, its plugins and the index of the tensors come on top."""
    return "peak RSS of that with `--memory 64M`", "≤ 64 MiB above", f"{peak / MIB:.0f} MiB in all", peak <= BUDGET + 64 * MIB


def bench_start(ggx):
    """In turn with a program that does nothing: on a busy machine most of a start is waiting for the CPU."""
    times = [run([ggx, "plugins"])[:2] + run(["true"])[:2] for _ in range(51)][1:]
    mine, cpu, nothing, no_cpu = (1000 * statistics.median(column) for column in zip(*times))
    return (f"`ggx plugins`, median of 50 starts (`true`: {nothing:.1f} ms, {no_cpu:.1f} ms of CPU)", "≤ 10 ms",
            f"{mine:.1f} ms, {cpu:.1f} ms of CPU", mine <= 10)


def bench_convert(ggx, folder, gib, runs, plain):
    side = 8192
    source, out = folder / "f32.safetensors", folder / "f16.gguf"
    bytes_in = write_safetensors(source, {f"blk.{i}.weight": [side, side] for i in range(4 * gib)})
    command = [ggx, source, "-o", out, "--recipe", "none", "--type", "f16", "--memory", "64M", "--quiet"]
    ours, theirs, cpus, their_cpus, peaks, reads = [], [], [], [], [], []
    for _ in range(runs + 1):  # the first of each warms the page cache and is dropped
        out.unlink(missing_ok=True)
        seconds, cpu, peak, read = run(command)
        ours.append(seconds)
        cpus.append(cpu)
        peaks.append(peak)
        reads.append(read)
        bytes_out = out.stat().st_size
        out.unlink()
        seconds, cpu, _, _ = run([plain, source, str(bytes_in), out, str(bytes_out)])
        theirs.append(seconds)
        their_cpus.append(cpu)
    out.unlink()
    mine, yard = statistics.median(ours[1:]), statistics.median(theirs[1:])
    cpu, yard_cpu = statistics.median(cpus[1:]), statistics.median(their_cpus[1:])
    yield (f"{gib} GiB safetensors f32 → GGUF f16, against plain read and write ({yard:.2f} s, {yard_cpu:.2f} s of CPU)", "≤ 1.3×",
           f"{mine:.2f} s, {mine / yard:.2f}×; {cpu:.2f} s of CPU", mine / yard <= 1.3)
    yield peak_row(max(peaks))
    yield "bytes of the source read by that", "once", f"{max(reads) / bytes_in:.2f}×", max(reads) / bytes_in <= 1.05


def bench_transpose(ggx, folder, gib):
    source, out = folder / "wide.safetensors", folder / "transposed.gguf"
    bytes_in = write_safetensors(source, {"w": [16384 * gib, 16384]})
    command = [ggx, source, "-o", out, "--recipe", HERE / "transpose.json", "--type", "f32", "--memory", "64M", "--quiet"]
    seconds, cpu, peak, read = run(command)
    out.unlink()
    factor = read / bytes_in
    yield (f"one {gib} GiB tensor transposed in 64 MiB ({seconds:.1f} s, {cpu:.1f} s of CPU): bytes of the source read", "about once",
           f"{factor:.2f}×", factor <= 1.25)
    yield peak_row(peak)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ggx", type=pathlib.Path, default=pathlib.Path("build/release/bin/ggx"))
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("build/bench"))
    parser.add_argument("--gib", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    ggx, folder = options.ggx.resolve(), options.folder
    folder.mkdir(parents=True, exist_ok=True)
    plain = folder.resolve() / "plain"
    subprocess.check_call(["cc", "-O2", "-D_FILE_OFFSET_BITS=64", "-o", plain, HERE / "plain.c"])
    rows = [bench_start(ggx)]
    rows += bench_convert(ggx, folder, options.gib, options.runs, plain)
    rows += bench_transpose(ggx, folder, options.gib)
    print(f"Measured on {machine()}.\n")
    print("| what | goal | measured | |\n|---|---|---|---|")
    for what, goal, value, met in rows:
        print(f"| {what} | {goal} | {value} | {'met' if met else 'missed'} |")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
