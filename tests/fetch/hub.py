"""Promises: huggingface_hub finds without a network what ggx fetched, and ggx what huggingface_hub fetched."""
import os
import subprocess
import sys

import common
import flow
from common import HUB, LARGE, check, sha256

try:
    import huggingface_hub
except ImportError:
    print("huggingface_hub is not here")
    sys.exit(1 if os.environ.get("CI") else 77)

case = common.Case()
READ = """
import hashlib, huggingface_hub as h, os, sys
print(h.hf_hub_download("org/model", "model.safetensors"))
print(h.snapshot_download("org/model"))
"""


def read(**more):
    done = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, timeout=120,
                          env={**case.environment, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", **more})
    check(done.returncode == 0, done.stderr)
    return done.stdout.split()


case.run("fetch", "hf://org/model")
file, folder = read(HF_HUB_OFFLINE="1")
check(file == os.path.join(case.snapshot, LARGE) and folder == case.snapshot, f"{file} {folder}")
with open(file, "rb") as f:
    check(sha256(f.read()) == sha256(case.data), "other bytes")
found = [(r.repo_id, r.size_on_disk, len(r.revisions)) for r in huggingface_hub.scan_cache_dir(case.cache).repos]
check(found == [("org/model", sum(map(len, case.hub.files.values())), 1)], f"{found}")

case.clear()
file, folder = read()
check(file == os.path.join(case.snapshot, LARGE), file)
before = case.hub.sent
case.run("fetch", "hf://org/model")
check(case.hub.sent == before, "ggx fetched again what was there")
case.run("cache", "verify")
check(sha256(case.data) in case.run("hash", HUB, HF_HUB_OFFLINE="1"), "offline")

# What it takes for good by its size, ggx does not.
blob = os.path.realpath(file)
os.chmod(blob, 0o644)
with open(blob, "r+b") as f:
    f.write(bytes([case.data[0] ^ 1]))
check(read(HF_HUB_OFFLINE="1")[0] == file, "huggingface_hub looks at bytes by now; say so in the documents")
case.run("cache", "verify", code=6)
case.run("fetch", HUB)
case.run("cache", "verify")
print("ok", huggingface_hub.__version__)
