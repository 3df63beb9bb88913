"""Falcon in its layouts."""
from transformers import FalconConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, num_hidden_layers=2, num_attention_heads=4)


def falcon(folder, **more):
    tiny.model(folder, FalconConfig(**SMALL, **more))
    tiny.byte_level(folder)


def falcon_bare(folder):
    falcon(folder, new_decoder_architecture=True)
    tiny.bare(folder, FalconConfig)


def refined_web(folder):
    """The names of before transformers had the class."""
    falcon(folder, new_decoder_architecture=True, num_kv_heads=2, tie_word_embeddings=False)
    tiny.edit(folder, architectures=["RWForCausalLM"], model_type="RefinedWeb", num_hidden_layers=None, n_layer=2, num_attention_heads=None, n_head=4,
              num_kv_heads=None, n_head_kv=2)


VARIANTS = {
    "falcon-one-key": lambda folder: falcon(folder, num_kv_heads=1),
    "falcon-groups": lambda folder: falcon(folder, new_decoder_architecture=True, num_kv_heads=2),
    "falcon-one-norm": lambda folder: falcon(folder, new_decoder_architecture=True, num_kv_heads=2, num_ln_in_parallel_attn=1),
    "falcon-all-keys": lambda folder: falcon(folder, multi_query=False),
    "falcon-bare": falcon_bare,
    "falcon-refined-web": refined_web,
}
