"""Promises: ggx cache prune removes what broke off, revisions and blobs that nothing refers to, older versions of addresses; nothing else,
nothing that is new or that a process is at work on; with --dry-run nothing at all."""
import json
import os
import subprocess
import time

import common
from common import HUB, LARGE, check, sha256

OLD = time.time() - 30 * 86400
case = common.Case(size=8 << 20)
blobs = os.path.join(case.root, "blobs")


def prune(*words):
    before = everything()
    would = json.loads(case.run("cache", "prune", "--dry-run", "--json", *words))
    check(everything() == before, f"--dry-run removed {set(before) ^ set(everything())}")
    done = json.loads(case.run("cache", "prune", "--json", *words))
    check(would == done, f"--dry-run said {would}, then {done} went")
    for entry in done:
        check(not os.path.lexists(entry["path"]), f"{entry['path']} is still there")
    return {os.path.relpath(e["path"], case.top.name): e["why"] for e in done}


def everything():
    return sorted(os.path.join(root, n) for top in (case.cache, case.path("xdg")) for root, folders, names in os.walk(top) for n in folders + names)


def age(top):
    for root, folders, names in os.walk(top):
        for n in folders + names + ["."]:
            os.utime(os.path.join(root, n), (OLD, OLD), follow_symlinks=False)


# Two revisions: main moves on, one file changes.
case.run("fetch", "hf://org/model", case.url)
first, (config,) = case.snapshot, [b for b in os.listdir(blobs) if len(b) == 40 and open(os.path.join(blobs, b), "rb").read() == b'{"a": 1}']
case.hub.move("config.json", b'{"a": 2}', "1" * 40)
case.run("fetch", "hf://org/model")
case.hub.faults = {"tag": "another"}
case.run("fetch", case.url)
case.hub.faults = {}
check(len(os.listdir(case.path("xdg", "ggx"))) == 2, "two versions of an address")
check(prune() == {}, "what is new")
age(case.cache)
age(case.path("xdg"))
os.utime(os.path.join(blobs, config)) # a blob alone that is new
out = prune()
check(sorted(out.values()) == ["a revision that nothing is at", "there is a newer version"], f"{out}")
check(not os.path.exists(first), "the old revision")
age(case.cache)
out = prune()
check(list(out.values()) == ["no revision has it"] and config in str(out), f"{out}")
check(prune() == {} and prune("--older-than", "0") == {}, "everything that is left is needed")
case.hub.sent = 0
case.run("fetch", "hf://org/model")
case.run("cache", "verify")
check(case.hub.sent == 0, "a needed blob went")

# What broke off; not while a process is at work on it. A file from the future is new.
case.clear()
case.hub.faults = {"lost": 2 << 20}
case.run("fetch", HUB, code=3)
case.hub.faults = {"hold": 1 << 20}
check(prune() == {}, "what broke off just now")
case.hub.sent = 0
child = case.start("fetch", HUB)
while case.hub.sent < 1 << 20 and child.poll() is None:
    time.sleep(0.01)
hidden = f".{sha256(case.data)}"
names = sorted(n for n in os.listdir(blobs) if n.startswith("."))
check(names == [hidden + ".ggx-have", hidden + ".ggx-lock", hidden + ".ggx-part"], f"{names}")
age(case.cache)
check(prune("--older-than", "0") == {}, "a process was at work on it")
child.kill()
child.wait()
case.hub.faults = {}
future = time.time() + 10 * 86400
for name in names:
    os.utime(os.path.join(blobs, name), (future, future))
check(prune() == {}, "files from the future")
age(case.cache)
open(os.path.join(blobs, "f.incomplete"), "w").close() # as other programs leave them
check(sorted(prune().values()) == ["unfinished"] * 3, "unfinished files")
check(list(prune("--older-than", "0").values()) == ["unfinished"], "--older-than 0")
check([n for n in os.listdir(blobs) if n.startswith(".")] == [], "unfinished files are left")
case.run("fetch", HUB)
for words in (("--older-than", "x"), ("--older-than", "5y"), ("--older-than", "-1d"), ("hf://org/model",)):
    case.run("cache", "prune", *words, code=2)
case.run("cache", "prune", "--older-than", "2w")
case.run("cache", "prune", "--older-than", "0d", "-q")
check(subprocess.run(["find", case.cache, "-name", "*ggx*"], capture_output=True, text=True).stdout == "", "leftovers")
print("ok")
