"""Promises: --limit-rate is of all connections together, however many there are; one line of progress for all files, with rate and time left; several
connections do share one file."""
import os
import pty
import re
import subprocess
import threading
import time

import common
import flow
from common import HUB, LARGE, check

MIB = 1 << 20
case = common.Case(size=12 * MIB, **{"two.dat": bytes(4 * MIB)})


def timed(*words):
    case.clear()
    begun = time.monotonic()
    case.run(*words, "-o", case.folder)
    return time.monotonic() - begun


# The limit: never faster; and not much slower, unless the machine is slow itself.
free = timed("fetch", HUB)
for connections in (1, 3, 8):
    took = timed("fetch", HUB, "--limit-rate", "6M", "--connections", connections, "--segment-size", "1M")
    check(1.9 < took < 2.6 + 8 * free + 3, f"12 MiB at 6 MiB a second over {connections} connections took {took} s")
took = timed("fetch", case.hub.base + "/files/config.json", "--limit-rate", "1")
check(took > 6, f"8 bytes at 1 a second took {took} s")
for wrong in ("0", "x", "-1"):
    case.run("fetch", HUB, "--limit-rate", wrong, code=2)
for words in (("--connections", "0"), ("--connections", "33"), ("--segment-size", "0")):
    case.run("fetch", HUB, *words, code=2)

# How many at a time: never more than asked for, and more than one where it is worth it.
now, most, lock = 0, 0, threading.Lock()
plain = common.hub_server.Handler.send


def send(self, data, begin, end):
    global now, most
    with lock:
        now += 1
        most = max(most, now)
    try:
        plain(self, data, begin, end)
    finally:
        with lock:
            now -= 1


common.hub_server.Handler.send = send
case.hub.faults = {"rate": 20 * MIB}
for connections in (1, 2, 5):
    most = 0
    timed("fetch", HUB, "--connections", connections, "--segment-size", "1M")
    check(most <= connections and (most > 1) == (connections > 1), f"{most} at a time of {connections}")
most = 0
timed("fetch", "hf://org/model", "--connections", 3) # of one segment each: across files
check(most >= 2, "files came one after the other")
case.hub.faults = {}

# Progress on a terminal: all files in one line.
case.clear()
terminal, other = pty.openpty()
child = subprocess.Popen([flow.GGX, "fetch", "hf://org/model", "-o", case.folder, "--limit-rate", "6M"], env=case.environment, stdout=subprocess.DEVNULL,
                         stderr=other)
os.close(other)
said = b""
try:
    while True:
        said += os.read(terminal, 65536)
except OSError:
    pass
check(child.wait() == 0, said)
lines = [line for line in said.decode().split("\r") if "of" in line]
total = f"of {(16 * MIB + 14) / MIB:.2f} MiB"
check(len(lines) > 5 and all(total in line for line in lines), f"{lines[:3]}")
rates = [float(m[1]) for m in re.finditer(r"([\d.]+) MiB/s, \d+:\d\d left", said.decode())]
check(rates and rates[-1] < 7.5, f"{rates}")
check("\n" not in said.decode(), "more than one line")
print("ok")
