"""GPT-2."""
from transformers import GPT2Config

import tiny


def gpt2(folder):
    tiny.model(folder, GPT2Config(vocab_size=350, n_positions=64, n_ctx=64, n_embd=64, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0))
    tiny.byte_level(folder)


def head(folder):
    """A file with a head, although its configuration says that it shares the table of tokens."""
    import torch
    gpt2(folder)
    tiny.change(folder, lambda name, tensor: {name: tensor, "lm_head.weight": torch.randn(tensor.shape)} if name.endswith("wte.weight") else tensor)


def tied(folder):
    """PyTorch's own file, which has the shared matrix under both names."""
    import os
    import torch
    from safetensors.torch import load_file
    gpt2(folder)
    path = os.path.join(folder, "model.safetensors")
    state = load_file(path)
    state["lm_head.weight"] = state["transformer.wte.weight"]
    os.remove(path)
    torch.save(state, os.path.join(folder, "pytorch_model.bin"))


VARIANTS = {"gpt2": gpt2, "gpt2-head": head, "gpt2-tied": tied}
