"""What the flow tests share: models made from a seed with the standard library alone, runs of ggx, digests."""
import array
import hashlib
import json
import os
import random
import struct
import subprocess
import sys

GGX = os.environ["GGX"]
SANITIZED = bool(os.environ.get("GGX_SANITIZE")) # ten times slower: tests that repeat, repeat less


def floats(count, seed):
    """`count` f32 as bytes: a block of 65,521 normal numbers (a prime, so that rows differ), repeated."""
    rng = random.Random(seed)
    block = array.array("f", (rng.gauss(0, 1) for _ in range(65521))).tobytes()
    return (block * (count * 4 // len(block) + 1))[:count * 4]


def write_safetensors(path, tensors):
    """tensors: list of (name, shape); all F32."""
    header, at = {}, 0
    for name, shape in tensors:
        size = 4
        for n in shape:
            size *= n
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for seed, (name, shape) in enumerate(tensors):
            size = header[name]["data_offsets"][1] - header[name]["data_offsets"][0]
            f.write(floats(size // 4, seed))


def run(*words, code=0, timeout=300, **more):
    """Runs ggx and returns its standard output; the exit code must be `code`."""
    done = subprocess.run([GGX, *map(str, words)], capture_output=True, text=True, timeout=timeout, **more)
    if code is not None and done.returncode != code:
        sys.exit(f"ggx {' '.join(map(str, words))}\nexit {done.returncode}, expected {code}\n{done.stdout}{done.stderr}")
    return done.stdout if code == 0 else done.stderr


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def check(condition, what):
    if not condition:
        sys.exit("FAIL: " + what)


RECIPE = {
    "id": "flow-test",
    "about": "Straight, transposed, cut, joined and widened tensors",
    "tensors": [
        {"from": "t{n}", "to": "t{n}", "do": ["transpose"]},
        {"from": ["a", "b"], "concat": 0, "to": "ab"},
        {"from": "k", "to": "k", "rows": 1},
        {"from": "q", "into": [
            {"to": "q0", "do": [{"slice": {"axis": 1, "start": 0, "stop": 128}}]},
            {"to": "q1", "do": [{"slice": {"axis": 1, "start": 128}}, "transpose"]}]},
        {"from": "p", "to": "p", "do": [{"reshape": [16, 2, 32, 96]}, {"permute": [0, 2, 1, 3]}, {"reshape": [1024, 96]}]},
        {"from": "{name}", "to": "{name}"},
    ],
    "outputs": {"*": {}},
}
TENSORS = [("t0", [1536, 1024]), ("t1", [640, 2048]), ("a", [300, 512]), ("b", [212, 512]), ("k", [64, 32, 3, 3]),
           ("q", [512, 384]), ("p", [1024, 96]), ("plain", [4096, 1024]), ("bias", [4096]), ("scalar", [])]


def make(folder):
    """The model and its recipe in `folder`; returns the words that name them."""
    model, recipe = os.path.join(folder, "model.safetensors"), os.path.join(folder, "recipe.json")
    write_safetensors(model, TENSORS)
    with open(recipe, "w") as f:
        json.dump(RECIPE, f)
    return [model, "--recipe", recipe, "--type", "q4_0"]
