"""Phi 3 and 4, with experts and without."""
from transformers import Phi3Config, PhimoeConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128)
TABLES = {"short_factor": [1.0 + i / 16 for i in range(8)], "long_factor": [2.0 + i / 4 for i in range(8)]}
SCALES = {"short_mscale": 1.25, "long_mscale": 1.5}


def phi3(folder, vocabulary=tiny.sentencepiece, **more):
    tiny.model(folder, Phi3Config(**{**SMALL, "original_max_position_embeddings": 128, "pad_token_id": 0, **more}))
    vocabulary(folder)
    tiny.write(folder, "added_tokens.json", {"<|endoftext|>": 345})  # llama.cpp looks for it in models of this name


def phi3_bare(folder):
    phi3(folder, original_max_position_embeddings=4096)
    tiny.bare(folder, Phi3Config)


def phi3_old(folder, **scaling):
    """A configuration as of transformers 4: rope_scaling and rope_theta stand by themselves."""
    phi3(folder, original_max_position_embeddings=32)
    tiny.edit(folder, rope_parameters=None, rope_theta=10000.0, rope_scaling={**TABLES, **scaling})


def phi4(folder):
    phi3(folder, lambda f: tiny.byte_level(f, tokenizer_class="GPT2Tokenizer"), partial_rotary_factor=0.75, tie_word_embeddings=True,
         original_max_position_embeddings=32, sliding_window=64, rope_parameters={"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75, "short_factor": [1.0] * 6,
                          "long_factor": [1.5, 2, 2.5, 3, 3.5, 4]})


def phimoe(folder, **more):
    tiny.model(folder, PhimoeConfig(**{**SMALL, "num_local_experts": 12, "num_experts_per_tok": 3, **more}))
    tiny.edit(folder, original_max_position_embeddings=32, architectures=["PhiMoEForCausalLM"])
    tiny.sentencepiece(folder)


def phimoe_bare(folder):
    phimoe(folder, rope_parameters={"rope_type": "longrope", "rope_theta": 1000000.0, "original_max_position_embeddings": 32, **TABLES, **SCALES})
    tiny.bare(folder, PhimoeConfig)


VARIANTS = {
    "phi3": phi3,
    "phi3-bare": phi3_bare,
    "phi3-longrope": lambda folder: phi3(folder, original_max_position_embeddings=32, rope_parameters={
        "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 32, **TABLES}),
    "phi3-su": lambda folder: phi3_old(folder, type="su"),
    "phi3-yarn": lambda folder: phi3_old(folder, type="yarn"),
    "phi3-short": lambda folder: phi3(folder, rope_parameters={"rope_type": "longrope", "rope_theta": 10000.0, **TABLES}),
    "phi4": phi4,
    "phimoe": phimoe,
    "phimoe-bare": phimoe_bare,
    "phimoe-biases": lambda folder: phimoe(folder, attention_bias=True, lm_head_bias=True, sliding_window=64),
}
