"""Mamba 1, with Falcon's, and 2."""
from transformers import FalconMambaConfig, Mamba2Config, MambaConfig

import tiny

SMALL = dict(vocab_size=352, hidden_size=64, num_hidden_layers=2, bos_token_id=0, eos_token_id=0, pad_token_id=0)


def agreed(name, tensor):
    """PyTorch's exponential is the machine's (one unit beside the nearest number for one in a hundred); here are only values for which it is the nearest."""
    if not name.endswith("A_log"):
        return tensor
    import torch
    made = tensor.float()
    while True:
        wrong = torch.exp(made) != torch.exp(made.double()).float()
        if not wrong.any():
            return made.to(tensor.dtype)
        made[wrong] = (made[wrong] + 0.0625).to(tensor.dtype).float()


def mamba(folder, of=MambaConfig, values=(), dtype="float32", vocabulary=tiny.byte_level, change=None, **more):
    tiny.model(folder, of(**{**SMALL, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    vocabulary(folder)
    tiny.change(folder, agreed)
    if change:
        tiny.change(folder, change)


def old(folder):
    """As state-spaces publishes them: pytorch_model.bin with two names for one matrix, and a configuration of few words."""
    import os
    import torch
    from safetensors.torch import load_file
    mamba(folder, time_step_rank=4)
    path = os.path.join(folder, "model.safetensors")
    state = {name.replace("embeddings", "embedding"): tensor for name, tensor in load_file(path).items()}
    state["lm_head.weight"] = state["backbone.embedding.weight"]
    os.remove(path)
    torch.save(state, os.path.join(folder, "pytorch_model.bin"))
    tiny.write(folder, "config.json", {"architectures": ["MambaLMHeadModel"], "d_model": 64, "n_layer": 2, "vocab_size": 345, "ssm_cfg": {}, "rms_norm": True, "residual_in_fp32": True,
                                       "fused_add_norm": True, "pad_vocab_size_multiple": 8})


def twice(name, tensor):
    return {name: tensor, "lm_head.weight": tensor} if name == "backbone.embeddings.weight" else tensor


VARIANTS = {
    "mamba-half": lambda folder: mamba(folder, dtype="float16"),
    "mamba2-biased": lambda folder: mamba(folder, Mamba2Config, num_heads=8, head_dim=16, n_groups=1, use_bias=True),
    "mamba": mamba,
    "mamba-twice": lambda folder: mamba(folder, dtype="bfloat16", change=twice),
    "mamba-untied": lambda folder: mamba(folder, vocab_size=345, tie_word_embeddings=False, use_bias=True, use_conv_bias=False, state_size=8, vocabulary=tiny.sentencepiece),
    "mamba-old": old,
    "falcon-mamba": lambda folder: mamba(folder, FalconMambaConfig, dtype="bfloat16", tie_word_embeddings=False, state_size=16),
    "mamba2": lambda folder: mamba(folder, Mamba2Config, num_heads=8, head_dim=16, n_groups=2, state_size=32),
    "mamba2-infinity": lambda folder: mamba(folder, Mamba2Config, {"time_step_limit": [0.0, float("inf")], "other": [float("nan"), float("-inf")]}, num_heads=8, head_dim=16, n_groups=1),
    "mamba2-codestral": lambda folder: mamba(folder, Mamba2Config, {"intermediate_size": 128}, num_heads=8, head_dim=16, n_groups=1, dtype="bfloat16",
                                             vocabulary=tiny.sentencepiece, change=lambda name, tensor: {"model." + name: tensor}),
}
EACH = ("mamba", "mamba2")
NO_LOGITS = {"mamba2-codestral": "llama.cpp computes something else with the converter's file, too, which this one equals",
             "mamba2-biased": "llama.cpp has no Mamba 2 with these biases",
             "mamba-untied": "llama.cpp wants as many rows as there are padded tokens"}
