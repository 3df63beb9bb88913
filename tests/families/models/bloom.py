"""BLOOM."""
from transformers import BloomConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, n_layer=2, n_head=4)


def bloom(folder, **more):
    tiny.model(folder, BloomConfig(**{**SMALL, **more}))
    tiny.byte_level(folder)


def bloom_bare(folder):
    """No names in front, as BloomModel saves them, and sizes that configurations of before transformers had the class give otherwise."""
    bloom(folder, n_head=8, n_layer=3)
    tiny.rewrite(folder, lambda name, tensor: {name.removeprefix("transformer."): tensor})
    tiny.bare(folder, BloomConfig)
    tiny.edit(folder, architectures=["BloomModel"], seq_length=128)


VARIANTS = {
    "bloom": bloom,
    "bloom-bare": bloom_bare,
    "bloom-untied": lambda folder: bloom(folder, tie_word_embeddings=False),
}
