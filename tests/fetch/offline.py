"""Promises: without a network a damaged blob ends with exit code 6, a repository that is not whole is refused, and --stream is; prune and rm leave alone
what another run fetches into."""
import os
import time

import common
from common import HUB, LARGE, check, sha256

OFF = {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:1"}
REPOSITORY = "hf://org/model"
case = common.Case()
out = case.path("out.gguf")

# A part of a repository is not the repository.
case.run("fetch", REPOSITORY + "/config.json")
check("no weights" in case.run("fetch", REPOSITORY, code=3, **OFF), "config.json alone")
case.run("fetch", REPOSITORY + "/config.json", **OFF)
case.run("fetch", REPOSITORY)
case.run("fetch", REPOSITORY, **OFF)
notes = os.path.join(case.snapshot, "sub", "notes.txt")
link = os.readlink(notes)
os.remove(notes)
check("sub/notes.txt is missing" in case.run("fetch", REPOSITORY, code=3, **OFF), "by the list of its files")
case.run("fetch", HUB, **OFF)
os.symlink(link, notes)

# Damage, of the size that it had: of a large file (SHA-256) and of a small one (git).
for name, source in ((LARGE, HUB), (LARGE, REPOSITORY), ("config.json", REPOSITORY)):
    blob = os.path.realpath(os.path.join(case.snapshot, name))
    with open(blob, "rb") as f:
        data = f.read()
    os.chmod(blob, 0o644)
    with open(blob, "r+b") as f:
        f.seek(len(data) - 2)
        f.write(bytes([data[-2] ^ 1]))
    check("damaged" in case.run(source, *case.words, "-o", out, code=6, **OFF), name)
    check(not os.path.exists(out), "converted in spite of damage")
    with open(blob, "wb") as f:
        f.write(data)
case.run(HUB, *case.words, "-o", out, "--sha256", "0" * 64, code=6, **OFF)
case.run(HUB, *case.words, "-o", out, "--sha256", sha256(case.data), **OFF)
os.remove(out)
case.run(REPOSITORY, *case.words, "-o", out, **OFF)
before = case.hub.sent
case.run(REPOSITORY, *case.words, "-o", case.path("b.gguf"), "--stream", code=5, HF_HUB_OFFLINE="1")
check(case.hub.sent == before and not os.path.exists(case.path("b.gguf")), "--stream went to the network")

# What is whole already stays while the run goes on with the rest.
case = common.Case(size=8 << 20, **{"a.json": b"{}"})
case.hub.faults = {"hold": 1 << 20}
child = case.start("fetch", REPOSITORY)
blobs = os.path.join(case.root, "blobs")
part = os.path.join(blobs, f".{sha256(case.data)}.ggx-part")
while child.poll() is None and not (os.path.exists(part) and [n for n in os.listdir(blobs) if len(n) == 40]):
    time.sleep(0.01)
check(child.poll() is None, "the run ended")
have = sorted(n for n in os.listdir(blobs) if len(n) == 40)
check("left out" in case.run("cache", "prune", "--older-than", "0"), "prune does not say so")
check("left out" in case.run("cache", "rm", REPOSITORY, code=4), "rm does not say so")
check(set(have) <= set(os.listdir(blobs)), "a blob went")
child.kill()
child.wait()
case.hub.faults = {}
check("unfinished" in case.run("cache", "prune", "--older-than", "0"), "the killed run still holds it")
case.run("fetch", REPOSITORY)
case.run("cache", "rm", REPOSITORY)
check(not os.path.exists(case.root), "rm")
print("ok")
