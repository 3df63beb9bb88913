"""Promises: killed at any moment, or stopped, a streamed conversion goes on where it was; its output is the same, and a server that has
another file by then is refused."""
import os
import random
import signal
import subprocess
import time

import common
import flow

case = common.Case()
rng = random.Random(1)
case.server.rate = 30 << 20
SYNC, MEMORY = 1 << 20, 12 << 20
WORDS = ("--sync", SYNC, "--memory", MEMORY)
# What a kill costs is one segment: the bytes between two records, those that wait in the window, what the system has in flight, the headers.
SEGMENT = SYNC + MEMORY // 2 + (7 << 20)
KILLS = 8 if flow.SANITIZED else 50
state = os.path.join(case.folder, ".out.gguf.ggx-stream")
resumed = kills = finished = killed_since = 0
before = case.server.sent
while kills < KILLS or killed_since:
    child = subprocess.Popen(case.command("hf://org/model", *WORDS), env=case.environment, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        child.wait(rng.uniform(0.05, 0.9) if kills < KILLS else None)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGTERM if kills % 5 == 4 else signal.SIGKILL)
    code = child.wait()
    flow.check(code in (-9, -15, 130, 0), f"exit {code}")  # -15: before ggx had come to its first line
    if code:
        kills += 1
        killed_since += 1
        resumed += os.path.exists(state)
        if not os.path.exists(case.out):
            continue
        flow.check(flow.digest(case.out) == case.wanted, "an unfinished output has the name")  # killed behind its last step
        for name in os.listdir(case.folder):
            if name != "out.gguf":
                os.remove(os.path.join(case.folder, name))
    case.good(f"after {killed_since} kills")
    twice = case.server.sent - before - len(case.data)
    flow.check(twice <= killed_since * SEGMENT + (2 << 20), f"{twice} bytes came twice in {killed_since} kills")
    finished += 1
    killed_since, before = 0, case.server.sent
flow.check(resumed > KILLS // 5, f"only {resumed} of {kills} kills left something to take up")
print(f"{kills} kills, {finished} outputs, {resumed} taken up")

# Stopped in the middle; then the server has another file, of the same size and headers.
other = bytearray(case.data)
other[-5] ^= 1
for served, code in ((bytes(other), 6), (case.data, 0)):
    child = subprocess.Popen(case.command("hf://org/model", *WORDS), env=case.environment, stderr=subprocess.DEVNULL)
    state = os.path.join(case.folder, ".out.gguf.ggx-stream")
    for _ in range(200):
        if os.path.exists(state):
            break
        time.sleep(0.01)
    child.send_signal(signal.SIGTERM)
    flow.check(child.wait() == 130 and os.path.exists(state), "stopped with a record")
    case.server.files["model.safetensors"] = served
    said = case.run("hf://org/model", *WORDS, code=code)
    case.nothing("another file") if code else case.good("the same file")
    case.server.files["model.safetensors"] = case.data

# A damaged record, or one without its tiles, is not believed.
child = subprocess.Popen(case.command("hf://org/model", *WORDS), env=case.environment, stderr=subprocess.DEVNULL)
while not os.path.exists(state):
    time.sleep(0.01)
child.kill()
child.wait()
with open(state, "r+b") as f:
    f.seek(70)
    f.write(b"\xff\xff")
before = case.server.sent
case.run("hf://org/model", *WORDS)
flow.check(case.server.sent - before >= len(case.data), "a damaged record was believed")
case.good("a damaged record")
print("ok")
