"""The files that weights come in: pytorch_model.bin, whose tensors stand as they were saved, and several files of either kind. Names are dealt out so
that neighbours by name are not neighbours in a file."""
import os

import tiny
from models import bloom, gpt2, llama, qwen


def taken(folder, make):
    """The tensors of a model, whose file is taken away."""
    from safetensors.torch import load_file
    make(folder)
    path = os.path.join(folder, "model.safetensors")
    tensors = load_file(path)
    os.remove(path)
    return {name: tensors[name] for name in sorted(tensors, key=lambda n: n[::-1])}


def save(folder, parts, stem, ending, index, write):
    """Each part in a file; more than one have an index."""
    if len(parts) == 1:
        return write(parts[0], os.path.join(folder, stem + ending))
    where = {}
    for i, part in enumerate(parts):
        file = f"{stem}-{i + 1:05d}-of-{len(parts):05d}{ending}"
        write(part, os.path.join(folder, file))
        where.update({name: file for name in part})
    tiny.write(folder, index, {"metadata": {"total_size": 0}, "weight_map": where})


def dealt(tensors, count):
    """Runs of the tensors, about as many in each."""
    names, each = list(tensors), -(-len(tensors) // count)
    return [{n: tensors[n] for n in names[i:i + each]} for i in range(0, len(names), each)]


def pickled(folder, make, count=1):
    import torch
    save(folder, dealt(taken(folder, make), count), "pytorch_model", ".bin", "pytorch_model.bin.index.json", torch.save)


def sharded(folder, make, count):
    from safetensors.torch import save_file
    save(folder, dealt(taken(folder, make), count), "model", ".safetensors", "model.safetensors.index.json", save_file)


def twice(folder, make):
    """One tensor in two shards, the same in both; the index names the second."""
    from safetensors.torch import load_file, save_file
    sharded(folder, make, 3)
    first, last = (os.path.join(folder, f"model-0000{i}-of-00003.safetensors") for i in (1, 3))
    tensors, more = load_file(first), load_file(last)
    name = next(iter(more))
    save_file({**tensors, name: more[name].clone()}, first, {"format": "pt"})


VARIANTS = {
    "sharded-twice": lambda folder: twice(folder, qwen.qwen3),
    "pickled": lambda folder: pickled(folder, llama.llama),
    "pickled-qwen2": lambda folder: pickled(folder, qwen.qwen2),
    "pickled-gpt2": lambda folder: pickled(folder, gpt2.gpt2),
    "pickled-parts": lambda folder: pickled(folder, bloom.bloom, 3),
    "pickled-experts": lambda folder: pickled(folder, qwen.qwen2moe, 2),
    "sharded-experts": lambda folder: sharded(folder, qwen.qwen3moe, 7),
    "sharded-mixtral": lambda folder: sharded(folder, llama.mixtral, 5),
    "sharded": lambda folder: sharded(folder, qwen.qwen3, 5),
}
