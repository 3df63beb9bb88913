"""A hub on the loopback with a second host behind it, for the tests of downloads; both misbehave on order.

Hub(files) serves {path: bytes} as the repository org/model: its API, and resolve/…, from where large files are redirected to the second host
(another port) with a signature that is good for one use; and the same files as /files/PATH. `faults` is read at each answer with a file:
  cut N       closes the connection before byte N of the file, once         stall N   goes silent there, once
  gone N      closes there each time                                         rate N    bytes a second
  hold N      waits once N bytes were sent, until the faults are others
  lost N      closes there once, and then there is no such file any more
  whole       answers ranges with 200 and everything                        early N   answers from N bytes before
  status N    answers N (to a range: 304, 416 …)                             flip N    byte N is another one
  no_tag      sends no entity tag                                            tag T     sends that one
  date T      sends that Last-Modified                                       clock T   its Date
  turn_tag N, turn_date N   from the N-th answer on another tag, another Last-Modified
  weak        that tag is a weak one
  lose_tag N, lose_date N   from the N-th answer on no tag, no Last-Modified
  length N    says so many bytes more than there are                        expired N the signature is refused N times
  busy N      answers 429 N times, with Retry-After                          later T   that is not 1 but T
  denied C    the API answers (code, X-Error-Code)
"""
import hashlib
import http.server
import json
import re
import ssl
import threading
import time

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 100_000


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def date_time_string(self, timestamp=None):
        return self.server.hub.faults.get("clock") or super().date_time_string(timestamp)

    def answer(self, code, body=b"", **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if code != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and code != 304:
            self.wfile.write(body)

    def file(self, data):
        hub = self.server.hub
        faults = hub.faults
        hub.ranges.append(self.headers.get("Range"))
        if faults.get("lost") == "now":
            return self.answer(410)
        if self.command == "GET" and "status" in faults:
            return self.answer(faults["status"], b"")
        tag = '"%s"' % faults.get("tag", hashlib.sha256(data).hexdigest()[:16])
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        begin, end, headers = 0, len(data), {}
        if wanted and "whole" not in faults:
            begin = max(0, int(wanted[1]) - (faults.get("early", 0)))
            end = min(end, int(wanted[2]) + 1) if wanted[2] else end
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(data) + faults.get('length', 0)}"
        if "no_tag" not in faults:
            headers["ETag"] = "W/" + tag if "weak" in faults else tag
        for name in ("turn_tag", "turn_date", "lose_tag", "lose_date"):
            if name in faults:
                faults[name] -= 1
        if faults.get("turn_tag", 1) <= 0:
            headers["ETag"] = '"another"'
        if "date" in faults or "turn_date" in faults:
            old = faults.get("turn_date", 1) > 0
            headers["Last-Modified"] = faults.get("date", "Sat, 01 Jan 2000 00:00:00 GMT" if old else "Sun, 02 Jan 2000 00:00:00 GMT")
        for name, header in (("lose_tag", "ETag"), ("lose_date", "Last-Modified")):
            if faults.get(name, 1) <= 0:
                headers.pop(header, None)
        self.send_response(206 if "Content-Range" in headers else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(end - begin + faults.get("length", 0)))
        self.end_headers()
        if self.command != "HEAD":
            self.send(bytearray(data), begin, end)

    def send(self, data, begin, end):
        hub, step = self.server.hub, 1 << 16
        if hub.faults.get("flip", len(data)) < len(data):
            data[hub.faults["flip"]] ^= 1
        while begin < end:
            for name in ("cut", "stall", "gone", "lost"):
                if isinstance(hub.faults.get(name), int) and begin <= hub.faults[name] < begin + step:
                    stop = hub.faults["gone"] if name == "gone" else hub.faults.pop(name)
                    if name == "lost":
                        hub.faults["lost"] = "now"
                    self.wfile.write(data[begin:stop])
                    hub.sent += max(0, stop - begin)
                    self.close_connection = True
                    if name == "stall":
                        hub.silence.wait(30)
                    return
            while hub.sent >= hub.faults.get("hold", 1 << 60):
                time.sleep(0.002)
            n = min(step, end - begin)
            self.wfile.write(data[begin:begin + n])
            begin += n
            hub.sent += n
            if hub.faults.get("rate"):
                time.sleep(n / hub.faults["rate"])
        if hub.faults.get("length"):
            self.close_connection = True

    def take(self, name):
        """Counts a fault of that name down; true while it lasts."""
        left = self.server.hub.faults.get(name, 0)
        self.server.hub.faults[name] = max(0, left - 1)
        return left > 0

    def do_GET(self):
        try:
            self.respond()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET

    def respond(self):
        hub, (path, _, query) = self.server.hub, self.path.partition("?")
        hub.seen.append((self.server.role, self.command, self.path, dict(self.headers)))
        if self.take("busy"):
            return self.answer(429, b"later", Retry_After=hub.faults.get("later", "1"))
        if self.server.role == "storage":
            if self.take("expired") or query not in hub.signatures:
                return self.answer(403, b"expired")
            hub.signatures.discard(query)
            return self.file(hub.files[path[1:]])
        if path.startswith("/files/") and path[7:] in hub.files:
            return self.file(hub.files[path[7:]])
        if "denied" in hub.faults:
            code, reason = hub.faults["denied"]
            return self.answer(code, b"{}", X_Error_Code=reason)
        if hub.token and self.headers.get("Authorization") != "Bearer " + hub.token:
            return self.answer(401, b"{}", X_Error_Code="RepoNotFound")
        self.repository(path, query)

    def repository(self, path, query):
        hub = self.server.hub
        revision = "|".join(map(re.escape, hub.revisions))
        if path == "/api/models/org/model" or re.fullmatch(f"/api/models/org/model/revision/({revision})", path):
            siblings = [{"rfilename": name} for name in hub.files]
            return self.answer(200, json.dumps({"id": "org/model", "sha": hub.commit, "siblings": siblings}).encode())
        if path == f"/api/models/org/model/tree/{hub.commit}":
            return self.tree(query)
        found = re.fullmatch(f"/org/model/resolve/({revision})/(.*)", path)
        if not found or found[2] not in hub.files:
            return self.answer(404, b"{}", X_Error_Code="EntryNotFound" if found else "RepoNotFound")
        data = hub.files[found[2]]
        if len(data) <= LARGE and self.command == "GET":
            return self.file(data)
        entry = hub.entry(found[2])
        headers = {"X_Repo_Commit": hub.commit, "X_Linked_Size": str(entry["size"]), "ETag": f'"{entry.get("lfs", entry)["oid"]}"'}
        if len(data) <= LARGE:
            self.send_response(200)
            for name, value in {**headers, "Content_Length": str(len(data))}.items():
                self.send_header(name.replace("_", "-"), value)
            return self.end_headers()
        hub.count += 1
        signature = f"signature={hub.count}"
        hub.signatures.add(signature)
        headers["X_Linked_Etag"] = headers.pop("ETag")
        self.answer(302, b"", Location=f"{hub.storage_base}/{found[2]}?{signature}", **headers)

    def tree(self, query):
        hub = self.server.hub
        at, names = int((re.search(r"cursor=(\d+)", query) or [0, 0])[1]), sorted(hub.published)
        more = {}
        if at + hub.page < len(names):
            more["Link"] = f'<{hub.next_base or hub.base}/api/models/org/model/tree/{hub.commit}?recursive=true&cursor={at + hub.page}>; rel="next"'
        self.answer(200, json.dumps([hub.entry(n) for n in names[at:at + hub.page]] + hub.extra).encode(), **more)


class Hub:
    def __init__(self, files, tls=None):
        """`tls`: paths of a certificate and its key."""
        self.tls = tls
        self.files, self.published, self.faults, self.extra = dict(files), dict(files), {}, []
        self.commit, self.revisions, self.token, self.page, self.next_base = COMMIT, ["main", "refs%2Fpr%2F1", COMMIT], None, 1000, None
        self.seen, self.ranges, self.signatures, self.count, self.sent = [], [], set(), 0, 0
        self.silence = threading.Event()
        self.base, self.storage_base = self.listen("hub"), self.listen("storage")

    def move(self, name, data, commit):
        """main goes on to another commit, in which the file is another one."""
        self.files[name] = self.published[name] = data
        self.revisions = [r for r in self.revisions if r != self.commit] + [commit]
        self.commit = commit

    def listen(self, role):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads, server.hub, server.role = True, self, role
        server.handle_error = lambda *words: None
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http{'s' if self.tls else ''}://127.0.0.1:{server.server_port}"

    def entry(self, name):
        data = self.published[name]
        entry = {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
        if len(data) > LARGE:
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 135}
        return entry
