"""Promises: a model is called as its repository or its name in the catalogue, never as a folder of a cache: by download, by stream and when
a folder of the cache is named by hand; and all three are the same to the byte."""
import json
import os
import struct

import common
import flow
import tiny_llama
from common import HUB, LARGE, check


def name_of(path):
    """general.name of the file, or None."""
    with open(path, "rb") as f:
        data = f.read()
    at = data.find(b"general.name")
    return None if at < 0 else data[at + 24:at + 24 + struct.unpack_from("<Q", data, at + 16)[0]].decode()


case = common.Case()
case.hub.files = tiny_llama.make(case.path("tiny"))
case.hub.published = dict(case.hub.files)
catalog = case.path("catalog.json")
FILES = case.hub.base + "/files/"
with open(catalog, "w") as f:
    json.dump({"models": {"Fine-Tune-2B": {"from": FILES, "files": sorted(case.hub.files)}, "beside": {"from": FILES, "files": sorted(case.hub.files), "model": LARGE},
                          "other": {"from": "hf://org/model"}}}, f)
out = case.path("out.gguf")


def make(source, *words, cwd=None):
    here = os.getcwd()
    os.chdir(cwd or here)
    case.run(source, "-o", out, *words)
    os.chdir(here)
    found = name_of(out), flow.digest(out)
    os.remove(out)
    return found


for source, name in (("hf://org/model", "Model"), ("hf://org/model@main", "Model"), (HUB, "Model"), ("Fine-Tune-2B", "Fine Tune 2B"), ("beside", "Beside"), ("other", "Other")):
    streamed = make(source, "--stream", "--catalog", catalog)
    fetched = make(source, "--catalog", catalog)
    check(fetched == streamed, f"{source}: {fetched} is not {streamed}, the streamed one")
    check(fetched[0] == name, f"{source} is called {fetched[0]}")
wanted = make("hf://org/model")
for source, cwd in ((case.snapshot, None), (case.snapshot + "/", None), (os.path.join(case.snapshot, LARGE), None), (".", case.snapshot),
                    (os.path.basename(case.snapshot), os.path.dirname(case.snapshot)), ("../" + os.path.basename(case.snapshot), case.snapshot)):
    check(make(source, cwd=cwd) == wanted, f"{source} in {cwd}: {make(source, cwd=cwd)}")
# A name of the user's own stays.
os.symlink(case.snapshot, case.path("mine"))
check(make(case.path("mine"))[0] == "Mine", "a link to the cache")
print("ok", wanted[0])
