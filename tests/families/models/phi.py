"""Phi 1, 1.5 and 2."""
from transformers import PhiConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=128)


def phi2(folder, **more):
    tiny.model(folder, PhiConfig(**{**SMALL, **more}))
    tiny.byte_level(folder, unk_token=None)


def phi2_bare(folder):
    phi2(folder)
    tiny.bare(folder, PhiConfig)


def phi2_bos(folder):
    """A tokenizer that says itself what stands at the beginning."""
    phi2(folder, rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25})
    tiny.byte_level(folder, add_bos_token=True)


VARIANTS = {
    "phi2": phi2,
    "phi2-bare": phi2_bare,
    "phi2-bos": phi2_bos,
}
