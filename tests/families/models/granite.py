"""Granite with and without experts."""
from transformers import GraniteConfig, GraniteMoeConfig, GraniteMoeSharedConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128, bos_token_id=0, eos_token_id=0)
SCALES = dict(attention_multiplier=0.015625, embedding_multiplier=12.0, residual_multiplier=0.22, logits_scaling=8.0)


def make(folder, of, values=(), dtype="float32", vocabulary=tiny.byte_level, **more):
    tiny.model(folder, of(**{**SMALL, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    vocabulary(folder)


VARIANTS = {
    "granite": lambda folder: make(folder, GraniteConfig, dtype="bfloat16", **SCALES),
    "granite-tied": lambda folder: make(folder, GraniteConfig, {"head_dim": 16}, tie_word_embeddings=True, attention_bias=True, mlp_bias=True, **SCALES),
    "granite-zero": lambda folder: make(folder, GraniteConfig, {"rope_parameters": None, "rms_norm_eps": None}, residual_multiplier=0.0),
    "granite-code": lambda folder: make(folder, GraniteConfig, vocab_size=49152, **SCALES),
    "granite-spm": lambda folder: make(folder, GraniteConfig, vocabulary=tiny.sentencepiece),
    "granite-spm-code": lambda folder: make(folder, GraniteConfig, vocabulary=tiny.sentencepiece, vocab_size=49152),
    "granitemoe": lambda folder: make(folder, GraniteMoeConfig, num_local_experts=4, num_experts_per_tok=2, **SCALES),
    "granitemoe-shared": lambda folder: make(folder, GraniteMoeSharedConfig, num_local_experts=4, num_experts_per_tok=2, shared_intermediate_size=32, dtype="bfloat16", **SCALES),
}
EACH = ("granite", "granitemoe")
NO_LOGITS = {"granite-zero": "a factor of 0 is not written, and llama.cpp takes it as 1"}
