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
WORDS = ("--sync", "1M", "--memory", "12M")
resumed = 0
for attempt in range(4 if flow.SANITIZED else 12):
    kills = 0
    while kills < 4:
        child = subprocess.Popen(case.command("hf://org/model", *WORDS), env=case.environment, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        try:
            child.wait(rng.uniform(0.05, 0.7))
            break
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL if kills % 2 == 0 else signal.SIGTERM)
            code = child.wait()
            flow.check(code in (-9, 130, 0), f"exit {code}")
            kills += 1
            if code == 0:
                break
            flow.check(not os.path.exists(case.out), "an unfinished output has the name")
    if not os.path.exists(case.out):
        state = os.path.join(case.folder, ".out.gguf.ggx-stream")
        began = os.path.exists(state)
        before = case.server.sent
        case.run("hf://org/model", *WORDS)
        resumed += began
        flow.check(not began or case.server.sent - before < len(case.data), "it began anew in spite of its record")
    case.good(f"attempt {attempt}")
flow.check(resumed > 0, "no run was ever taken up")

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
print(f"ok: {resumed} runs were taken up")
