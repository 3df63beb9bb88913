"""Promise: where a clone has git-lfs pointers, the first that is needed is named, with what to do; a pointer that nobody needs is no matter,
and what a pointer's own bytes are can still be asked."""
import json
import os
import tempfile

import flow
import tiny_llama

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "sample.pointer"), "rb") as f:  # as git-lfs writes them
    POINTER = f.read()


def put(name, data):
    with open(name, "wb") as f:
        f.write(data)


def refused(name, *words):
    said = flow.run(*words, code=8)
    flow.check(f"{name} is a git-lfs pointer, not the file itself; fetch the file" in said, f"{words}: {said}")
    flow.check(not os.path.exists("out.gguf"), "an output was left")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    files = tiny_llama.make("model")
    put("model/picture.png", POINTER)
    flow.run("model", "-o", "good.gguf")

    for name in ("tokenizer.model", "model.safetensors"):
        put(f"model/{name}", POINTER)
        refused(name, "model", "-o", "out.gguf")
        if name == "model.safetensors":
            refused(name, f"model/{name}", "-o", "out.gguf")
            refused(name, "inspect", f"model/{name}", "--reader", "safetensors")
            refused(name, "inspect", "model")
        put(f"model/{name}", files[name])
    os.remove("model/model.safetensors")
    put("model/pytorch_model.bin", POINTER)
    refused("pytorch_model.bin", "model", "-o", "out.gguf")
    refused("pytorch_model.bin", "model/pytorch_model.bin", "-o", "out.gguf")
    os.remove("model/pytorch_model.bin")
    for index, shard in (("model.safetensors.index.json", "model-00001-of-00001.safetensors"),
                         ("pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin")):
        put(f"model/{index}", json.dumps({"weight_map": {"lm_head.weight": shard}}).encode())
        put(f"model/{shard}", POINTER)
        refused(shard, "model", "-o", "out.gguf")
        os.remove(f"model/{index}")
        os.remove(f"model/{shard}")
    put("alone.bin", POINTER)
    flow.check("alone.bin" in flow.run("hash", "alone.bin"), "the hash of a pointer")
print("ok")
