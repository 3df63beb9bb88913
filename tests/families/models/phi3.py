"""Phi 3."""
from transformers import Phi3Config

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128, original_max_position_embeddings=128, pad_token_id=0, eos_token_id=2)


def phi3(folder):
    tiny.model(folder, Phi3Config(**SMALL))
    tiny.sentencepiece(folder, control_symbols=["<|endoftext|>"])  # llama.cpp asks for it by name


VARIANTS = {"phi3": phi3}
