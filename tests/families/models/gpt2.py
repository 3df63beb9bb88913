"""GPT-2."""
from transformers import GPT2Config

import tiny


def gpt2(folder):
    tiny.model(folder, GPT2Config(vocab_size=350, n_positions=64, n_ctx=64, n_embd=64, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0))
    tiny.byte_level(folder)


VARIANTS = {"gpt2": gpt2}
