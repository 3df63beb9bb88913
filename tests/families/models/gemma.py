"""Gemma 2 and 3."""
from transformers import Gemma2Config, Gemma3TextConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128, head_dim=16, sliding_window=32, query_pre_attn_scalar=16)


def gemma2(folder):
    tiny.model(folder, Gemma2Config(**SMALL))
    tiny.sentencepiece(folder)


def gemma3(folder):
    tiny.model(folder, Gemma3TextConfig(**SMALL))
    tiny.sentencepiece(folder)


VARIANTS = {"gemma2": gemma2, "gemma3": gemma3}
