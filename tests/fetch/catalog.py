"""Promises: a name of the catalogue stands for its files, with the digests that it publishes; what lies on the disk goes first; third
parties add files; every entry of ggx's own is well-formed."""
import glob
import hashlib
import json
import os

import common
import flow
from common import LARGE, check

case = common.Case(**{"a.json": b"{}", "b.bin": bytes(200_000)})
data = case.path("data")
os.makedirs(os.path.join(data, "catalog"))
FILES = case.hub.base + "/files/"
MODELS = {
    "several": {"from": FILES, "files": ["a.json", LARGE]},
    "one": {"from": FILES + LARGE, "sha1": hashlib.sha1(case.data).hexdigest()},
    "wrong": {"from": FILES + LARGE, "sha256": "0" * 64},
    "hub": {"from": "hf://org/model/" + LARGE},
    "any-*": {"from": FILES + "*.bin"},
}


def write(name, value):
    with open(os.path.join(data, "catalog", name), "w") as f:
        json.dump(value, f)


def run(*words, **more):
    return case.run(*words, GGX_DATA=data, **more)


write("theirs.json", {"models": MODELS})
out, local = case.path("out.gguf"), case.path("local.gguf")
case.run(case.model, *case.words, "-o", local)
for name in ("several", "one", "hub"):
    run(name, *case.words, "-o", out)
    check(flow.digest(out) == flow.digest(local), f"{name}: other bytes")
    os.remove(out)
case.hub.sent = 0
run("fetch", "several")
check(case.hub.sent == 0, "fetched again")
run("inspect", "one", *case.words[:2])
run("one", *case.words, "-o", out, "--stream")
check(flow.digest(out) == flow.digest(local), "streamed: other bytes")
check("sha1" in run("fetch", "one", "-o", case.folder), "a published SHA-1")
check(case.left() == [LARGE], f"{case.left()}")
run("fetch", "wrong", "-o", case.folder, code=6)
check("b.bin" in run("fetch", "any-b"), "a pattern")
run("fetch", "any-none", code=3)
check("not in the catalogue" in run("fetch", "none", code=3), "an unknown name")
run("fetch", "../catalog", code=3)
os.symlink(case.model, case.path("wrong"))
os.chdir(case.top.name)
run("wrong", *case.words, "-o", case.path("here.gguf"))
for wrong in ({}, {"models": []}, {"models": {"x": {}}}, {"models": {"x": {"from": "file.bin"}}}, {"models": {"x": {"from": FILES, "files": ["../a"]}}},
              {"models": {"x": {"from": FILES, "files": []}}}, {"models": {"x": {"from": FILES + "a.json", "sha256": "12"}}},
              {"models": {"x": {"from": "hf://org/model", "files": ["a"]}}}):
    write("a.json", wrong)
    run("fetch", "x", code=7)

# ggx's own: each name is found, and only the network is missing.
own = os.path.join(os.environ["GGX_SOURCE"], "plugins", "catalog")
names = [n for path in sorted(glob.glob(own + "/*.json")) for n in json.load(open(path))["models"]]
check(len(names) >= 10, f"{names}")
for name in names:
    said = case.run("fetch", name.replace("*", "tiny"), "-o", case.folder, code=5, HF_HUB_OFFLINE="1")
    check("HF_HUB_OFFLINE" in said, said)
print("ok", len(names))
