"""Gemma 1, 2 and 3."""
from transformers import GemmaConfig, Gemma2Config, Gemma3TextConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128, head_dim=16, sliding_window=32, query_pre_attn_scalar=16)


def gemma(folder, **more):
    tiny.model(folder, GemmaConfig(**{**{k: v for k, v in SMALL.items() if k != "sliding_window"}, **more}))
    tiny.sentencepiece(folder)


def gemma_bare(folder):
    gemma(folder, num_key_value_heads=4)
    tiny.bare(folder, GemmaConfig)


def gemma2(folder, dtype="float32"):
    tiny.model(folder, Gemma2Config(**SMALL), dtype=dtype)
    tiny.sentencepiece(folder)


def gemma2_bare(folder):
    gemma2(folder)
    tiny.bare(folder, Gemma2Config)


def gemma3(folder):
    tiny.model(folder, Gemma3TextConfig(**SMALL))
    tiny.sentencepiece(folder)


VARIANTS = {
    "gemma": gemma,
    "gemma-bare": gemma_bare,
    "gemma-yarn": lambda folder: gemma(folder, rope_parameters={"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 32}),
    "gemma2": gemma2,
    "gemma2-bare": gemma2_bare,
    "gemma2-half": lambda folder: gemma2(folder, "float16"),
    "gemma3": gemma3,
}
NO_LOGITS = {"gemma-yarn": "files of this architecture do not say how rotations are scaled"}
