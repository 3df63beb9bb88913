"""Promises: from a server that others wrote, too: files arrive whole over several connections, are taken up after a kill, are fetched in one piece where
there are no ranges, over TLS and HTTP/2, with few connections allowed, and never spliced from two versions."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import common
from common import LARGE, check

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
if not NGINX or not shutil.which("openssl"):
    print("nginx or openssl is not there; tests/setup.sh all installs them")
    sys.exit(1 if os.environ.get("CI") else 77)

SIZE = 24 << 20
WAY = ("--connections", 4, "--segment-size", "1M")
case = common.Case(size=SIZE)
site, key, certificate, log = (case.path(n) for n in ("site", "key", "certificate", "access"))
os.mkdir(site)
subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj",
                "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def put(data, when):
    with open(os.path.join(site, "new"), "wb") as f:
        f.write(data)
    os.utime(os.path.join(site, "new"), (when, when))
    os.rename(os.path.join(site, "new"), os.path.join(site, LARGE))


def start():
    """With a prefix of its own; a port may be taken by others meanwhile, then once more."""
    for _ in range(5):
        ports = dict(zip(("plain", "untagged", "whole", "few", "slow", "tls"), free_ports(6)))
        user = "user root;" if os.getuid() == 0 else ""
        more = {"untagged": "etag off;", "whole": "max_ranges 0;", "few": "limit_conn all 2; limit_rate 4m;", "slow": "limit_rate 2m;",
                "tls": f"ssl_certificate {certificate}; ssl_certificate_key {key};"}
        servers = "".join(f"server {{ listen 127.0.0.1:{port}{' ssl http2' if name == 'tls' else ''}; {more.get(name, '')} }}\n" for name, port in ports.items())
        temporary = " ".join(f"{n}_temp_path {case.path(n)};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(case.path("nginx.conf"), "w") as f:
            f.write(f"daemon off; pid {case.path('pid')}; error_log {case.path('error')}; worker_processes 1; {user} events {{}}\n"
                    f"http {{ log_format one '$status $bytes_sent $server_protocol $http_range'; access_log {log} one; {temporary} root {site};\n"
                    f"limit_conn_zone $server_port zone=all:1m;\n{servers}}}\n")
        server = subprocess.Popen([NGINX, "-p", case.top.name, "-c", case.path("nginx.conf")], stderr=subprocess.DEVNULL)
        for _ in range(100):
            time.sleep(0.05)
            if server.poll() is not None:
                break
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", ports["tls"])) == 0:
                    return server, {n: f"http{'s' if n == 'tls' else ''}://127.0.0.1:{p}/{LARGE}" for n, p in ports.items()}
        server.kill()
        server.wait()
    sys.exit("FAIL: nginx does not start: " + open(case.path("error")).read())


def lines():
    """What the server wrote since the last call: status, bytes, protocol, range of each answer."""
    global read
    time.sleep(0.1)
    with open(log) as f:
        f.seek(read)
        out = f.read().splitlines()
        read = f.tell()
    return [line.split() for line in out]


def fetch(name, *words, code=0, clear=True):
    said = case.run("fetch", urls[name], "-o", case.folder, *WAY, *words, code=code, CURL_CA_BUNDLE=certificate)
    if code == 0:
        with open(case.target(""), "rb") as f:
            check(f.read() == data, f"{name}: other bytes")
        check(case.left() == [LARGE], f"{name}: {case.left()}")
    if clear:
        case.clear()
    return said


def kill_in_the_middle(name):
    child = case.start("fetch", urls[name], "-o", case.folder, *WAY, "--limit-rate", "12M")
    while common.kept(os.path.join(case.folder, f".{LARGE}.ggx-have")) < 6 << 20 and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    check(child.wait() == -9, "it was faster than the kill")
    lines()
    return common.kept(os.path.join(case.folder, f".{LARGE}.ggx-have"))


read, data = 0, case.data
put(data, 1_000_000_000)
server, urls = start()
try:
    lines()
    for name in ("plain", "untagged"):
        fetch(name)
        said = [w for w in lines() if w[0] != "200"] # the first asks for the size
        check(len(said) >= 8 and all(w[0] == "206" for w in said), f"{name}: {said}")
        have = kill_in_the_middle(name)
        fetch(name)
        sent = sum(int(w[1]) for w in lines())
        check(sent <= SIZE - have + (1 << 20), f"{name}: {sent} bytes came though {have} were there")
    fetch("tls")
    check(all(w[2] == "HTTP/2.0" for w in lines()), "HTTP/2")
    fetch("whole")
    check(all(w[0] == "200" for w in lines()), "a server without ranges")
    fetch("few")
    said = [w[0] for w in lines()]
    check("503" in said and said.count("206") >= 8, f"two connections of four: {said}")
    fetch("slow")
    check("no such file" in case.run("fetch", urls["plain"] + "x", "-o", case.folder, code=3), "404")

    # Another version, with another tag or date: begun anew by a later run, refused within one.
    newer = bytes(reversed(data))
    for name in ("plain", "untagged"):
        kill_in_the_middle(name)
        put(newer, 1_000_000_100)
        data = newer
        fetch(name)
        check(sum(int(w[1]) for w in lines()) >= SIZE, f"{name}: two versions were spliced")
        child = case.start("fetch", urls[name], "-o", case.folder, *WAY, "--limit-rate", "12M")
        while common.kept(os.path.join(case.folder, f".{LARGE}.ggx-have")) < 6 << 20 and child.poll() is None:
            time.sleep(0.01)
        put(case.data, 1_000_000_000)
        data = case.data
        check(child.wait(60) == 6 and case.left() == [], f"{name}: {child.returncode}, {case.left()}")
        case.clear()
finally:
    server.terminate()
    server.wait()
print("ok")
