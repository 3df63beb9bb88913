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
        {"from": "fused", "into": [{"to": "f0", "do": [{"slice": {"axis": 0, "stop": 1}}]}, {"to": "f1", "do": [{"slice": {"axis": 0, "start": 1}}]}]},
        {"from": "qkv.{i}", "do": [{"reshape": ["= heads", 3, -1, 5]}], "shape": [12, 5], "into": [
            {"to": "c{i}/k", "do": [{"split": {"axis": 1, "parts": 3, "take": 1}}, {"reshape": [-1, 5]}, "transpose"]},
            {"to": "c{i}/q", "do": [{"split": {"axis": 1, "parts": 3, "take": 0}}, {"reshape": [-1, 5]}, "transpose"]},
            {"to": "c{i}/v", "do": [{"split": {"axis": 1, "parts": 3, "take": -1}}, {"reshape": [-1, 5]}, "transpose"]}]},
        {"from": "half", "into": [{"to": "h0", "do": [{"split": {"axis": 1, "sizes": [2, 4], "take": 0}}]}]},
        {"from": "gone", "into": [{"to": "g0", "do": [{"slice": {"axis": 0, "stop": 1}}]}, {"to": "g1", "do": [{"slice": {"axis": 0, "start": 2}}]}]},
        {"from": "whole", "to": "w", "do": [{"slice": {"axis": 0, "stop": "= 2 * heads"}}]},
        {"from": ["a.{i}", {"from": "b.{i}", "do": ["transpose"]}, "c.{i}"], "concat": {"axis": 0, "sizes": [2, "= heads", 1]}, "to": "abc{i}", "do": ["transpose"]},
        {"from": ["s", "t"], "stack": 0, "to": "st"},
        {"from": ["x", "y"], "concat": 0, "to": "xy"},
        {"from": "p.{e}", "concat": {"over": "e", "axis": -1, "count": 3}, "to": "pp"}],
    "outputs": {"gguf": {"header": {"general.architecture": {"str": "net"}, "net.heads": {"u32": "= heads"}}}}}
SHAPES = {"q.0": [8, 6], "q.1": [8, 6], "conv.weight": [2, 3, 4], "bias.weight": [4], "bias.bias": [4], "norm": [5], "keep.a.b": [3, 7],
          "fused": [3, 2], "qkv.0": [12, 5], "qkv.1": [12, 5], "half": [3, 6], "gone": [3, 3], "whole": [4, 3], "a.0": [2, 4], "b.0": [4, 2], "c.0": [1, 4],
          "s": [2, 3], "t": [2, 3], "x": [2], "y": [3], **{f"p.{e}": [2, 4] for e in range(3)}, **{f"l.{i}.e.{e}.w": [4, 6] for i in range(2) for e in range(3)}, "mask.0": [2]}


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
    assert "13 of 16 rules run backwards" in checked and all(x in checked for x in (
        "'mask.{i}': dropped", "'half': a part is cut out", "'x': joined from several whose sizes are not said")), checked
    run(source, "-o", made, "--recipe", recipe)
    said = run(made, "-o", back, "--recipe", recipe)
    for lost in ("tensor 'g0' of the file", "tensor 'g1' of the file", "tensor 'h0' of the file", "tensor 'xy' of the file", "'mask.{i}': dropped", "'half': a part is cut out",
                 "'x': joined from several"):
        assert "not restored: " + lost in said, said
    assert "recipe round backwards" in said
    _, before = read(source)
    meta, after = read(back)
    assert meta["format"] == "pt"
    assert set(after) == set(before) - {"mask.0", "half", "gone", "x", "y"}, set(after) ^ set(before)
    for tensor, value in after.items():
        assert value == before[tensor], tensor
    # lengths that the rule says are the tensors'
    write(source, {**SHAPES, "c.0": [2, 4]})
    assert "another length than the rule says" in run(source, "-o", made, "--recipe", recipe, code=7)
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
