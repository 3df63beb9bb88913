"""Qwen 2 and 3."""
from transformers import Qwen2Config, Qwen3Config

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128)


def qwen2(folder, **more):
    tiny.model(folder, Qwen2Config(**SMALL, **more))
    tiny.byte_level(folder)


def qwen3(folder, **more):
    tiny.model(folder, Qwen3Config(**SMALL, head_dim=16, **more), dtype="bfloat16")
    tiny.byte_level(folder)


VARIANTS = {
    "qwen2": qwen2,
    "qwen2-yarn": lambda folder: qwen2(folder, rope_parameters={"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 4.0, "original_max_position_embeddings": 32}),
    "qwen3": qwen3,
    "qwen3-tied": lambda folder: qwen3(folder, tie_word_embeddings=True),
}
