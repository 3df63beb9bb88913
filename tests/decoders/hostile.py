"""Packed weights that do not fit together are refused before or while they are read: one sentence, the tensor, no output, no crash."""
import json
import os
import subprocess
import tempfile
from pathlib import Path

GGX = os.environ["GGX"]
SIZE = {"I32": 4, "F16": 2, "F32": 4, "U8": 1, "F8_E4M3": 1, "BF16": 2}


def safetensors(path, tensors):
    header, at, data = {}, 0, b""
    for name, (dtype, shape, fill) in tensors.items():
        count = 1
        for n in shape:
            count *= n
        part = fill if isinstance(fill, bytes) else bytes([fill]) * (count * SIZE[dtype])
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(part)]}
        at += len(part)
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


GPTQ = {"a.qweight": ("I32", [16, 32], 3), "a.qzeros": ("I32", [4, 4], 1), "a.scales": ("F16", [4, 32], 60), "a.g_idx": ("I32", [128], 0)}
FP8 = {"a.weight": ("F8_E4M3", [64, 64], 60), "a.weight_scale_inv": ("F32", [2, 2], 60)}
KEEP = [{"from": "{name...}", "to": "{name}"}]
CASES = [
    # what, method, configuration, tensors that differ, exit code, text
    ("a group that is not there", "gptq", {}, {"a.g_idx": ("I32", [128], 9)}, 7, "g_idx[0] is 151587081, and there are 4 groups"),
    ("a negative group", "gptq", {}, {"a.g_idx": ("I32", [128], 255)}, 7, "g_idx[0] is -1, and there are 4 groups"),
    ("no scales", "gptq", {}, {"a.scales": None}, 7, "the checkpoint has no tensor 'a.scales', which 'a.qweight' is packed with"),
    ("scales of another width", "gptq", {}, {"a.scales": ("F16", [4, 31], 0)}, 7, "tensor 'a.qweight': its 'scales' is f16 4x31"),
    ("no group at all", "gptq", {}, {"a.scales": ("F16", [0, 32], 0)}, 7, "its 'scales' is f16 0x32"),
    ("floats for words", "gptq", {}, {"a.qweight": ("F32", [16, 32], 0)}, 7, "its 'qweight' is f32 16x32, expected i32"),
    ("three bits", "gptq", {"bits": 3}, {}, 8, "GPTQ with 3 bits; 2, 4 and 8 are unpacked"),
    ("bits in words", "gptq", {"bits": "four"}, {}, 7, "decoder gptq takes another kind of value as 'bits', not string"),
    ("an unknown format", "gptq", {"checkpoint_format": "marlin"}, {}, 8, "GPTQ's format 'marlin'"),
    ("both forms", "gptq", {}, {"a.weight": ("F32", [32, 128], 0)}, 0, ""),
    ("too few scales", "fp8", {"weight_block_size": [32, 16]}, {}, 7, "tensor 'a.weight': its 'scale' is f32 2x2"),
    ("a block of nothing", "fp8", {"weight_block_size": [0, 32]}, {}, 7, "a block of 0 x 32 elements"),
    ("a negative block", "fp8", {"weight_block_size": [-1, -1]}, {}, 7, "a block of -1 x -1 elements"),
]


def convert(folder, *more):
    out = folder / "out.gguf"
    out.unlink(missing_ok=True)
    done = subprocess.run([GGX, folder / "model", "-o", out, *more], capture_output=True, text=True, timeout=60)
    assert (done.returncode == 0) == out.exists() and [p.name for p in folder.glob("out*")] in ([], ["out.gguf"]), list(folder.iterdir())
    return done


def recipe(folder, content):
    (folder / "r.json").write_text(json.dumps({"id": "r", **content}))
    return folder / "r.json"


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "model").mkdir()
        shipped = recipe(folder, {"extends": "hf-packed", "tensors": KEEP})
        for what, method, config, differ, code, text in CASES:
            tensors = {**(GPTQ if method == "gptq" else FP8), **differ}
            safetensors(folder / "model/model.safetensors", {k: v for k, v in tensors.items() if v})
            (folder / "model/config.json").write_text(json.dumps({"quantization_config": {"quant_method": method, "bits": 4, **config}}))
            done = convert(folder, "--recipe", shipped)
            assert done.returncode == code and text in done.stderr, f"{what}: exit {done.returncode}: {done.stderr}"
            assert done.stderr.count("\n") == (1 if code else done.stderr.count("\n")), f"{what}: {done.stderr}"
        safetensors(folder / "model/model.safetensors", GPTQ)
        inputs = {k: f"{{name}}.{k}" for k in ("qweight", "qzeros", "scales", "g_idx")}
        for content, code, text in (
                ({"plugin": "gptq", "inputs": {**inputs, "scale": "{name}.scales"}}, 2, "decoder 'gptq' has no input 'scale'; did you mean 'scales'?"),
                ({"plugin": "gptq", "inputs": {"qweight": "{name}.qweight"}}, 2, "decoder 'gptq' needs an input 'qzeros'"),
                ({"plugin": "gptq", "inputs": inputs, "with": {"bit": 4}}, 2, "decoder gptq has no option 'bit'; did you mean 'bits'?"),
                ({"plugin": "gtpq", "inputs": inputs}, 3, "there is no decoder 'gtpq' in a plugin here; there are:")):
            for rule in ({"tensors": [{"decode": content, "to": "w"}]}, {"packed": [{**content, "as": "w"}], "tensors": KEEP}):
                done = convert(folder, "--recipe", recipe(folder, rule))
                assert done.returncode == code and text in done.stderr, f"{content}: exit {done.returncode}: {done.stderr}"
        told = subprocess.run([GGX, "recipes", "explain", recipe(folder, {"packed": [{"plugin": "gptq", "inputs": inputs, "as": "{name}.weight"}], "tensors": KEEP}),
                               folder / "model", "--json"], capture_output=True, text=True)
        rows = {t["name"]: t for t in json.loads(told.stdout)["tensors"]}
        assert rows["a.qzeros"]["fate"] == "used" and rows["a.weight"]["outputs"][0]["shape"] == [32, 128], rows
    print(f"{len(CASES)} models and 8 recipes")


main()
