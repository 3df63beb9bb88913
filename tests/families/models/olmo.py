"""OLMo 1, 2, 3 and OLMoE."""
from transformers import Olmo2Config, Olmo3Config, OlmoConfig, OlmoeConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=5, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
             eos_token_id=0)
YARN = {"rope_type": "yarn", "factor": 8.0, "attention_factor": 1.2079441541679836, "beta_fast": 32.0, "beta_slow": 1.0, "original_max_position_embeddings": 32}


def olmo(folder, configuration=OlmoConfig, **more):
    tiny.model(folder, configuration(**{**SMALL, **more}))
    tiny.byte_level(folder)


def bare(folder, configuration, **more):
    olmo(folder, configuration, **more)
    tiny.bare(folder, configuration)


def olmo3_old(folder):
    """A configuration as of transformers 4: rope_scaling and rope_theta stand by themselves."""
    olmo(folder, Olmo3Config)
    tiny.edit(folder, rope_parameters=None, rope_theta=400000.0, rope_scaling=YARN)


VARIANTS = {
    "olmo": olmo,
    "olmo-clip": lambda folder: olmo(folder, clip_qkv=8.0, tie_word_embeddings=True, num_key_value_heads=4),
    "olmo-bare": lambda folder: bare(folder, OlmoConfig),
    "olmo2": lambda folder: olmo(folder, Olmo2Config),
    "olmo2-bare": lambda folder: bare(folder, Olmo2Config, num_hidden_layers=2),
    "olmo3": lambda folder: olmo(folder, Olmo3Config),
    "olmo3-old": olmo3_old,
    "olmo3-bare": lambda folder: bare(folder, Olmo3Config, layer_types=["full_attention", *["sliding_attention"] * 4]),
    "olmoe": lambda folder: olmo(folder, OlmoeConfig, num_key_value_heads=4, num_experts=12, num_experts_per_tok=3),
    "olmoe-bare": lambda folder: bare(folder, OlmoeConfig, num_key_value_heads=4, num_experts=11, rms_norm_eps=1e-6),
}
