"""Promises: killed at any moment, the next run goes on, and no more than one segment is fetched twice; two processes make one file."""
import os
import random
import signal
import subprocess
import time

import common
import flow
from common import HUB, check

SEGMENT = 16 << 20
case = common.Case(size=40 << 20)
rng = random.Random(3)
WORDS = ("fetch", HUB, "-o", case.folder)


def good(what):
    with open(case.target(""), "rb") as f:
        check(f.read() == case.data, f"{what}: other bytes")
    check(len(case.left()) == 1, f"{what}: {case.left()}")
    case.clear()


def position():
    """What is sure to be kept, by the journal."""
    try:
        with open(os.path.join(case.folder, f".{common.LARGE}.ggx-have"), "rb") as f:
            return int.from_bytes(f.read()[48:56], "little")
    except FileNotFoundError:
        return 0


# At random amounts of bytes, not times: what is killed when does not hang on the machine's speed.
kills = 0
for attempt in range(3 if flow.SANITIZED else 13):
    case.hub.faults = {"rate": 400 << 20}
    for _ in range(4):
        case.hub.sent = 0
        begun, child = position(), case.start(*WORDS)
        until = rng.randrange(1, len(case.data) // 3)
        while child.poll() is None and case.hub.sent < until:
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        if child.wait() == 0:
            break
        kills += 1
        check(not os.path.exists(case.target("")), "an unfinished file has the name")
        check(position() >= begun, "the journal went back")
    case.hub.faults, case.hub.sent, begun = {}, 0, position()
    case.run(*WORDS)
    check(case.hub.sent <= len(case.data) - begun + (1 << 20), f"{case.hub.sent} bytes after {begun} were safe")
    good(f"attempt {attempt}")
check(kills >= (3 if flow.SANITIZED else 40), f"only {kills} runs were killed")

# A run that ends early loses nothing; one that is killed a segment at most.
case.hub.faults = {"lost": 30 << 20}
case.run(*WORDS, code=3)
check(position() >= (30 << 20) - (1 << 17), f"a broken run kept {position()} bytes")
case.hub.faults, case.hub.sent = {}, 0
case.run(*WORDS)
check(case.hub.sent <= (10 << 20) + (1 << 17), "fetched twice")
good("broken")

# Two at once.
case.hub.faults, case.hub.sent = {"rate": 200 << 20}, 0
both = [case.start(*WORDS) for _ in range(2)]
check([child.wait(60) for child in both] == [0, 0], "two at once")
check(case.hub.sent <= len(case.data) + (1 << 20), f"two at once fetched {case.hub.sent} bytes")
good("two at once")
print(f"ok: {kills} kills")
