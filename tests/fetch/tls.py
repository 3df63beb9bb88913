"""Promises: a server whose certificate nobody vouches for is refused at once; CURL_CA_BUNDLE and SSL_CERT_FILE say who vouches; no redirect leads
from https to http."""
import http.server
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "flow"))
import flow

if not shutil.which("openssl"):
    print("openssl, which makes a certificate here, is not there")
    sys.exit(1 if os.environ.get("CI") else 77)

top = tempfile.TemporaryDirectory()
key, certificate, folder = (os.path.join(top.name, n) for n in ("key", "certificate", "out"))
subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj",
                "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
reached = []


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def do_GET(self):
        reached.append((self.server.server_port, self.path))
        down = self.path == "/down.bin"
        self.send_response(302 if down else 200)
        if down:
            self.send_header("Location", plain + "/x.bin")
        self.send_header("Content-Length", "0" if down else "5")
        self.end_headers()
        if not down and self.command == "GET":
            self.wfile.write(b"hello")

    do_HEAD = do_GET


def serve(tls):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *words: None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"


plain, secure = serve(False), serve(True)
clean = {k: v for k, v in os.environ.items() if k not in ("CURL_CA_BUNDLE", "SSL_CERT_FILE")}


def fetch(path, code, **more):
    done = subprocess.run([flow.GGX, "fetch", secure + path, "-o", folder], capture_output=True, text=True, timeout=60,
                          env={**clean, "no_proxy": "127.0.0.1", **more})
    flow.check(done.returncode == code, f"{path} {more}: exit {done.returncode}, expected {code}\n{done.stderr}")


fetch("/x.bin", 5)
flow.check(not reached, "asked in spite of its certificate")
for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
    fetch("/x.bin", 0, **{name: certificate})
with open(os.path.join(folder, "x.bin"), "rb") as f:
    flow.check(f.read() == b"hello", "other bytes")
fetch("/down.bin", 5, CURL_CA_BUNDLE=certificate)
flow.check(all(path != "/x.bin" for port, path in reached if plain.endswith(f":{port}")), "from https to http")
print("ok")
