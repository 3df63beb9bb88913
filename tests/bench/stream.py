"""Measures hashing and streaming; prints the tables of docs/performance.md.

    python3 tests/bench/stream.py GGX [--mib 1024] [--runs 5]

Needs openssl, curl and nginx. Runs of what is compared take turns; figures are medians. CPU is user and system time of the process.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import struct
import subprocess
import tempfile
import time

p = argparse.ArgumentParser()
p.add_argument("ggx")
p.add_argument("--mib", type=int, default=1024)
p.add_argument("--runs", type=int, default=5)
a = p.parse_args()


def timed(*words):
    begun = time.monotonic()
    child = subprocess.Popen([str(w) for w in words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{words}: status {status}")
    return time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_utime


def medians(commands, prepare=lambda: None):
    """Each command's medians of wall, CPU and user time, the commands taking turns."""
    runs = {name: [] for name in commands}
    for turn in range(a.runs + 1):
        for name, words in commands.items():
            prepare()
            figures = timed(*words)
            if turn:
                runs[name].append(figures)
    return {name: [statistics.median(column) for column in zip(*rows)] for name, rows in runs.items()}


def openssl_rate(*more):
    """Bytes a second of CPU time, as openssl speed reckons; with -elapsed, of wall time."""
    said = subprocess.run(["openssl", "speed", *more, "-seconds", "2", "-bytes", "1048576", "sha256"], capture_output=True, text=True).stdout
    return float(re.search(r"^sha256\s+([\d.]+)k", said, re.M)[1]) * 1000


def make(path):
    rows, cols = 4096, 4096
    count = max(1, a.mib * (1 << 20) // (4 * rows * cols))
    size = 4 * rows * cols
    header = json.dumps({f"t{i}": {"dtype": "F32", "shape": [rows, cols], "data_offsets": [i * size, (i + 1) * size]}
                         for i in range(count)}).encode()
    header += b" " * (-len(header) % 8)
    noise = bytearray(os.urandom(size))
    noise[3::4] = bytes([0x3f]) * (size // 4)  # numbers around one
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header)
        for _ in range(count):
            f.write(noise)


with tempfile.TemporaryDirectory() as top:
    model, out = os.path.join(top, "model.safetensors"), os.path.join(top, "out.gguf")
    make(model)
    size = os.path.getsize(model)

    rows = []
    for _ in range(a.runs):
        cpu_rate, wall_rate = openssl_rate(), openssl_rate("-elapsed")
        wall, cpu, user = timed(a.ggx, "hash", "-q", model)
        alone, _, _ = timed(a.ggx, "hash", "-q", "--threads", 1, model)
        quick, _, _ = timed(a.ggx, "hash", "-q", "--tensors", model)
        rows.append((cpu_rate, wall_rate, size / wall, size / user, size / cpu, size / alone, size / quick))
    cpu_rate, wall_rate, *ours = (statistics.median(column) for column in zip(*rows))
    print(f"openssl speed: {cpu_rate / 1e9:.2f} GB/s of CPU time, {wall_rate / 1e9:.2f} GB/s of wall time")
    for what, mine, theirs in zip(("wall", "user time", "user and system time", "wall, one thread", "wall, --tensors (XXH128)"), ours,
                                  (wall_rate, cpu_rate, cpu_rate, wall_rate, wall_rate)):
        print(f"ggx hash, {what}: {mine / 1e9:.2f} GB/s, {mine / theirs:.2f}")

    config = os.path.join(top, "nginx.conf")
    with open(config, "w") as f:
        f.write(f"""daemon off; pid {top}/pid; error_log {top}/log; worker_processes 1; events {{}}
http {{ access_log off; sendfile on; client_body_temp_path {top}/b; proxy_temp_path {top}/p; fastcgi_temp_path {top}/f;
uwsgi_temp_path {top}/u; scgi_temp_path {top}/s; server {{ listen 127.0.0.1:18765; root {top}; }} }}
""")
    os.chmod(top, 0o755)
    nginx = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", top, "-c", config])
    time.sleep(1)
    try:
        url = "http" + "://127.0.0.1:18765/model.safetensors"
        clean = lambda: [os.remove(p) for p in (out, os.path.join(top, "copy")) if os.path.exists(p)]
        m = medians({"download": ["curl", "-s", "-o", os.path.join(top, "copy"), url],
                     "convert": [a.ggx, "-q", model, "-o", out, "--recipe", "none", "--type", "q8_0"],
                     "stream": [a.ggx, "-q", url, "-o", out, "--recipe", "none", "--type", "q8_0", "--stream"]}, clean)
    finally:
        nginx.terminate()
        nginx.wait()
    for name, (wall, cpu, _) in m.items():
        print(f"{name}: {wall:.2f} s, {cpu:.2f} s of CPU")
    print(f"stream against the slower of the two: {m['stream'][0] / max(m['download'][0], m['convert'][0]):.2f}")
