"""ERNIE 4.5 and Apertus."""
from transformers import ApertusConfig, Ernie4_5Config

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0)


def ernie(folder, values=(), dtype="float32", space=None, **more):
    tiny.model(folder, Ernie4_5Config(**{**SMALL, "head_dim": 16, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    tiny.sentencepiece(folder)
    if space is not None:
        tiny.write(folder, "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "add_prefix_space": space})


def apertus(folder, dtype="float32", change=None, **more):
    tiny.model(folder, ApertusConfig(**{**SMALL, **more}), dtype=dtype)
    tiny.byte_level(folder)


VARIANTS = {
    "ernie4_5": ernie,
    "ernie4_5-biased": lambda folder: ernie(folder, {"rope_parameters": None}, dtype="bfloat16", space=False, use_bias=True, tie_word_embeddings=False),
    "apertus": lambda folder: apertus(folder, dtype="bfloat16"),
    "apertus-plain": lambda folder: apertus(folder, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, tie_word_embeddings=True, attention_bias=True),
}
EACH = ("ernie4_5", "apertus")
NO_LOGITS = {"ernie4_5-biased": "llama.cpp has no ERNIE with these biases",
             "apertus-plain": "llama.cpp has no Apertus without an output matrix"}
