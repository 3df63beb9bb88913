"""What the tests of streaming share."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "flow"))
import flow
import server


class Case:
    """A model and its recipe, what it becomes when it is converted from the disk, and a server that has it."""

    def __init__(self, **more):
        self.top = tempfile.TemporaryDirectory()
        self.folder = os.path.join(self.top.name, "out")
        os.mkdir(self.folder)
        self.model, *self.words = flow.make(self.top.name)
        self.local = os.path.join(self.top.name, "local.gguf")
        flow.run(self.model, *self.words, "-o", self.local)
        self.wanted = flow.digest(self.local)
        with open(self.model, "rb") as f:
            self.data = f.read()
        self.server = server.Server({"model.safetensors": self.data, **more})
        self.out = os.path.join(self.folder, "out.gguf")
        self.environment = {**os.environ, "HF_ENDPOINT": self.server.base, "no_proxy": "127.0.0.1"}
        self.url = self.server.base + "/files/model.safetensors"

    def command(self, source, *words):
        return [flow.GGX, source, *self.words, "-o", self.out, "--stream", *map(str, words)]

    def run(self, source, *words, code=0):
        done = subprocess.run(self.command(source, *words), capture_output=True, text=True, timeout=120, env=self.environment)
        flow.check(done.returncode == code, f"{source} {words}: exit {done.returncode}, expected {code}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def good(self, what):
        """The output is what it should be, and alone; it is removed."""
        flow.check(flow.digest(self.out) == self.wanted, f"{what}: other bytes")
        flow.check(os.listdir(self.folder) == ["out.gguf"], f"{what}: {os.listdir(self.folder)}")
        os.remove(self.out)

    def nothing(self, what):
        flow.check(os.listdir(self.folder) == [], f"{what}: {os.listdir(self.folder)} was left behind")
