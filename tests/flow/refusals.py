"""Promise: bad input gets one clear sentence, the documented exit code, and nothing is written."""
import json
import os
import random
import tempfile

import flow

with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    flow.write_safetensors("good.safetensors", [("w", [64, 64]), ("b", [64])])
    good = open("good.safetensors", "rb").read()
    files = {
        "empty.safetensors": b"",
        "cut.safetensors": good[:-1],
        "longer.safetensors": good + b"x",
        "header.safetensors": b"\xff" * 8 + good[8:],
        "noise.safetensors": random.Random(1).randbytes(4096),
        "noise.dat": random.Random(2).randbytes(4096),
    }
    for name, data in files.items():
        with open(name, "wb") as f:
            f.write(data)
    before = sorted(os.listdir("."))
    for name in files:
        said = flow.run("--reader", "safetensors", name, "-o", "out.gguf", "--recipe", "none", code=7)
        flow.check(said.count("\n") == 1 and name in said, f"{name}: not one sentence with the file's name: {said!r}")
    cases = [
        (3, ["good.safetensors", "-o", "out.gguf", "--recipe", "none", "--type", "q4_none"]),
        (2, ["good.safetensors", "-o", "out.unknown"]),
        (2, ["good.safetensors", "-o", "out.gguf", "-O", "no.such=1"]),
        (2, ["good.safetensors", "-o", "out.gguf", "--no-such-option"]),
        (2, ["good.safetensors", "-o", "out.gguf", "--part", "3/3"]),
        (2, ["good.safetensors"]),
        (2, ["good.safetensors", "-o", "good.safetensors", "--type", "f16", "--recipe", "none"]), # the original would be lost
        (2, ["good.safetensors", "-o", "out.gguf", "--tensor-type", "no-such*=f16", "--recipe", "none"]),
        (2, ["--quiet", "inspect", "good.safetensors", "--no-such-option"]),
        (3, ["missing.safetensors", "-o", "out.gguf"]),
        (3, ["good.safetensors", "-o", "no/such/folder/out.gguf"]),
        (8, ["noise.dat", "-o", "out.gguf"]),
        (3, ["good.safetensors", "-o", "out.gguf", "--recipe", "no-such-recipe"]),
    ]
    for code, words in cases:
        said = flow.run(*words, code=code)
        flow.check(said.startswith("ggx: ") and said.count("\n") <= 2, f"{words}: {said!r}")
    # A recipe that leaves a tensor over is refused by the tensor's name, before anything is written.
    with open("r.json", "w") as f:
        json.dump({"id": "r", "tensors": [{"from": "w", "to": "w"}], "outputs": {"*": {}}}, f)
    said = flow.run("good.safetensors", "-o", "out.gguf", "--recipe", "r.json", code=7)
    flow.check("'b'" in said, f"the leftover is not named: {said!r}")
    os.remove("r.json")
    # Advice stands at a sentence's end: a long path does not push it out.
    deep = os.path.join("d" * 60, "e" * 60)
    os.makedirs(deep)
    sentence = "x" * 170 + "; name it with --pre NAME"
    with open(os.path.join(deep, "r.json"), "w") as f:
        json.dump({"id": "r", "values": {"v": f"= error('{sentence}')"}, "tensors": [{"from": "{name}", "to": "{v}"}], "outputs": {"*": {}}}, f)
    said = flow.run("good.safetensors", "-o", "out.gguf", "--recipe", os.path.join(deep, "r.json"), code=7)
    flow.check(sentence in said and "r.json:" in said, f"the advice is lost: {said!r}")
    os.remove(os.path.join(deep, "r.json"))
    os.removedirs(deep)
    said = flow.run("good.safetensors", "-o", "out.gguf", "--type", "q4_k_mm", code=3)
    flow.check("did you mean q4_k_m?" in said, f"a mixture is not guessed: {said!r}")
    flow.check(open("good.safetensors", "rb").read() == good, "the input was changed")
    flow.check("reader safetensors" in flow.run("--quiet", "inspect", "good.safetensors"), "an option before the verb")
    flow.check(sorted(os.listdir(".")) == before, f"something was written: {sorted(os.listdir('.'))}")
print("ok")
