"""Promises: killed at any moment, the next run goes on, and no more than one segment is fetched twice; two processes make one file."""
import os
import random
import signal
import subprocess
import time

import common
import flow
from common import HUB, check

case = common.Case(size=40 << 20)
rng = random.Random(3)
PART = os.path.join(case.folder, f".{common.LARGE}.ggx-part")
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


def size():
    return os.path.getsize(PART) if os.path.exists(PART) else len(case.data)


# At random amounts of bytes, not times, with the server waiting there: what is killed when does not hang on the machine's speed.
kills = resumed = 0
while kills < (6 if flow.SANITIZED else 50):
    for _ in range(4):
        until = rng.randrange(1, 22 << 20)
        case.hub.sent, begun = 0, position()
        case.hub.faults = {"hold": until}
        child = case.start(*WORDS)
        while child.poll() is None and case.hub.sent < until:
            time.sleep(0.001)
        while kills % 2 and child.poll() is None and size() < begun + until - (1 << 17):
            time.sleep(0.001) # every other one when all that was sent has been written
        child.send_signal(signal.SIGKILL)
        code = child.wait()
        case.hub.faults = {}
        if code == 0:
            break
        kills += 1
        check(not os.path.exists(case.target("")), "an unfinished file has the name")
        check(position() >= begun, "the journal went back")
    case.hub.sent, begun = 0, position()
    resumed += begun > 0
    case.run(*WORDS)
    check(case.hub.sent <= len(case.data) - begun + (1 << 20), f"{case.hub.sent} bytes after {begun} were safe")
    good(f"after {kills} kills")
check(resumed > 0, "no run was ever taken up")

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
print(f"ok: {kills} kills, {resumed} last runs were taken up")
