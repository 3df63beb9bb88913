"""Measures downloads: fetched and verified by ggx, against curl alone, of the same file from the same server; prints docs/performance.md's table.

    python3 tests/bench/fetch.py GGX [--mib 1024] [--runs 9] [--folder DIR]

Needs curl and nginx. Runs take turns; figures are medians, ratios are of the medians of one run of this program. CPU is user and system time of the process.
With --folder on a disk, ggx waits for the disk before a file gets its name and curl does not: the row "curl, then sync" is what is alike.
"""
import argparse
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

p = argparse.ArgumentParser()
p.add_argument("ggx")
p.add_argument("--mib", type=int, default=1024)
p.add_argument("--runs", type=int, default=9)
p.add_argument("--folder", default="/dev/shm")
a = p.parse_args()
ggx = os.path.abspath(a.ggx)


def timed(words):
    begun = time.monotonic()
    child = subprocess.Popen([str(w) for w in words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{words}: status {status}")
    return time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def serve(top):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    config = os.path.join(top, "nginx.conf")
    temporary = " ".join(f"{n}_temp_path {top}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(config, "w") as f:
        f.write(f"daemon off; pid {top}/pid; error_log {top}/log; worker_processes 1; {'user root;' if os.getuid() == 0 else ''} events {{}}\n"
                f"http {{ access_log off; sendfile on; {temporary} server {{ listen 127.0.0.1:{port}; root {top}; }} }}\n")
    server = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", top, "-c", config])
    time.sleep(1)
    return server, f"http://127.0.0.1:{port}/model.bin"


with tempfile.TemporaryDirectory(dir=a.folder) as top:
    model, out = os.path.join(top, "model.bin"), os.path.join(top, "out")
    with open(model, "wb") as f:
        for _ in range(a.mib):
            f.write(os.urandom(1 << 20))
    digest = subprocess.run(["sha256sum", model], capture_output=True, text=True, check=True).stdout.split()[0]
    server, url = serve(top)
    copy = os.path.join(out, "model.bin")
    fetch = [ggx, "fetch", "-q", url, "-o", out, "--sha256", digest]
    commands = {"curl": ["curl", "-s", "-o", copy, url], "curl, then sync": ["sh", "-c", f"curl -s -o {copy} {url} && sync {copy}"],
                "curl, then sha256sum": ["sh", "-c", f"curl -s -o {copy} {url} && sha256sum {copy}"],
                "ggx fetch": fetch, "ggx fetch, one connection": [*fetch, "--connections", "1"]}
    rows = {name: [] for name in commands}
    try:
        for turn in range(a.runs + 1):
            for name, words in commands.items():
                shutil.rmtree(out, ignore_errors=True)
                os.mkdir(out)
                figures = timed(words)
                if turn:
                    rows[name].append(figures)
    finally:
        server.terminate()
        server.wait()
medians = {name: [statistics.median(column) for column in zip(*figures)] for name, figures in rows.items()}
yard = medians["curl"][0]
print(f"{a.mib} MiB from nginx on the loopback to {a.folder}, medians of {a.runs} runs of each in turn, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs\n")
print("| | wall | of curl's speed | CPU | peak RSS |\n|---|---|---|---|---|")
for name, (wall, cpu, rss) in medians.items():
    print(f"| {name} | {wall:.2f} s | {100 * yard / wall:.0f} % | {cpu:.2f} s | {rss:.0f} MiB |")
