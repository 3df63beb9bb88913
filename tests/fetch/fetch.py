"""Promises: the token reaches the hub and no other host, and no output; other verbs take names of remote models; the cache serves the
next run; ggx cache lists, checks and removes."""
import json
import os

import common
import flow
from common import HUB, LARGE, check, sha256
from hub_server import COMMIT

case = common.Case()
TOKEN = "hf_secretsecretsecret"
case.hub.token = TOKEN

# The token: from the environment, from a file; to the hub alone.
case.run("fetch", "hf://org/model", code=4)
said = case.run("fetch", "hf://org/model", "--verbose", HF_TOKEN=TOKEN)
check(TOKEN not in said, "the token is printed")
path = case.path("token")
with open(path, "w") as f:
    f.write(TOKEN + "\n")
case.clear()
case.run("fetch", "hf://org/model", HF_TOKEN_PATH=path)
case.run("fetch", "hf://org/model", code=4, HF_TOKEN="a b")
storage = [headers for role, _, _, headers in case.hub.seen if role == "storage"]
check(storage and not any("Authorization" in h for h in storage), "the token reached the second host")
check(all(h.get("Authorization") in (None, "Bearer " + TOKEN, "Bearer a b") for *_, h in case.hub.seen), "odd tokens")
case.hub.token = None
before = len(case.hub.seen)
case.run("fetch", case.url, HF_TOKEN=TOKEN)
check(not any("Authorization" in h for *_, h in case.hub.seen[before:]), "a plain address got the token")
for root, _, names in os.walk(case.top.name):
    for name in names:
        if os.path.join(root, name) != path:
            with open(os.path.join(root, name), "rb") as f:
                check(TOKEN.encode() not in f.read(), f"{name} holds the token")

# The cache's layout; the next run fetches no file.
check(os.readlink(os.path.join(case.snapshot, LARGE)) == "../../blobs/" + sha256(case.data), "the large file's link")
check(os.readlink(os.path.join(case.snapshot, "sub", "notes.txt")).startswith("../../../blobs/"), "a link from a folder")
with open(os.path.join(case.root, "refs", "main")) as f:
    check(f.read() == COMMIT, "refs/main")
case.hub.sent = 0
listed = json.loads(case.run("fetch", "hf://org/model", case.url, "--json"))
check(case.hub.sent == 0, "fetched again")
check(listed[0]["commit"] == COMMIT and listed[0]["path"] == case.snapshot and len(listed[0]["files"]) == 3, f"{listed}")
check(listed[1]["files"][0]["sha256"] == sha256(case.data) and not listed[1]["files"][0]["published"], f"{listed[1]}")
case.run("fetch", "hf://org/model", "--revision", "refs/pr/1")
check(os.path.exists(os.path.join(case.root, "refs", "refs", "pr", "1")), "a revision with slashes")
case.run("fetch", f"hf://org/model@{COMMIT}/config.json", "--endpoint", case.hub.base, HF_ENDPOINT="")
case.run("fetch", "hf://org/model", "--revision", "other", code=3)

# Other verbs; without a network, too.
out, local = case.path("out.gguf"), case.path("local.gguf")
case.run(case.model, *case.words, "-o", local)
for source in ("hf://org/model", HUB, case.url):
    case.run(source, *case.words, "-o", out)
    check(flow.digest(out) == flow.digest(local), f"{source}: other bytes")
    os.remove(out)
case.run(HUB, *case.words, "-o", out, HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:1")
check(flow.digest(out) == flow.digest(local), "offline: other bytes")
os.remove(out)
case.run(case.url, *case.words, "-o", out, "--sha256", "0" * 64, code=6)
check(not os.path.exists(out), "converted in spite of its digest")
check(sha256(case.data) in case.run("hash", HUB), "ggx hash")
case.run("verify", HUB, "--sha256", sha256(case.data))
case.run("inspect", HUB, *case.words[:2], HF_HUB_OFFLINE="1")
case.run("inspect", "hf://org/other", code=3, HF_HUB_OFFLINE="1")
case.run("fetch", case.url, code=5, HF_HUB_OFFLINE="1")

# ggx cache.
entries = {e["name"]: e for e in json.loads(case.run("cache", "ls", "--json"))}
check(set(entries) == {"hf://org/model", LARGE} and entries["hf://org/model"]["files"] == 3, f"{entries}")
check("hf://org/model" in case.run("cache", "ls"), "the table")
case.run("cache", "verify")
blob = os.path.realpath(os.path.join(case.snapshot, LARGE))
with open(blob, "r+b") as f:
    f.seek(5_000_000)
    byte = f.read(1)
    f.seek(5_000_000)
    f.write(bytes([byte[0] ^ 1]))
check("other bytes" in case.run("cache", "verify", code=6), "a damaged blob")
case.run("fetch", HUB)
case.run("cache", "verify", "hf://org/model")
check(open(blob, "rb").read() == case.data, "a damaged blob is replaced")
case.run("cache", "rm", "hf://org/none", code=3)
case.run("cache", "rm", code=3)
outside = case.path("outside")
os.mkdir(outside)
open(os.path.join(outside, "kept"), "w").close()
os.symlink(outside, os.path.join(case.root, "snapshots", "link"))
case.run("cache", "rm", "hf://org/model")
check(not os.path.exists(case.root) and os.listdir(outside) == ["kept"], "removed: too little or too much")
case.run("cache", "wipe", code=2)

# A cache that cannot be written, and a disk that is full, are said.
if os.getuid():
    os.makedirs(case.cache, exist_ok=True)
    os.chmod(case.cache, 0o555)
    case.run("fetch", HUB, code=4)
    os.chmod(case.cache, 0o755)
full = case.hub.published[LARGE]
case.hub.extra = [{"type": "file", "path": "huge.bin", "size": 1 << 60, "oid": "0" * 40, "lfs": {"oid": "0" * 64, "size": 1 << 60}}]
check("are free" in case.run("fetch", "hf://org/model/huge.bin", code=9), "no room")
print("ok")
