"""One GPT-2's weights in each container that it is found in, written by the frameworks themselves where they can: `write` gives
{name of the container: what ggx is to be given}."""
import json
import os
import shutil
import sys

import h5py
import numpy as np
import safetensors.torch
import torch

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "corpus"))
import make_tf


def bare(state):
    """The state without its head, which is the embedding once more."""
    return {n.removeprefix("transformer."): t.contiguous() for n, t in state.items() if n != "lm_head.weight"}


def openai_name(name):
    words = name.split(".")
    last = "g" if words[-2].startswith("ln_") and words[-1] == "weight" else {"weight": "w", "bias": "b"}[words[-1]]
    if words[0] in ("wte", "wpe"):
        return f"model/{words[0]}"
    return "/".join(["model"] + (["h" + words[1], *words[2:-1]] if words[0] == "h" else words[:-1]) + [last])


def keras_name(name):
    words = name.split(".")
    if words[0] in ("wte", "wpe"):
        return f"tfgpt2lm_head_model/transformer/{words[0]}/embeddings:0"
    last = {"weight": "gamma", "bias": "beta"}[words[-1]] if words[-2].startswith("ln_") else words[-1]
    return "/".join(["tfgpt2lm_head_model/transformer", *(["h_._" + words[1]] + words[2:-1] if words[0] == "h" else words[:-1]), last]) + ":0"


def write_tf(folder, state):
    """OpenAI's: a V2 checkpoint whose projections have a leading 1."""
    entries, data = [(b"", make_tf.HEADER)], b""
    for name, tensor in sorted((openai_name(n), t) for n, t in state.items()):
        shape = (1, *tensor.shape) if name.endswith("/w") else tuple(tensor.shape)
        body = tensor.numpy().tobytes()
        entries.append((name.encode(), make_tf.entry(make_tf.F32, shape, len(data), body)))
        data += body
    for name, content in (("model.ckpt.index", make_tf.table(entries)), ("model.ckpt.data-00000-of-00001", data),
                          ("checkpoint", b'model_checkpoint_path: "model.ckpt"\n')):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)


def write_h5(folder, state):
    with h5py.File(os.path.join(folder, "tf_model.h5"), "w") as file:
        file.attrs["layer_names"] = ["transformer"]
        group = file.create_group("transformer")
        group.attrs["weight_names"] = [keras_name(n) for n in state]
        for name, tensor in state.items():
            array = tensor.numpy()
            flat = array.ndim == 1 and ".ln_" not in name and not name.startswith("ln_")
            group[keras_name(name)] = array.reshape(1, -1) if flat else array


def write(model, source, folder):
    state, out = bare(model.state_dict()), {}

    def place(name):
        out[name] = os.path.join(folder, name)
        os.makedirs(out[name])
        for file in ("config.json", "vocab.json"):
            shutil.copy(os.path.join(source, file), out[name])
        return out[name]

    torch.save(state, os.path.join(place("pth-zip"), "pytorch_model.bin"))
    torch.save(model.state_dict(), os.path.join(place("pth-legacy"), "pytorch_model.bin"), _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(state, os.path.join(place("safetensors"), "model.safetensors"))
    model.save_pretrained(place("safetensors-sharded"), max_shard_size="100KB")
    np.savez(os.path.join(place("npz"), "weights.npz"), **{n: t.numpy() for n, t in state.items()})
    write_h5(place("h5"), state)
    write_tf(place("tf"), state)
    shutil.move(os.path.join(out["tf"], "vocab.json"), os.path.join(out["tf"], "encoder.json"))
    config = json.load(open(os.path.join(out["tf"], "config.json"), encoding="utf-8"))
    with open(os.path.join(out["tf"], "hparams.json"), "w", encoding="utf-8") as file:
        json.dump({"n_vocab": config["vocab_size"], "n_ctx": config["n_positions"], "n_embd": config["n_embd"], "n_head": config["n_head"],
                   "n_layer": config["n_layer"]}, file)
    os.unlink(os.path.join(out["tf"], "config.json"))
    out["npz"] = os.path.join(out["npz"], "weights.npz")
    return out
