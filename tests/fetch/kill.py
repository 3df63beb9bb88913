"""Promises: killed at any moment, the next run goes on; of a killed run no more is fetched twice than one segment a connection; two
processes make one file; a lock whose owner is gone holds nobody up."""
import os
import random
import signal
import subprocess
import time

import common
import flow
from common import HUB, check

CONNECTIONS, SEGMENT = 4, 4 << 20
case = common.Case(size=48 << 20)
SIZE = len(case.data)
rng = random.Random(3)
HAVE = os.path.join(case.folder, f".{common.LARGE}.ggx-have")
LOCK = os.path.join(case.folder, f".{common.LARGE}.ggx-lock")
WORDS = ("fetch", HUB, "-o", case.folder, "--connections", CONNECTIONS, "--segment-size", SEGMENT)


def good(what):
    with open(case.target(""), "rb") as f:
        check(f.read() == case.data, f"{what}: other bytes")
    check(len(case.left()) == 1, f"{what}: {case.left()}")
    case.clear()


def kept():
    return common.kept(HAVE)


def owner(count, boot="00000000-0000-0000-0000-000000000000", space="pid:[1]", process=1, start=1):
    """What stands in a lock."""
    return f"ggx-lock 1\n{boot} {space} elsewhere {process} {start}\n{count}\n".ljust(255).encode() + b"\n"


def write_lock(folder, text):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f".{common.LARGE}.ggx-lock"), "wb") as f:
        f.write(text)


# The lock of another machine's process that never moves: a minute later it counts as gone. It is waited for while the rest goes on.
other = common.Case()
write_lock(other.folder, owner(1))
patient, begun_waiting = other.start("fetch", HUB, "-o", other.folder), time.monotonic()

# At random amounts of bytes, not times, with the server waiting there: what is killed when does not hang on the machine's speed.
kills = resumed = worst = 0
while kills < (6 if flow.SANITIZED else 50):
    for _ in range(4):
        until = rng.randrange(1, 40 << 20)
        case.hub.sent, begun = 0, kept()
        resumed += begun > 0
        case.hub.faults = {"hold": until}
        child = case.start(*WORDS)
        while child.poll() is None and case.hub.sent < until:
            time.sleep(0.001)
        deadline = time.monotonic() + 2
        while kills % 2 and child.poll() is None and kept() < begun + until - (1 << 22) and time.monotonic() < deadline:
            time.sleep(0.001) # every other one when most of what was sent has been written
        child.send_signal(signal.SIGKILL)
        code = child.wait()
        twice = case.hub.sent - (kept() - begun)
        case.hub.faults = {}
        if code == 0:
            break
        kills += 1
        worst = max(worst, twice)
        check(not os.path.exists(case.target("")), "an unfinished file has the name")
        check(kept() >= begun, "the journal went back")
        check(twice <= CONNECTIONS * SEGMENT, f"{twice} bytes of a killed run are fetched twice")
    case.hub.sent, begun = 0, kept()
    case.run(*WORDS)
    check(case.hub.sent <= SIZE - begun + (1 << 20), f"{case.hub.sent} bytes after {begun} were safe")
    good(f"after {kills} kills")
check(resumed > 0, "no run was ever taken up")

# A run that ends early loses nothing of what has come.
case.hub.faults, case.hub.sent = {"lost": 30 << 20}, 0
case.run(*WORDS, code=3)
lost = case.hub.sent - kept()
check(lost <= CONNECTIONS * SEGMENT, f"a broken run lost {lost} bytes")
case.hub.faults, case.hub.sent, begun = {}, 0, kept()
case.run(*WORDS)
check(case.hub.sent <= SIZE - begun + (1 << 17), "fetched twice")
good("broken")

# Another start of the machine: only what was synced counts, and what a run leaves that ends by itself is.
case.hub.faults = {"lost": 30 << 20}
case.run(*WORDS, code=3)
case.hub.faults, begun = {}, kept()
with open(HAVE, "r+b") as f:
    head = bytearray(f.read(96))
    head[56] ^= 1
    head[92:96] = common.crc32c(head[:92]).to_bytes(4, "little")
    f.seek(0)
    f.write(head)
case.hub.sent = 0
case.run(*WORDS)
check(case.hub.sent <= SIZE - begun + (1 << 17), "what was synced did not count")
good("another start of the machine")
case.hub.faults, case.hub.sent = {"hold": 30 << 20}, 0
child = case.start(*WORDS)
while case.hub.sent < 30 << 20:
    time.sleep(0.01)
child.kill()
child.wait()
check(os.path.exists(LOCK), "a killed run's lock")
head = bytearray(open(HAVE, "rb").read(96))
head[56] ^= 1
head[92:96] = common.crc32c(head[:92]).to_bytes(4, "little")
with open(HAVE, "r+b") as f:
    f.write(head)
case.hub.faults, case.hub.sent = {}, 0
case.run(*WORDS)
check(case.hub.sent >= SIZE, "what was not synced counted after another start")
good("killed before another start of the machine")

# Two at once.
for source in (HUB, case.url):
    case.hub.faults, case.hub.sent = {"rate": 100 << 20}, 0
    both = [case.start("fetch", source, *(() if source == case.url else ("-o", case.folder))) for _ in range(2)]
    check([child.wait(60) for child in both] == [0, 0], "two at once")
    check(case.hub.sent <= SIZE + (1 << 20), f"two at once fetched {case.hub.sent} bytes")
    good("two at once") if source == HUB else case.clear()
case.hub.faults = {}

# The lock alone, without the system's: it is waited for as long as it moves, or is gone.
write_lock(case.folder, owner(1))
child = case.start(*WORDS)
for count in range(2, 12):
    time.sleep(0.2)
    write_lock(case.folder, owner(count))
check(child.poll() is None, "a lock that moves was ignored")
os.remove(LOCK)
check(child.wait(60) == 0, "after a lock that moved")
good("after a lock that moved")

# Of this machine: a process that is gone, a number that another process has by now, a lock that was never written whole.
boot = open("/proc/sys/kernel/random/boot_id").read().strip()
space = os.readlink("/proc/self/ns/pid")
gone = subprocess.Popen(["true"])
gone.wait()
for text in (owner(1, boot, space, gone.pid, 1), owner(1, boot, space, os.getpid(), 1), b"", b"ggx-lock 1\n"):
    write_lock(case.folder, text)
    begun = time.monotonic()
    case.run(*WORDS)
    check(time.monotonic() - begun < 30, f"{text} held the run up")
    good("after a stale lock")

check(patient.wait(180) == 0 and 55 < time.monotonic() - begun_waiting, "a lock of another machine that never moves")
check(other.left() == [common.LARGE], f"{other.left()}")
print(f"ok: {kills} kills, {resumed} runs were taken up, {worst} bytes at most were fetched twice")
