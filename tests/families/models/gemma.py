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


def gemma3(folder, **more):
    tiny.model(folder, Gemma3TextConfig(**{**SMALL, **more}))
    tiny.sentencepiece(folder)


def head(folder, make, random=True):
    """A model whose file has a head, although its configuration says that it shares the table of tokens."""
    import torch
    make(folder)
    of = lambda table: torch.randn(table.shape).to(table.dtype) if random else table.clone()
    tiny.change(folder, lambda name, tensor: {name: tensor, "lm_head.weight": of(tensor)} if name.endswith("embed_tokens.weight") else tensor)


VARIANTS = {
    "gemma": gemma,
    "gemma-bare": gemma_bare,
    "gemma-yarn": lambda folder: gemma(folder, rope_parameters={"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 32}),
    "gemma2": gemma2,
    "gemma2-bare": gemma2_bare,
    "gemma2-half": lambda folder: gemma2(folder, "float16"),
    "gemma3": gemma3,
    "gemma3-head": lambda folder: head(folder, gemma3),
    "gemma3-untied": lambda folder: gemma3(folder, tie_word_embeddings=False),
    "gemma-head": lambda folder: head(folder, gemma),
    "gemma2-head": lambda folder: head(folder, gemma2, False),
}
NO_LOGITS = {"gemma-yarn": "files of this architecture do not say how rotations are scaled",
             "gemma-head": "the converter leaves out a head of its own, which the framework computes with"}
