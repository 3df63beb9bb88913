"""What the tests of downloads share: a hub with a model, a cache of its own, runs of ggx in it."""
import hashlib
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "flow"))
import flow
import hub_server

check = flow.check
LARGE = "model.safetensors"
HUB = "hf://org/model/" + LARGE


class Case:
    def __init__(self, size=0, **more):
        self.top = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.model, *self.words = flow.make(self.top.name)
        with open(self.model, "rb") as f:
            self.data = random.Random(7).randbytes(size) if size else f.read()
        self.hub = hub_server.Hub({LARGE: self.data, "config.json": b'{"a": 1}', "sub/notes.txt": b"notes\n", **more})
        self.cache = self.path("cache")
        self.folder = self.path("out")
        self.url = self.hub.base + "/files/" + LARGE
        keep = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and k.lower() not in ("http_proxy", "https_proxy", "all_proxy")}
        self.environment = {**keep, "HF_ENDPOINT": self.hub.base, "HF_HUB_CACHE": self.cache, "XDG_CACHE_HOME": self.path("xdg"),
                            "HOME": self.path("home"), "no_proxy": "127.0.0.1"}
        self.root = os.path.join(self.cache, "models--org--model")
        self.snapshot = os.path.join(self.root, "snapshots", hub_server.COMMIT)

    def path(self, *names):
        return os.path.join(self.top.name, *names)

    def run(self, *words, code=0, **environment):
        done = subprocess.run([flow.GGX, *map(str, words)], capture_output=True, text=True, timeout=120,
                              env={**self.environment, **environment})
        check(code in (None, done.returncode), f"{words}: exit {done.returncode}, expected {code}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def start(self, *words):
        return subprocess.Popen([flow.GGX, *map(str, words)], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def clear(self):
        for place in (self.cache, self.folder, self.path("xdg")):
            subprocess.run(["rm", "-rf", place], check=True)

    def target(self, source):
        """Where the large file of `ggx fetch SOURCE -o DIR` goes."""
        return os.path.join(self.folder, LARGE)

    def left(self):
        """Everything in the output folder, hidden files too."""
        return sorted(os.listdir(self.folder)) if os.path.isdir(self.folder) else []


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def kept(journal):
    """Bytes that the next run need not fetch, by the journal: 16 bytes a segment behind 96."""
    try:
        with open(journal, "rb") as f:
            slots = f.read()[96:]
    except FileNotFoundError:
        return 0
    return sum(int.from_bytes(slots[at:at + 4], "little") for at in range(0, len(slots), 16))


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
