"""corpora.py [--ggx PROGRAM] FOLDER…: every file of public corpora of hostile and benign checkpoints through `ggx inspect`, by the reader
that probes best and, where none knows the file, by the one that its name suggests; what is read is then copied, every tensor. Run by hand with a program built with
sanitizers; docs/security.md has the outcomes. Fails when a file ends in anything but a reading or a refusal within 2 s of CPU time."""
import argparse
import collections
import os
import pathlib
import subprocess
import sys
import tempfile
import time

READERS = {".pkl": "pth", ".pickle": "pth", ".pt": "pth", ".pth": "pth", ".bin": "pth", ".zip": "pth", ".tar": "pth", ".h5": "hf-h5",
           ".hdf5": "hf-h5", ".keras": "hf-h5", ".npy": "npz", ".npz": "npz", ".pb": "tf", ".safetensors": "safetensors"}
NO_DATA = {".py", ".md", ".rs", ".toml", ".json", ".yml", ".yaml", ".txt", ".j2", ".jinja", ".template", ".csv", ".sh", ".gif", ".c"}
REFUSALS = range(2, 14)
SECONDS = 2.0


def run(*command):
    """(exit code, words, CPU seconds)"""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    words = b""
    os.set_blocking(child.stderr.fileno(), False)
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        words += child.stderr.read() or b""
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode, words.decode(errors="replace").strip(), usage.ru_utime + usage.ru_stime
        if time.monotonic() > until:
            child.kill()
            os.wait4(child.pid, 0)
            child.returncode = -9
            return -9, "hung", 60.0
        time.sleep(0.005)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ggx", default="build/asan/bin/ggx")
    parser.add_argument("--list", action="store_true", help="print each file with its outcome")
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    wanted = parser.parse_args()
    bad = 0
    for folder in wanted.folders:
        counts, longest = collections.Counter(), 0.0
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix not in NO_DATA):
            inspect = [wanted.ggx, "inspect", "--json", "--quiet", str(path)]
            code, words, seconds = run(*inspect)
            if code in REFUSALS and "no reader knows" in words and path.suffix in READERS:
                code, words, seconds = run(*inspect, "--reader", READERS[path.suffix])
            if code == 0:  # a refusal now is one of the output's format
                with tempfile.TemporaryDirectory() as work:
                    copied, text, more = run(wanted.ggx, str(path), "-o", os.path.join(work, "copy.safetensors"), "--recipe", "none", "--quiet")
                counts["copied"] += copied == 0
                if copied and (copied not in REFUSALS or more > SECONDS):
                    code, words, seconds = copied, text, more
                elif copied:
                    words = f"{words} (not copied: {text[-150:]})"
            outcome = "read" if code == 0 else "refused" if code in REFUSALS else f"code {code}"
            if seconds > SECONDS:
                outcome = "slow"
            longest = max(longest, seconds)
            counts[outcome] += 1
            if outcome not in ("read", "refused"):
                bad += 1
                print(f"{path}: {outcome}, {seconds:.2f} s\n{words[-2000:]}")
            elif wanted.list:
                print(f"{outcome} {path.relative_to(folder)}: {words[:200]}")
        print(f"{folder.name}: {counts.total() - counts['copied']} files, " + ", ".join(f"{n} {k}" for k, n in sorted(counts.items())) + f", at most {longest:.2f} s", flush=True)
    return bad > 0


sys.exit(main())
