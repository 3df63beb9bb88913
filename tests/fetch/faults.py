"""Promises: whatever a server does, a file gets its name only when its bytes are right; what is worth going on with is kept, and never
spliced with another file's bytes. Each has the exit code that the documents name."""
import os

import common
from common import HUB, LARGE, check, sha256

# With one connection, and with several that share the file.
WAYS = (("--connections", 1), ("--connections", 4, "--segment-size", "1M"), ())
case = common.Case(size=20 << 20)
SIZE = len(case.data)
PART, HAVE = f".{LARGE}.ggx-part", f".{LARGE}.ggx-have"


def fetch(source, *words, code=0, **faults):
    case.hub.faults = dict(faults)
    case.hub.sent = 0
    case.hub.ranges = []
    said = case.run("fetch", source, "-o", case.folder, "--timeout", 1, *way, *words, code=code)
    case.hub.faults = {}
    return said


def good(what):
    with open(case.target(""), "rb") as f:
        check(f.read() == case.data, f"{what}: other bytes")
    check(case.left() == [LARGE], f"{what}: {case.left()}")
    case.clear()


def nothing(what, *kept):
    check(case.left() == sorted(kept), f"{what}: {case.left()}")
    case.clear()


def kept():
    return common.kept(os.path.join(case.folder, HAVE))


def faulty_servers():
    """Every misbehaviour, and what becomes of it."""
    for source in (HUB, case.url):
        fetch(source)
        good("plain")
        for faults in ({"cut": 7_000_000}, {"stall": 9_000_000}, {"busy": 1}, {"no_tag": 1}):
            fetch(source, **faults)
            good(faults)
        fetch(source, code=5, early=10, cut=3_000_000)
        nothing("an early 206", PART, HAVE)
        fetch(source, whole=1)
        good("200 to a range")
        fetch(source, whole=1, cut=3_000_000)
        good("200 to a range: begun anew")
        fetch(source, whole=1, gone=3_000_000, code=8)
        fetch(source, whole=1)
        good("200 to a range, in the next run")
        for status in (304, 416):
            fetch(source, code=5, status=status)
            nothing(status, PART, HAVE)
        check("its size" in fetch(source, code=6, length=5) if source == HUB else 1, "a longer file than published")
        case.clear()


def wrong_bytes():
    """By the hub's digest; and by --sha256 where nothing is published."""
    for at in (0, 9_000_000, SIZE - 1):
        check("not what was published" in fetch(HUB, code=6, flip=at), f"byte {at} flipped")
        nothing("a flipped byte")
    check("not what was published" in fetch(case.url, "--sha256", sha256(case.data), code=6, flip=0), "the first byte")
    nothing("a flipped byte of a plain address")
    fetch(case.url, "--sha256", sha256(case.data))
    good("--sha256")
    check("another SHA-256" in fetch(HUB, "--sha256", "0" * 64, code=6), "--sha256 against the hub")
    fetch(case.url, "--sha256", "12", code=2)


def signatures():
    """The address behind the redirect is refused: asked again from the hub; for good, and it is a refusal."""
    fetch(HUB, expired=1)
    good("an expired signature")
    fetch(HUB, code=4, expired=100)
    case.clear()


def later_runs():
    """Taken up by the next run; but not when it is another file by then."""
    for source, words in ((HUB, ()), (case.url, ()), (case.url, ("--sha256", sha256(case.data)))):
        fetch(source, *words, code=3, lost=18_000_000)
        check(case.left() == sorted((HAVE, PART)), f"what is left of a broken download: {case.left()}")
        have = kept()
        check(have >= (18_000_000 - (1 << 17) if "1" in map(str, way) else 1), f"{have} bytes were kept")
        fetch(source, *words)
        check(case.hub.sent <= SIZE - have + (1 << 20), f"{case.hub.sent} bytes were fetched again")
        good("taken up")
    fetch(case.url, code=3, lost=18_000_000)
    fetch(case.url, tag="another")
    check(case.hub.sent >= SIZE, "another version was spliced")
    good("another tag")
    fetch(case.url, code=3, lost=18_000_000, no_tag=1)
    fetch(case.url, no_tag=1)
    check(case.hub.sent >= SIZE, "a file that nothing identifies was spliced")
    good("no tag, no digest")
    fetch(case.url, code=3, lost=18_000_000, no_tag=1, date=DATES[0])
    have = kept()
    fetch(case.url, no_tag=1, date=DATES[0])
    check(case.hub.sent <= SIZE - have + (1 << 20), "a file that its date identifies began anew")
    good("a date, no tag")
    fetch(case.url, code=3, lost=18_000_000, no_tag=1, date=DATES[0])
    fetch(case.url, no_tag=1, date=DATES[1])
    check(case.hub.sent >= SIZE, "a file of another date was spliced")
    good("another date")


def changes():
    """Another version between two requests of one run: the run ends, and nothing is left."""
    for fault, what in (("turn_tag", "entity tag"), ("turn_date", "date")):
        more = {"no_tag": 1} if fault == "turn_date" else {}
        said = fetch(case.url, code=6, cut=7_000_000, **{fault: 3}, **more)
        check("was changed on the server" in said and what in said, said)
        nothing(fault)


def damaged():
    for place in (PART, HAVE):
        fetch(HUB, code=3, lost=18_000_000)
        with open(os.path.join(case.folder, place), "r+b") as f:
            for at in (20, 100):
                f.seek(at)
                f.write(b"damaged")
        fetch(HUB, code=6 if place == PART and way[:2] == ("--connections", 1) else None)
        if os.path.exists(case.target("")):
            good("a damaged journal")
        else:
            nothing("a damaged part")
    fetch(HUB, code=3, lost=18_000_000)
    with open(os.path.join(case.folder, PART), "ab") as f:
        f.write(bytes(30 << 20))
    fetch(HUB)
    good("a part longer than the file")


DATES = ("Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT")
for way in WAYS:
    faulty_servers()
    wrong_bytes()
    signatures()
    later_runs()
    changes()
    damaged()
    print(way, "ok", flush=True)
way = ()

case.hub.files["config.json"] = b'{"a": 2}'
case.run("fetch", "hf://org/model/config.json", "-o", case.folder, code=6)
case.hub.files["config.json"] = b'{"a": 1}'
nothing("a small file, by git's name for it")

# What the hub says about models.
for code, reason, exit_code, words in ((403, "GatedRepo", 4, "accept its terms"), (401, "RepoNotFound", 4, "private"), (401, "", 4, "token"),
                                       (404, "RepoNotFound", 3, "no such repository"), (404, "RevisionNotFound", 3, "no such revision")):
    check(words in fetch("hf://org/model", code=exit_code, denied=(code, reason)), f"{code} {reason}")
case.clear()
fetch("hf://org/model/none.bin", code=3)
fetch(case.hub.base + "/files/none", code=3)
fetch(case.hub.base + "/files/", code=2)
ELSEWHERE = "http:" + "//host.invalid"
fetch(ELSEWHERE + "/x.bin", code=2)
case.run("fetch", "hf://org/model", code=2, HF_ENDPOINT=ELSEWHERE)
for name in ("hf://org", "hf://org/model/../x", "hf://org/.hidden", "hf://../x", "hf://org/model@../../x", "hf://org/model//x", "hf://org/model@"):
    fetch(name, code=2)

fetch("file", code=3)

# Names that nobody should have do not reach the disk.
case.hub.extra = [{"type": "file", "path": p, "size": 1, "oid": "0" * 40}
                  for p in ("../../escaped", "/absolute", "a/../../b", "x" * 300, "nul\0name", ".hidden", "a//b", "line\nbreak", "a\\b")]
check("9 files were left out" in fetch("hf://org/model"), "odd names")
check(case.left() == ["config.json", LARGE, "sub"], f"{case.left()}")
case.clear()
case.hub.extra = [{"type": "file", "path": "config.json", "size": -1, "oid": "x"}]
fetch("hf://org/model", code=7)
case.hub.extra, case.hub.page = [], 1
fetch("hf://org/model")
check(case.left() == ["config.json", LARGE, "sub"], f"a list in pages: {case.left()}")
case.hub.next_base = case.hub.storage_base
fetch("hf://org/model", code=7)
print("ok")
