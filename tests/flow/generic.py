"""Promise: any checkpoint goes through any writer with --recipe none: types and shapes stay, key/values go where the format has a
place for them."""
import json
import os
import struct
import tempfile

import flow

SAMPLE = os.path.join(os.environ["GGX_SOURCE"], "tests", "sample", "tiny-digits.weights")


def tensors(path):
    found = json.loads(flow.run("inspect", "--json", path))
    return found, {t["name"]: (t["type"], t["shape"]) for t in found["tensors"]}


def payload(path, tensor):
    with open(path, "rb") as f:
        f.seek(tensor["offset"])
        return f.read(tensor["nbytes"])


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    flow.run(SAMPLE, "-o", "f16.gguf")
    flow.run(SAMPLE, "-o", "q8.gguf", "--type", "q8_0")
    # A GGUF copied without options is the same tensors; quantized ones are not requantized behind the user's back.
    for name in ("f16.gguf", "q8.gguf"):
        flow.run(name, "-o", "copy.gguf")
        flow.check(flow.digest("copy.gguf") == flow.digest(name), f"{name}: a copy has other bytes")
    # Through safetensors and back: the same tensors, byte for byte; the key/values become text.
    flow.run("f16.gguf", "-o", "f16.safetensors")
    first, a = tensors("f16.gguf")
    second, b = tensors("f16.safetensors")
    flow.check(a == b, "types or shapes changed on the way to safetensors")
    with open("f16.safetensors", "rb") as f:
        metadata = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))["__metadata__"]
    flow.check(metadata["darknet.width"] == "16" and metadata["general.architecture"] == "darknet", str(metadata))
    flow.check(json.loads(metadata["darknet.layer_types"])[:2] == ["convolutional", "maxpool"], str(metadata))
    by_name = {t["name"]: t for t in second["tensors"]}
    for t in first["tensors"]:
        flow.check(payload("f16.gguf", t) == payload("f16.safetensors", by_name[t["name"]]), t["name"])
    # A header of fields without keys stays empty without a recipe: magic, then the first record.
    flow.run("f16.gguf", "-o", "bare.bin")
    with open("bare.bin", "rb") as f:
        magic, dims, length, code, ne, name = struct.unpack("<5I9s", f.read(29))
    flow.check((magic, dims, length, code, ne, name) == (0x67676D6C, 1, 9, 0, 32, b"l0_biases"), "fields without a recipe")
print("ok")
