"""Relatives of Llama that need few words: Arcee's and Seed-OSS."""
from transformers import ArceeConfig, SeedOssConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
             head_dim=16)
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "beta_fast": 16.0, "original_max_position_embeddings": 32}


def arcee(folder, **more):
    tiny.model(folder, ArceeConfig(**SMALL, **more))
    tiny.sentencepiece(folder)


def seed_oss(folder, **more):
    tiny.model(folder, SeedOssConfig(**SMALL, **more))
    tiny.byte_level(folder)


def bare(folder, make, configuration):
    make(folder)
    tiny.bare(folder, configuration)


VARIANTS = {
    "arcee": arcee,
    "arcee-bare": lambda folder: bare(folder, arcee, ArceeConfig),
    "arcee-yarn": lambda folder: arcee(folder, rope_parameters=YARN, tie_word_embeddings=True),
    "seed-oss": seed_oss,
    "seed-oss-bare": lambda folder: bare(folder, seed_oss, SeedOssConfig),
    "seed-oss-plain": lambda folder: seed_oss(folder, attention_bias=False, attention_out_bias=True, tie_word_embeddings=True),
}
NO_LOGITS = {"seed-oss-plain": "llama.cpp has no place for a bias of the output projection"}
