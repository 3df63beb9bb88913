"""Llama, Mistral and Mixtral."""
from transformers import LlamaConfig, MistralConfig, MixtralConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128)


def llama(folder, **more):
    tiny.model(folder, LlamaConfig(**{**SMALL, **more}))
    tiny.sentencepiece(folder)


def smollm(folder, **more):
    """A vocabulary of that size: the converter never lets a beginning be added."""
    tiny.model(folder, LlamaConfig(**{**SMALL, "vocab_size": 49152, "hidden_size": 32, "tie_word_embeddings": True}))
    tiny.byte_level(folder, **more)


def mistral(folder):
    tiny.model(folder, MistralConfig(**SMALL, sliding_window=32), dtype="bfloat16")
    tiny.sentencepiece(folder)


def mixtral(folder):
    tiny.model(folder, MixtralConfig(**SMALL, num_local_experts=4, num_experts_per_tok=2))
    tiny.sentencepiece(folder)


VARIANTS = {
    "llama": llama,
    "llama-tied": lambda folder: llama(folder, tie_word_embeddings=True),
    "llama-3.1": lambda folder: llama(folder, rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                                                               "high_freq_factor": 4.0, "original_max_position_embeddings": 64}),
    "llama-linear": lambda folder: llama(folder, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}),
    "llama-yarn": lambda folder: llama(folder, rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "beta_fast": 16.0,
                                                                "original_max_position_embeddings": 32}),
    "llama-biased": lambda folder: llama(folder, attention_bias=True, mlp_bias=True),
    "smollm": smollm,
    "smollm-bos": lambda folder: smollm(folder, add_bos_token=True),
    "mistral": mistral,
    "mixtral": mixtral,
}
