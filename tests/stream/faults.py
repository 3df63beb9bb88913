"""Promises: a server that breaks off is asked again from there; one that sends something else than it announced, or published, or sent
before, is refused with exit code 6, and nothing gets the output's name."""
import hashlib
import os

import common
import flow

case = common.Case()
digest = hashlib.sha256(case.data).hexdigest()
HUB = "hf://org/model/model.safetensors"


def faulty(source, *words, code, left=(), **faults):
    case.server.faults = dict(faults)
    case.server.requests = 0
    said = case.run(source, *words, code=code)
    case.server.faults = {}
    if code == 0:
        case.good(faults)
    elif not left:
        case.nothing(faults)
    return said


for source in (case.url, HUB):
    faulty(source, cut=3_000_000, code=0)
    faulty(source, cut=20_000_000, once=1, code=0)
    faulty(source, stall=5_000_000, once=1, code=0, *["--timeout", 1])
    faulty(source, busy=2, code=0)
    faulty(source, no_tag=1, code=0)
    faulty(source, whole=1, code=8)
    faulty(source, early=10, code=5)
    flow.check("other bytes than when the header was read" in faulty(source, flip=40, code=6), "a header of two faces")
# Without tag, date and digest a break is the end, and the next run begins anew.
flow.check("nothing tells" in faulty(case.url, no_tag=1, cut=3_000_000, once=1, code=5, left=1), "went on with what nothing identifies")
case.server.faults = {"no_tag": 1, "gone": 12_000_000}
case.run(case.url, "--sync", "1M", "--memory", "12M", code=5)
case.server.faults, before = {"no_tag": 1}, case.server.sent
case.run(case.url, "--sync", "1M", "--memory", "12M")
flow.check(case.server.sent - before >= len(case.data), "a run was taken up with a file that nothing identifies")
case.good("a file that nothing identifies")
flow.check("was changed on the server" in faulty(case.url, changed=4, code=6), "another tag")
flow.check("not what was published" in faulty(HUB, flip=9_000_000, code=6), "a flipped byte, by the hub's digest")
faulty(HUB, flip=len(case.data) - 1, code=6)
flow.check("not what was published" in faulty(case.url, "--sha256", digest, flip=9_000_000, code=6), "a flipped byte, by --sha256")
faulty(case.url, "--sha256", digest[::-1], code=6)
case.server.files["model.safetensors"] = case.data + b"x"
flow.check("its size" in faulty(HUB, code=6), "a longer file than the hub lists")
case.server.files["model.safetensors"] = case.data

# A small file of the hub is checked by git's name for it.
case.server.published["model.safetensors"] = b"{}" + case.data[2:]
faulty(HUB, code=6)
case.server.published["model.safetensors"] = case.data

# A server that is gone: exit code 5, what was done stays, and the next run goes on there.
case.server.faults = {"gone": 12_000_000}
said = case.run(case.url, "--sync", "1M", "--memory", "12M", code=5)
flow.check(".out.gguf.ggx-stream" in os.listdir(case.folder), "the record of a broken stream")
case.server.faults = {}
before = case.server.sent
case.run(case.url, "--sync", "1M", "--memory", "12M")
flow.check(case.server.sent - before < len(case.data) - (4 << 20), "it began anew")
case.good("after a server that was gone")
print("ok")
