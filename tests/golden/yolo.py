"""Promise: the yolov3-tiny files of the reference cases come out to the byte. Walks golden/05-*: the case's own generator makes the
input; where the reference misreads the header, the case names the corrected output, and that is what ggx must give."""
import glob
import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile

import oracle

cases = oracle.case("golden")
cfg = oracle.case("real/darknet/cfg-only/yolov3-tiny.cfg")
if cases and cfg:
    oracle.modules("numpy")
    folders = sorted(glob.glob(os.path.join(cases, "05-*")))
    assert folders, "no case 05-*"
    for folder in folders:
        with open(os.path.join(folder, "case.json"), encoding="utf-8") as file:
            case = json.load(file)
        words = shlex.split(case["command"].split(";")[0])
        expected = [o["sha256"] for o in case["outputs"] if ".correct." in o["name"]] or [case["outputs"][0]["sha256"]]
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run([sys.executable, os.path.join(folder, words[1]), *words[2:]], check=True, cwd=scratch)
            subprocess.run([os.environ["GGX"], words[-1], "-O", "darknet.cfg=" + cfg, "-o", "out.gguf", "--quiet"], check=True, cwd=scratch)
            with open(os.path.join(scratch, "out.gguf"), "rb") as file:
                found = hashlib.sha256(file.read()).hexdigest()
        assert found == expected[0], f"{case['id']}: {found}, expected {expected[0]}"
        print(f"{case['id']}: {found}")
oracle.finish()
