"""StarCoder 1 and 2."""
from transformers import GPTBigCodeConfig, Starcoder2Config

import tiny


def starcoder(folder, **more):
    tiny.model(folder, GPTBigCodeConfig(vocab_size=350, n_positions=128, n_embd=64, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0, **more))
    tiny.byte_level(folder)


def starcoder2(folder, **more):
    tiny.model(folder, Starcoder2Config(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=128,
                                        **more))
    tiny.byte_level(folder)


def bare(folder, make, configuration):
    make(folder)
    tiny.bare(folder, configuration)


VARIANTS = {
    "starcoder": starcoder,
    "starcoder-bare": lambda folder: bare(folder, starcoder, GPTBigCodeConfig),
    "starcoder-untied": lambda folder: starcoder(folder, tie_word_embeddings=False),
    "starcoder2": starcoder2,
    "starcoder2-bare": lambda folder: bare(folder, starcoder2, Starcoder2Config),
    "starcoder2-plain": lambda folder: starcoder2(folder, use_bias=False, num_key_value_heads=4, tie_word_embeddings=False, sliding_window=32),
}
NO_LOGITS = {"starcoder2-plain": "llama.cpp wants the biases"}
