"""Promises: clocks that are wrong, the server's or this machine's, change nothing; names that are tricks and links that lie in the way reach no file
outside; a server that takes few connections is served with few."""
import os
import time

import common
import hub_server
from common import HUB, LARGE, check

PAST, FUTURE = "Mon, 01 Jan 1990 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
WAY = ("--connections", 4, "--segment-size", "1M")
case = common.Case(size=8 << 20)
SIZE = len(case.data)
PART, HAVE, LOCK = (f".{LARGE}.ggx-{n}" for n in ("part", "have", "lock"))


def fetch(source, *words, code=0, **faults):
    case.hub.faults, case.hub.sent = dict(faults), 0
    said = case.run("fetch", source, "-o", case.folder, *WAY, *words, code=code)
    case.hub.faults = {}
    if code == 0:
        with open(case.target(""), "rb") as f:
            check(f.read() == case.data, "other bytes")
    return said


# Dates of the server, with and without a tag beside.
for date in (PAST, FUTURE):
    for clock in (PAST, FUTURE):
        for more in ({}, {"no_tag": 1}):
            fetch(case.url, date=date, clock=clock, **more)
            case.clear()
    fetch(case.url, code=3, date=date, clock=FUTURE, no_tag=1, lost=7 << 20)
    have = common.kept(os.path.join(case.folder, HAVE))
    fetch(case.url, date=date, clock=PAST, no_tag=1)
    check(have > 0 and case.hub.sent <= SIZE - have + (1 << 18), f"{have} bytes were kept, {case.hub.sent} came")
    case.clear()

# "Later" as a date is by the server's clock.
for clock in ("Mon, 01 Jan 1990 00:00:%02d GMT", "Fri, 01 Jan 2100 00:00:%02d GMT"):
    begun = time.monotonic()
    fetch(HUB, busy=1, clock=clock % 10, later=clock % 12)
    took = time.monotonic() - begun
    check(1.9 < took < 30, f"two seconds by the server's clock were {took} here")
    case.clear()

# Times of this machine's files.
for when in (time.time() + 10 * 365 * 86400, 1):
    fetch(HUB, code=3, lost=7 << 20)
    have = common.kept(os.path.join(case.folder, HAVE))
    for name in (PART, HAVE):
        os.utime(os.path.join(case.folder, name), (when, when))
    fetch(HUB)
    check(case.hub.sent <= SIZE - have + (1 << 18), f"{have} bytes were kept, {case.hub.sent} came")
    os.utime(case.target(""), (when, when))
    fetch(HUB)
    check(case.hub.sent == 0, "a file of an odd time was fetched again")
    case.clear()
    case.run("fetch", HUB, case.url)
    for root, _, names in os.walk(case.cache):
        for name in names:
            os.utime(os.path.join(root, name), (when, when), follow_symlinks=False)
    case.hub.sent = 0
    case.run("fetch", HUB, case.url)
    check(case.hub.sent == 0, "a cache of odd times was fetched again")
    case.clear()

# Names in addresses, in the hub's lists, in its commits.
for name in ("..", "%2e%2e%2fx", "x" * 300, ".hidden", "a%00b", "a\\b", "a b"):
    case.run("fetch", case.hub.base + "/files/" + name, "-o", case.folder, code=2)
tricks = ("../../escaped", "/absolute", "a/../../b", "x" * 300, "a/" + "y" * 300, "nul\0name", ".hidden", "a//b", "line\nbreak", "a\\b", "..", "a/..", "", "/")
case.hub.extra = [{"type": "file", "path": p, "size": 1, "oid": "0" * 40} for p in tricks]
before = sorted(os.listdir(case.top.name))
check(f"{len(tricks)} files were left out" in fetch("hf://org/model"), "odd names")
check(case.left() == ["config.json", LARGE, "sub"] and set(os.listdir(case.top.name)) - set(before) <= {"out"}, f"{case.left()}")
case.run("fetch", "hf://org/model")
case.hub.extra = []
for commit in ("../../x", "/x", "x" * 300, "", "a/b", ".."):
    case.hub.commit = commit
    case.run("fetch", "hf://org/model", "-o", case.folder, code=7)
case.hub.commit = hub_server.COMMIT
longest = "n" * 230
case.hub.files[longest] = case.hub.published[longest] = bytes(2 << 20) # with everything beside it
case.run("fetch", "hf://org/model", "--all", "-o", case.folder)
check(longest in case.left(), "a name of 230 bytes")
del case.hub.files[longest], case.hub.published[longest]
case.clear()

# Links that lie where files come to be: replaced or refused, never written through.
outside = case.path("outside")
for name in (LARGE, PART, HAVE, LOCK, f".{HAVE}.ggx-new"):
    with open(outside, "w") as f:
        f.write("mine")
    os.makedirs(case.folder)
    os.symlink(outside, os.path.join(case.folder, name))
    if name == PART:
        case.run("fetch", HUB, "-o", case.folder, code=4)
    else:
        fetch(HUB)
    with open(outside) as f:
        check(f.read() == "mine", f"{name}: written through a link")
    check(name == PART or not os.path.islink(case.target("")), f"{name}: the file is a link")
    case.clear()
os.makedirs(os.path.join(case.root, "blobs"))
os.symlink(outside, os.path.join(case.root, "blobs", common.sha256(case.data)))
case.run("fetch", HUB)
check(open(outside).read() == "mine" and not os.path.islink(os.path.join(case.root, "blobs", common.sha256(case.data))), "a blob that is a link")
case.clear()
os.makedirs(os.path.join(case.folder, LARGE))
case.run("fetch", HUB, "-o", case.folder, code=2)
case.clear()

# Few connections at a time: those that are refused end, the rest goes on.
limit, busy = 2, []
plain = hub_server.Handler.file


def few(self, data):
    busy.append(self)
    try:
        if len(busy) > limit and self.command == "GET":
            refused.append(1)
            return self.answer(503, b"busy")
        plain(self, data)
    finally:
        busy.remove(self)


refused = []
hub_server.Handler.file = few
fetch(case.url, rate=2 << 20)
check(refused, "nothing was refused")
hub_server.Handler.file = plain
print("ok")
