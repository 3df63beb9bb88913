"""Promises: proxies and certificates as curl reads them from the environment; the token reaches the hub and nobody else, over TLS not the proxy either,
and no output at the highest level, whichever connection it goes over."""
import base64
import os
import re
import select
import shutil
import socket
import socketserver
import subprocess
import sys
import threading

import common
import hub_server
from common import HUB, LARGE, check

if not shutil.which("openssl"):
    print("openssl, which makes a certificate here, is not there")
    sys.exit(1 if os.environ.get("CI") else 77)

TOKEN, SECRET = "hf_secretsecretsecret", "pass%40word"
WAY = ("--connections", 4, "--segment-size", "1M", "--verbose")


class Handler(socketserver.StreamRequestHandler):
    """Passes requests on; keeps the head of each."""

    def handle(self):
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.connection.recv(65536)
            if not more:
                return
            head += more
        self.server.heads.append(head.decode("latin-1"))
        if self.server.wanted and self.server.wanted not in self.server.heads[-1]:
            self.connection.sendall(b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        method, target, rest = head.split(b" ", 2)
        if method == b"CONNECT":
            host, port = target.decode().split(":")
            far = socket.create_connection((host, int(port)))
            self.connection.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
        else:
            host, port, path = re.match(rb"http:" rb"//([^:/]+):(\d+)(/.*)", target).groups()
            far = socket.create_connection((host.decode(), int(port)))
            rest = re.sub(rb"(?i)\r\nproxy-[^\r]*", b"", rest).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
            far.sendall(method + b" " + path + b" " + rest)
        with far:
            self.relay(far)

    def relay(self, far):
        while True:
            for side in select.select([self.connection, far], [], [])[0]:
                try:
                    data = side.recv(1 << 16)
                    (far if side is self.connection else self.connection).sendall(data)
                except OSError:
                    return
                if not data:
                    return


class Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.heads, self.wanted = [], None
        self.base = "http" + f"://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass

    def seen(self):
        heads, self.heads = self.heads, []
        return heads


case = common.Case(size=8 << 20)
proxy = Proxy()
key, certificate = case.path("key"), case.path("certificate")
subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj",
                "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
secure = hub_server.Hub(case.hub.files, tls=(certificate, key))
TLS = {"HF_ENDPOINT": secure.base, "CURL_CA_BUNDLE": certificate, "HF_TOKEN": TOKEN}
everything = []


def fetch(source, code=0, **more):
    case.clear()
    case.environment.pop("no_proxy", None)
    said = case.run("fetch", source, "-o", case.folder, "--timeout", 2, *WAY, code=code, **more)
    everything.append(said)
    if code == 0:
        with open(case.target(""), "rb") as f:
            check(f.read() == case.data, "other bytes")
    return said


# http: through the proxy, unless no_proxy has the host; HTTP_PROXY in capitals is not believed, as a web server's children get it from strangers.
fetch(case.url, http_proxy=proxy.base)
heads = proxy.seen()
check(len(heads) >= 8 and all(f"{case.hub.base}/files/{LARGE} " in h for h in heads), f"{heads[:2]}")
fetch(case.url, all_proxy=proxy.base)
check(len(proxy.seen()) >= 8, "all_proxy")
fetch(case.url, http_proxy=proxy.base, no_proxy="example.org,127.0.0.1")
fetch(case.url, http_proxy=proxy.base, NO_PROXY="*")
fetch(case.url, HTTP_PROXY=proxy.base)
fetch(case.url, https_proxy=proxy.base)
check(proxy.seen() == [], "a proxy that is not for this was asked")

# https: a tunnel for each host, in which nobody can look. The token goes to the hub alone.
for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
    fetch(HUB, **TLS, **{name: proxy.base})
    heads = proxy.seen()
    hosts = {h.split()[1] for h in heads}
    check(hosts == {secure.base[8:], secure.storage_base[8:]} and all(h.startswith("CONNECT ") for h in heads), f"{heads}")
    check(not any(TOKEN in h or "Authorization" in h.replace("Proxy-Authorization", "") for h in heads), "the proxy saw the token")
asked = {role: [h.get("Authorization") for r, _, _, h in secure.seen if r == role] for role in ("hub", "storage")}
check(set(asked["hub"]) == {"Bearer " + TOKEN} and len(asked["storage"]) >= 24 and set(asked["storage"]) == {None}, f"{asked}")
fetch(HUB, code=5, https_proxy=proxy.base, **{**TLS, "CURL_CA_BUNDLE": ""})
check(all(h.startswith("CONNECT ") for h in proxy.seen()), "a certificate that nobody vouches for")

# A proxy that wants to know who asks; its password goes nowhere else.
proxy.wanted = "Proxy-Authorization: Basic " + base64.b64encode(b"user:pass@word").decode()
named = proxy.base.replace("//", f"//user:{SECRET}@")
fetch(case.url, http_proxy=named)
fetch(HUB, https_proxy=named, **TLS)
check(len(proxy.seen()) >= 8, "a proxy with a password")
fetch(case.url, code=5, http_proxy=proxy.base)
fetch(HUB, code=5, https_proxy=proxy.base.replace("//", "//user:wrong-word@"), **TLS)
servers = [h for hub in (case.hub, secure) for *_, h in hub.seen]
check(not any("Proxy-Authorization" in h for h in servers), "a server got the proxy's password")

# A proxy that is not there; one that hangs up.
gone = socket.socket()
gone.bind(("127.0.0.1", 0))
fetch(case.url, code=5, http_proxy="http" + f"://user:{SECRET}@127.0.0.1:{gone.getsockname()[1]}")

# Certificates in a folder, under the names that OpenSSL looks for.
folder = case.path("certificates")
os.mkdir(folder)
name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", certificate], check=True, capture_output=True, text=True).stdout.strip()
shutil.copy(certificate, os.path.join(folder, name + ".0"))
fetch(HUB, no_proxy="*", **{**TLS, "CURL_CA_BUNDLE": "", "SSL_CERT_DIR": folder})
fetch(HUB, no_proxy="*", **{**TLS, "CURL_CA_BUNDLE": "", "SSL_CERT_FILE": certificate})

for secret in (TOKEN, SECRET, "pass@word", "wrong-word"):
    check(not any(secret in said for said in everything), f"{secret} was printed")
for root, _, names in os.walk(case.top.name):
    for name in names:
        with open(os.path.join(root, name), "rb") as f:
            check(TOKEN.encode() not in f.read(), f"{name} holds the token")
print("ok")
