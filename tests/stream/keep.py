"""Promises: the plan is printed before a streamed conversion begins, and says as JSON whether the source can stream; --keep leaves the model in the
cache, verified, as fetching it would have, whatever breaks off; peak disk then is output and model."""
import hashlib
import json
import os
import signal
import subprocess
import time

import common
import flow

case = common.Case(**{"config.json": b'{"a": 1}'})
cache, own = os.path.join(case.top.name, "cache"), os.path.join(case.top.name, "own")
case.environment |= {"HF_HUB_CACHE": cache, "XDG_CACHE_HOME": own}
root = os.path.join(cache, "models--org--model")
DIGEST = hashlib.sha256(case.data).hexdigest()
blob = os.path.join(root, "blobs", DIGEST)
HUB = "hf://org/model"


def clear():
    subprocess.run(["rm", "-rf", cache, own], check=True)


def partials(folder):
    return [n for _, _, names in os.walk(folder) for n in names if "ggx-part" in n]


# The plan comes first: the server stops in the middle, and it is there already; not with --quiet or --json.
said = case.run(HUB)
flow.check(said.index("tensor  ") < said.index("stream: yes, ") < said.index("out.gguf: "), said)
case.good("a run that prints its plan")
flow.check("stream: yes" not in case.run(HUB, "--quiet"), "--quiet prints a plan")
flow.check("stream" not in json.loads(subprocess.run(case.command(HUB, "--json"), env=case.environment, capture_output=True, check=True).stdout), "--json")
case.server.faults = {"gone": 12_000_000}
flow.check("stream: yes" in case.run(case.url, code=5), "the plan of a run that breaks off")
case.server.faults = {}
case.run(case.url)
case.good("after the break")
flow.check(not os.path.exists(cache) and not os.path.exists(own), "something was kept unasked")

# The plan as JSON.
plan = lambda *words: json.loads(flow.run("plan", *words, "--json", "--recipe", "none", "--writer", "gguf", env=case.environment))["stream"]
yes = plan(case.url)
flow.check(yes["possible"] is True and yes["bytes"] == len(case.data) and yes["files"] == 1 and 0 < yes["at_once"] < len(case.data), str(yes))
flow.check(plan(case.model)["possible"] is True, "a model on the disk")
no = json.loads(flow.run("plan", case.url, *case.words, "-o", case.out, "--memory", "1M", "--stream", "--json", env=case.environment))["stream"]
flow.check(no["possible"] is False and "--memory" in no["why"], str(no))

# Kept: the cache has what ggx fetch makes, so that the next run needs no byte of the weights.
case.run(HUB, "--keep")
case.good("kept")
with open(blob, "rb") as f:
    flow.check(f.read() == case.data, "other bytes were kept")
link = os.path.join(root, "snapshots", "0123456789abcdef0123456789abcdef01234567", "model.safetensors")
flow.check(os.path.realpath(link) == os.path.realpath(blob) and not partials(cache), "the cache's names")
flow.check(open(os.path.join(root, "refs", "main")).read().startswith("0123"), "the branch")
before = case.server.sent
flow.run(HUB + "/model.safetensors", *case.words, "-o", case.out, env=case.environment)
flow.check(case.server.sent - before < 1 << 20, "fetched again in spite of --keep")
case.good("from what was kept")
flow.check("verify" and flow.run("cache", "verify", env=case.environment) is not None, "the cache is not sound")
clear()
case.run(case.url, "--keep")
case.good("a plain address")
kept = [os.path.join(at, n) for at, _, names in os.walk(own) for n in names if n == "model.safetensors"]
flow.check(len(kept) == 1 and flow.digest(kept[0]) == DIGEST and not partials(own), str(kept))
before = case.server.sent
flow.run(case.url, *case.words, "-o", case.out, env=case.environment)
flow.check(case.server.sent - before < 1 << 20, "fetched again in spite of --keep")
case.good("from what was kept of an address")
clear()

# A flipped byte: neither output nor copy.
case.server.faults = {"flip": 9_000_000}
case.run(HUB, "--keep", code=6)
case.server.faults = {}
case.nothing("a flipped byte")
flow.check(not os.path.exists(blob) and not partials(cache), "a copy of wrong bytes")

# Killed and taken up: the same copy; a run without --keep in between begins the copy anew, not a torn one.
case.server.rate = 30 << 20
WORDS = ("--sync", "1M", "--memory", "12M", "--keep")
state = os.path.join(case.folder, ".out.gguf.ggx-stream")
taken_up = 0
for attempt in range(6):
    child = subprocess.Popen(case.command(HUB, *WORDS), env=case.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(state) and child.poll() is None:
        time.sleep(0.01)
    time.sleep(0.03 * attempt)
    child.send_signal(signal.SIGKILL if attempt % 2 else signal.SIGTERM)
    child.wait()
    if attempt == 4:
        subprocess.run(["rm", "-rf", cache], check=True)  # the record alone must not be believed
    before = case.server.sent
    case.run(HUB, *WORDS)
    taken_up += case.server.sent - before < len(case.data)
    case.good(f"attempt {attempt}")
    flow.check(flow.digest(blob) == DIGEST and not partials(cache), f"attempt {attempt}: another copy")
    clear()
flow.check(2 <= taken_up < 6, f"{taken_up} runs were taken up")

# Usage, and a cache that cannot be written.
case.server.rate = 0
flow.check("--keep goes with --stream" in flow.run(case.model, "-o", case.out, "--keep", code=2), "--keep alone")
with open(cache, "w") as f:
    f.write("in the way")
case.run(HUB, "--keep", code=1)
case.nothing("no cache")
print("ok")
