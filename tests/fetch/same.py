"""Promises: bytes of two files, or of two versions of one, never come to be one file, whatever little the server says of them; what cannot be told apart
is refused or fetched anew."""
import os
import random

import common
import hub_server
from common import HUB, LARGE, check

case = common.Case(size=6 << 20)
A, B = case.data, random.Random(9).randbytes(6 << 20)
DATE = "Sat, 01 Jan 2000 00:00:00 GMT"
plain, respond = hub_server.Handler.file, hub_server.Handler.respond
state = {"bodies": 0, "turn": 1 << 30}


def file(self, data):
    """From the answer `turn` on the bytes are others."""
    state["bodies"] += self.command == "GET"
    return plain(self, B if data is A and state["bodies"] > state["turn"] else data)


def queries(self):
    path, _, query = self.path.partition("?")
    if path == "/dl/" + LARGE:
        return self.file(A if query == "v=1" else B)
    return respond(self)


hub_server.Handler.file, hub_server.Handler.respond = file, queries


def fetch(source, *words, code=0, turn=1 << 30, place=("-o", case.folder), **faults):
    case.hub.faults, case.hub.ranges = dict(faults), []
    state.update(bodies=0, turn=turn)
    said = case.run("fetch", source, *place, "--timeout", 2, *words, code=code)
    case.hub.faults = {}
    return said


def has(data, what, path=None):
    with open(path or case.target(""), "rb") as f:
        have = f.read()
    check(have == data, f"{what}: {'a mixture' if have not in (A, B) else 'the other file'}")


# What follows '?' names a file: in the cache, in a folder, and when the first one broke off.
one, two = (f"{case.hub.base}/dl/{LARGE}?v={v}" for v in (1, 2))
for faults in ({"no_tag": 1, "date": DATE}, {"tag": "v1"}):
    for source, data in ((one, A), (two, B), (one, A)):
        has(data, faults, fetch(source, place=(), **faults).strip().splitlines()[-1])
    fetch(one, "--connections", 1, code=5, gone=4 << 20, **faults)
    check(os.path.exists(os.path.join(case.folder, f".{LARGE}.ggx-have")), "nothing was kept")
    fetch(two, "--connections", 1, **faults)
    has(B, "broken off, then another")
    case.clear()

# Nothing tells versions apart, or only a weak tag: one connection, which begins anew when it breaks.
weak = {"weak": 1, "tag": "v1"}
for faults in ({"no_tag": 1}, weak):
    for words in (("--connections", 1), ("--connections", 4, "--segment-size", "1M")):
        fetch(case.url, *words, turn=1, cut=3 << 20, **faults)
        has(B, f"{faults} {words}")
        check(sum(r is not None and r.startswith("bytes=0-") for r in case.hub.ranges) == len(case.hub.ranges), f"{case.hub.ranges}")
        case.clear()
    check("nothing tells" in fetch(case.url, code=5, gone=3 << 20, **faults), "the reason")
    fetch(case.url, turn=0, **faults)
    has(B, "the next run")
    case.clear()
    fetch(case.url, "--sha256", common.sha256(A), cut=3 << 20, **faults)
    has(A, "a digest")
    check(any(r and not r.startswith("bytes=0-") for r in case.hub.ranges), "with a digest it goes on")
    case.clear()

# A tag or a date that is there no more is another one.
for name, more in (("lose_tag", {}), ("lose_date", {"no_tag": 1, "date": DATE})):
    check("was changed" in fetch(case.url, "--connections", 1, code=6, cut=3 << 20, **{name: 3}, **more), name)
    case.clear()

# A published digest that is none, segments that are nothing, two files of one name.
entry = hub_server.Hub.entry


def bad(self, name):
    e = entry(self, name)
    if name == LARGE:
        e["lfs"]["oid"] = "zz"
    return e


hub_server.Hub.entry = bad
fetch("hf://org/model", code=7)
check(case.left() == [], "something was fetched")
hub_server.Hub.entry = entry
check("64K" in fetch(HUB, "--segment-size", 1, code=2), "segments of one byte")
fetch(HUB, "--segment-size", "64K")
case.clear()
for other in (case.url, one):
    check("both" in fetch(HUB, other, code=2) and case.left() == [] and not case.hub.ranges, "two files of one name")
print("ok")
