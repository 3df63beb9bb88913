"""A server of files on the loopback for the tests of streaming: ranges, entity tags, the hub's API; and misbehaviour on order.

Server(files) serves {name: bytes} as /files/NAME, and as the repository org/model of a hub. `faults` is read at each request:
  cut N      closes the connection after N bytes of a body that is longer     stall N   the same, but goes silent instead
  once       1: a cut or stall only happens once                              flip N    byte N of the file is another one in long answers
  whole 1    answers ranges with 200 and the whole file                       early N   answers from N bytes before what was asked for
  changed N  from the N-th request on the file has another tag                busy N    answers 429 N times
  no_tag 1   sends no entity tag                                               gone N    no byte from the N-th of the file on is ever sent
"""
import hashlib
import http.server
import json
import re
import threading
import time

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, code, body=b"", **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def file(self, data):
        faults, server = self.server.faults, self.server
        server.requests += 1
        tag = '"' + hashlib.sha256(data).hexdigest()[:16] + ("-new" if server.requests >= faults.get("changed", 1 << 60) else "") + '"'
        headers = {} if faults.get("no_tag") else {"ETag": tag}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        begin, end = 0, len(data)
        if wanted and not faults.get("whole"):
            begin = int(wanted[1])
            end = min(len(data), int(wanted[2]) + 1) if wanted[2] else len(data)
            begin = max(0, begin - faults.get("early", 0))
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(data)}"
        body = data[begin:end]
        if len(body) > 1 << 20 and "flip" in faults and begin <= faults["flip"] < end:
            at = faults["flip"] - begin
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]
        self.send_response(206 if "Content-Range" in headers else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        stop = min(faults.get("cut", 1 << 60), faults.get("stall", 1 << 60))
        if "gone" in faults and begin + len(body) > faults["gone"] and len(body) > 1 << 18:
            stop = max(0, faults["gone"] - begin)
        if stop < len(body):
            self.send(body[:stop])
            if "stall" in faults:
                if faults.pop("once", 0):
                    del faults["stall"]
                server.silence.wait(60)
            elif faults.pop("once", 0):
                del faults["cut"]
            self.close_connection = True
            return
        self.send(body)

    def send(self, body):
        """In pieces, as slowly as `rate` (bytes a second) says; counts what went out."""
        step = 1 << 16
        for at in range(0, len(body), step):
            piece = body[at:at + step]
            self.wfile.write(piece)
            self.server.sent += len(piece)
            if self.server.rate:
                time.sleep(len(piece) / self.server.rate)

    def do_GET(self):
        server = self.server
        if server.faults.get("busy", 0) > 0:
            server.faults["busy"] -= 1
            return self.answer(429, b"later", Retry_After="0")
        path = self.path.split("?")[0]
        try:
            if path == f"/api/models/org/model/revision/{server.revision}":
                return self.answer(200, json.dumps({"sha": COMMIT}).encode())
            if path == f"/api/models/org/model/tree/{COMMIT}":
                return self.answer(200, json.dumps(server.tree()).encode())
            name = path.rsplit("/", 1)[1]
            if path in (f"/org/model/resolve/{COMMIT}/{name}", f"/files/{name}") and name in server.files:
                return self.file(server.files[name])
            self.answer(404, b"no")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.revision, self.rate = files, {}, "main", 0
        self.requests = self.sent = 0
        self.published = dict(files) # what the hub's digests are of
        self.silence = threading.Event()
        self.base = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass

    def tree(self):
        entries = []
        for name, data in self.published.items():
            entry = {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
            if len(data) > 100_000:
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}
            entries.append(entry)
        return entries + [{"type": "directory", "path": "folder"}, {"type": "file", "path": "../../etc/passwd", "size": 1, "oid": "x"}]
