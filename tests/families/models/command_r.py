"""Command R (Cohere) and Cohere 2."""
from transformers import Cohere2Config, CohereConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128, bos_token_id=0, eos_token_id=0)


def command_r(folder, values=(), **more):
    tiny.model(folder, CohereConfig(**{**SMALL, **more}))
    tiny.edit(folder, **dict(values))
    tiny.byte_level(folder)


def cohere2(folder, values=(), dtype="float32", **more):
    tiny.model(folder, Cohere2Config(**{**SMALL, "sliding_window": 32, "head_dim": 16, **more}), dtype=dtype)
    tiny.edit(folder, **{"rotary_pct": 1.0, **dict(values)})
    tiny.byte_level(folder)


VARIANTS = {
    "command-r": command_r,
    "command-r-plus": lambda folder: command_r(folder, {"model_max_length": 4096}, use_qk_norm=True, attention_bias=True),
    "command-r-defaults": lambda folder: command_r(folder, {"rope_parameters": None, "logit_scale": None, "layer_norm_eps": None}),
    "command-r-yarn": lambda folder: command_r(folder, rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 32}),
    "cohere2": cohere2,
    "cohere2-half": lambda folder: cohere2(folder, {"rotary_pct": 0.5, "logit_scale": None, "rope_parameters": None}, dtype="bfloat16"),
}
EACH = ("command-r", "cohere2")
NO_LOGITS = {"command-r-plus": "llama.cpp knows norms of heads in models of 64 layers only"}
