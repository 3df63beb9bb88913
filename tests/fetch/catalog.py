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

write("a.json", {"models": {"x": {"from": FILES + "b.bin", "sha265": "0" * 64}}})
check("'sha265' is no word" in run("fetch", "x", code=7), "a slip in a word")
os.remove(os.path.join(data, "catalog", "a.json"))

# Third parties: files and folders, by option and environment, before ggx's own; other names; sizes; one file of several that is meant.
theirs = case.path("theirs")
os.makedirs(theirs)
b = bytes(200_000)
EXTRA = {"mine": {"about": "A file", "from": FILES + "b.bin", "bytes": len(b), "sha1": hashlib.sha1(b).hexdigest(), "recipe": "none", "memory": 5},
         "also": {"same": "mine", "about": "Its other name"}, "one": {"from": FILES + "a.json"}, "short": {"from": FILES + "b.bin", "bytes": 7},
         "loop": {"same": "loop"}, "lost": {"same": "nothing"},
         "pair": {"from": FILES, "files": ["a.json", {"name": LARGE, "bytes": len(case.data), "sha256": common.sha256(case.data)}], "model": LARGE}}
with open(os.path.join(theirs, "extra.json"), "w") as f:
    json.dump({"models": EXTRA}, f)
for words, more in (([], {"GGX_CATALOG": theirs}), ([], {"GGX_CATALOG": "/nowhere:" + os.path.join(theirs, "extra.json")}),
                    (["--catalog", theirs], {}), (["--catalog", os.path.join(theirs, "extra.json")], {})):
    check("sha1 " + hashlib.sha1(b).hexdigest() in run("fetch", "also", *words, **more), f"{words} {more}")
    check("a.json" in run("fetch", "one", *words, **more), "a name that ggx has, too")
MORE = ["--catalog", theirs]
for words in (["fetch", "--list"], ["fetch", "one"], ["inspect", case.model]):
    said = run(*words, "--catalog", case.path("nope.json"), code=3)
    check("nope.json" in said, said)
check("7 in the catalogue" in run("fetch", "short", *MORE, code=6), "a size that is not the server's")
for name in ("loop", "lost"):
    run("fetch", name, *MORE, code=7)
run("fetch", "pair", "-o", case.folder, *MORE)
check(set(case.left()) >= {"a.json", LARGE}, f"{case.left()}")
run("pair", *case.words, "-o", out, *MORE)
check(flow.digest(out) == flow.digest(local), "pair: other bytes")
for name in ("loop", "lost"):
    del EXTRA[name]
with open(os.path.join(theirs, "extra.json"), "w") as f:
    json.dump({"models": EXTRA}, f)
listed = {e["name"]: e for e in json.loads(run("fetch", "--list", "--json", *MORE))}
check(listed["also"]["memory"] == 5 and listed["also"]["files"] == listed["mine"]["files"], f"{listed['also']}")
check(listed["pair"]["files"][1]["bytes"] == len(case.data), f"{listed['pair']}")
check("Its other name" in run("fetch", "--list", *MORE), "the list as a table")
run("fetch", code=2)
run("fetch", "--list", "mine", code=2)
# A recipe that the catalogue names is taken without asking, where it makes such files.
with open(os.path.join(theirs, "extra.json"), "w") as f:
    json.dump({"models": {"named": {"from": FILES + LARGE, "recipe": case.words[1]}}}, f)
told = json.loads(run("plan", "named", "--writer", "gguf", "--type", "q4_0", "--json", *MORE))
check(told["recipe"] == "flow-test", told["recipe"])

# ggx's own: each name is found, and only the network is missing.
own = os.path.join(os.environ["GGX_SOURCE"], "plugins", "catalog")
names = [n for path in sorted(glob.glob(own + "/*.json")) for n in json.load(open(path))["models"]]
WANTED = ([f"gpt-2-{n}M" for n in (117, 124, 345, 355, 774, 1558)] + [f"sam-vit-{n}" for n in "blh"] + ["yolov3-tiny", "magika", "gpt-j-6B"] +
          [f"whisper-{n}{e}" for n in ("tiny", "base", "small", "medium") for e in ("", ".en")] + [f"whisper-large-v{n}" for n in (1, 2, 3)])
check(set(WANTED) <= set(names), f"{set(WANTED) - set(names)}")
entries = {e["name"]: e for e in json.loads(case.run("fetch", "--list", "--json", GGX_DATA=os.path.join(os.environ["GGX_SOURCE"], "plugins")))}
recipes = {os.path.basename(p)[:-5] for p in glob.glob(os.path.join(os.environ["GGX_SOURCE"], "plugins", "recipes", "*.json"))}
for name, entry in entries.items():
    check(entry["recipe"] in recipes and entry["about"] and entry["files"], f"{name}: {entry}")
for name in names:
    said = case.run("fetch", name.replace("*", "tiny"), "-o", case.folder, code=5, HF_HUB_OFFLINE="1")
    check("HF_HUB_OFFLINE" in said, said)
print("ok", len(names))
