"""Nemotron and Minitron."""
from transformers import NemotronConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
             max_position_embeddings=128, bos_token_id=2, eos_token_id=3)


def nemotron(folder, values=(), dtype="float32", **more):
    tiny.model(folder, NemotronConfig(**{**SMALL, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    tiny.sentencepiece(folder)


VARIANTS = {
    "nemotron-half": lambda folder: nemotron(folder, dtype="float16"),
    "nemotron": lambda folder: nemotron(folder, dtype="bfloat16"),
    "nemotron-biased": lambda folder: nemotron(folder, {"pad_token_id": 0}, attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
    "nemotron-unknown": lambda folder: nemotron(folder, {"pad_token_id": 3, "unk_token_id": 0, "norm_eps": None}),
    "nemotron-linear": lambda folder: nemotron(folder, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0, "partial_rotary_factor": 0.25}),
    "nemotron-factor": lambda folder: nemotron(folder, {"factor": 4.0}),
}
NO_LOGITS = {"nemotron-biased": "llama.cpp has no Nemotron whose output is the embedding",
             "nemotron-factor": "the framework does not know this factor"}
