"""Promise: every file that ggml's and whisper.cpp's scripts and quantize tools wrote for the reference cases comes out to the byte.

Walks golden/*: scripts.json says which recipe is for which script, the case says the rest. A quantized file is made twice, in one step from the
checkpoint (with the intermediate type that the tool read) and from the unquantized .bin. Where the tool's blocks straddle rows, ggx
must refuse and leave nothing behind."""
import glob
import hashlib
import json
import os
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile

import oracle

GGX = os.environ["GGX"]
TYPES = {2: "q4_0", 3: "q4_1", 7: "q8_0", 8: "q5_0", 9: "q5_1", 10: "q2_k", 11: "q3_k", 12: "q4_k", 13: "q5_k", 14: "q6_k"}
with open(os.path.join(os.path.dirname(__file__), "scripts.json"), encoding="utf-8") as table:
    TABLE = json.load(table)


def load(folder):
    with open(os.path.join(folder, "case.json"), encoding="utf-8") as file:
        return json.load(file)


def how(case):
    return next((h for key, h in TABLE["scripts"].items() if key in case["reference_tool"]), None)


def beside(path, model):
    """Where an input is to lie: what the scripts take from a repository of its own, ggx looks for beside the model."""
    if path.startswith("WHISPER_REPO/"):
        return os.path.join(model if not os.path.splitext(model)[1] else os.path.dirname(model), os.path.basename(path))
    return path


def prepare(folder, case, model, scratch):
    """The case's inputs: copied, shared, or made by its generator."""
    for item in case["inputs"]:
        if not item["kept"] and "shared" not in item:
            continue
        source = os.path.join(os.path.dirname(folder), item["shared"]) if "shared" in item else os.path.join(folder, item["path"])
        target = os.path.join(scratch, beside(item["path"], model))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
    first = shlex.split(case["command"].split(";")[0])
    if any(item.get("recipe") == "generated" for item in case["inputs"]):
        subprocess.run([sys.executable, *first[1:]], check=True, cwd=scratch)
        for item in case["inputs"]:
            with open(os.path.join(scratch, item["path"]), "rb") as file:
                assert hashlib.sha256(file.read()).hexdigest() == item["sha256"], item["path"]


def run(source, target, *more):
    return subprocess.run([GGX, source, "-o", target, "--quiet", *more], capture_output=True, text=True)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def check(case, output, source, words, scratch):
    target = os.path.join(scratch, "out" + os.path.splitext(output["name"])[1])
    ran = run(source, target, *words)
    assert ran.returncode == 0, f"{case['id']}: {output['name']}: {ran.stderr}"
    found = digest(target)
    assert found == output["sha256"], f"{case['id']}: {output['name']} by {words}: {found}"
    return target


def straddles(plain, output):
    """The tool put blocks across rows: a row (n_embd, the third field of the header) is no whole number of them."""
    with open(plain["f16"], "rb") as file:
        n_embd = struct.unpack("<4i", file.read(16))[3]
    return n_embd % (256 if output["ftype"] >= 10 else 32)


def quantized(case, way, output, source, plain, scratch):
    kind, via = TYPES[output["ftype"]], "f32" if "f32" in output["name"] else "f16"
    one_step = ["--type", kind, "--via", via] + (["--recipe", way["recipe"]] if way["recipe"] else [])
    two_steps = ["--type", kind, "--recipe", way["bin"]]
    if straddles(plain, output):
        for model, words in ((source, one_step), (plain[via], two_steps)):
            target = os.path.join(scratch, "refused.bin")
            ran = run(model, target, *words)
            assert ran.returncode == 7 and "whole blocks" in ran.stderr, (case["id"], output["name"], ran)
            assert not os.path.exists(target) and not glob.glob(os.path.join(scratch, ".refused*"))
        return "refused"
    check(case, output, source, one_step, scratch)
    check(case, output, plain[via], two_steps, scratch)
    return "equal"


def walk(folder, case, way, scratch):
    origin, base = folder, case
    named = [i["recipe"] for i in case["inputs"] if i.get("recipe", "").startswith("output ")]
    if named:  # the input is what another case's script wrote
        origin = os.path.join(os.path.dirname(folder), named[0].split()[-1])
        base = load(origin)
        way = {**way, "model": how(base)["model"]}
    prepare(origin, base, way["model"], scratch)
    source, plain, counts = os.path.join(scratch, way["model"]), {}, {}
    for output in [o for o in case["outputs"] + base["outputs"] * (base is not case) if "ftype" not in o]:
        kind = "f32" if "f32" in output["name"] else "f16"
        words = ["--recipe", way["recipe"]] if way["recipe"] else []
        words += ["--type", kind] if output["name"].endswith(".bin") and "silero" not in output["name"] else []
        made = check(case, output, source, words, scratch)
        plain[kind] = os.path.join(scratch, f"plain-{kind}.bin")
        shutil.move(made, plain[kind])
        counts["equal"] = counts.get("equal", 0) + 1
    for output in [o for o in case["outputs"] if "ftype" in o]:
        result = quantized(case, way, output, source, plain, scratch)
        counts[result] = counts.get(result, 0) + 1
    return counts


def main():
    cases = oracle.case("golden")
    if cases:
        oracle.modules("numpy")
        folders, seen = sorted(glob.glob(os.path.join(cases, "[0-9]*"))), 0
        for folder in folders:
            case = load(folder)
            way = how(case)
            if not way:
                assert any(tool in case["reference_tool"] for tool in TABLE["elsewhere"]), \
                    f"{case['id']}: no test knows {case['reference_tool']}; add it to scripts.json"
                continue
            with tempfile.TemporaryDirectory() as scratch:
                print(case["id"], walk(folder, case, way, scratch))
            seen += 1
        assert seen >= 25, seen
    oracle.finish()


main()
