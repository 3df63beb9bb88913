"""Promise: a recipe run backwards restores names, shapes and values to the bit, says what it cannot restore, is found by the file where a
recipe of ggx's own made it, and never runs when the recipe has an output for the format that is asked for."""
import json
import os
import random
import struct
import subprocess
import tempfile
from pathlib import Path

GGX = os.environ["GGX"]
RECIPE = {
    "id": "round", "when": "= has('q.0')",
    "values": {"heads": "= config('heads')", "layers": "= 0..2"},
    "backwards": {"values": {"heads": "= kv('net.heads')"}, "header": {"format": {"str": "pt"}}},
    "tensors": [
        {"drop": "mask.{i}"},
        {"from": "q.{i}", "for": {"i": "= layers"}, "to": "b{i}/q",
         "do": [{"reshape": ["= heads", 2, -1, 6]}, {"permute": [0, 2, 1, 3]}, {"reshape": [-1, 6]}]},
        {"from": "conv.weight", "to": "conv", "do": ["reverse"]},
        {"from": "bias.{part}", "for": {"part": ["weight", "bias"]}, "to": "c/{if part == 'bias' then 'b' else 'w'}", "shape": [4],
         "do": [{"reshape": [1, -1, 1, 1]}]},
        {"from": "norm", "to": "n", "do": [{"add": 1}, "neg"]},
        {"from": "keep.{rest...}", "to": "k/{rest}/x", "do": [{"if": "= heads == 2", "do": ["transpose"]}]},
        {"from": "l.{i}.e.{e}.w", "stack": {"over": "e"}, "to": "l{i}/experts", "do": ["transpose"]},
        {"from": "fused", "into": [{"to": "f0", "do": [{"slice": {"axis": 0, "stop": 1}}]}, {"to": "f1", "do": [{"slice": {"axis": 0, "start": 1}}]}]}],
    "outputs": {"gguf": {"header": {"general.architecture": {"str": "net"}, "net.heads": {"u32": "= heads"}}}}}
SHAPES = {"q.0": [8, 6], "q.1": [8, 6], "conv.weight": [2, 3, 4], "bias.weight": [4], "bias.bias": [4], "norm": [5], "keep.a.b": [3, 7],
          "fused": [3, 2], **{f"l.{i}.e.{e}.w": [4, 6] for i in range(2) for e in range(3)}, "mask.0": [2]}


def write(path, shapes):
    rng, header, body = random.Random(7), {}, b""
    for name, shape in shapes.items():
        n = 1
        for size in shape:
            n *= size
        data = struct.pack(f"<{n}f", *(rng.randrange(-4096, 4096) / 64 for _ in range(n)))  # exact under +1
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def read(path):
    data = path.read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    meta = header.pop("__metadata__", {})
    return meta, {n: (e["shape"], data[8 + size + e["data_offsets"][0]:8 + size + e["data_offsets"][1]]) for n, e in header.items()}


def run(*words, code=0):
    done = subprocess.run([GGX, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == code, (words, done)
    return done.stdout + done.stderr


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    source, made, back, recipe = folder / "m.safetensors", folder / "m.gguf", folder / "back.safetensors", folder / "round.json"
    recipe.write_text(json.dumps(RECIPE))
    (folder / "config.json").write_text('{"heads": 2}')
    write(source, SHAPES)
    checked = run("recipes", "check", recipe)
    assert "6 of 8 rules run backwards" in checked and "'mask.{i}': dropped" in checked and "'fused': a part is cut out" in checked, checked
    run(source, "-o", made, "--recipe", recipe)
    said = run(made, "-o", back, "--recipe", recipe)
    for lost in ("tensor 'f0' of the file", "tensor 'f1' of the file", "'mask.{i}': dropped", "'fused': a part is cut out"):
        assert "not restored: " + lost in said, said
    assert "recipe round backwards" in said
    _, before = read(source)
    meta, after = read(back)
    assert meta["format"] == "pt"
    assert set(after) == set(before) - {"fused", "mask.0"}, set(after)
    for tensor, value in after.items():
        assert value == before[tensor], tensor
    # a file of other tensors
    write(source, {"other": [2]})
    run(source, "-o", made, "--recipe", "none")
    assert "leads back from none" in run(made, "-o", back, "--recipe", recipe, code=7)
    # found by the file; not for its own format
    write(source, {"fc1.weight": [8, 784], "fc1.bias": [8], "fc2.weight": [10, 8], "fc2.bias": [10]})
    run(source, "-o", made)
    assert "recipe mnist-fc backwards" in run(made, "-o", back)
    assert read(back)[1] == read(source)[1]
    assert "backwards" not in run(made, "-o", folder / "again.gguf")
    assert "recipe none" in run(made, "-o", back, "--recipe", "none")
print("ok")
