"""Falcon-H1: attention and Mamba 2 side by side; its multipliers go into the weights, row by row."""
from transformers import FalconH1Config

from models.mamba import agreed
import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128, head_dim=16,
             mamba_d_ssm=96, mamba_n_heads=6, mamba_d_head=16, mamba_d_state=32, mamba_expand=2, bos_token_id=1, eos_token_id=2, pad_token_id=0)
FACTORS = dict(lm_head_multiplier=0.0390625, embedding_multiplier=5.656854249492381, mlp_multipliers=[0.8838834764831845, 0.5859375], key_multiplier=0.390625, attention_out_multiplier=0.9375,
               attention_in_multiplier=1.1, ssm_multipliers=[0.3535533905932738, 0.25, 0.3535533905932738, 0.5, 0.7071067811865476], ssm_in_multiplier=1.25, ssm_out_multiplier=0.2357022603955158)


def falcon(folder, dtype="float32", values=(), **more):
    tiny.model(folder, FalconH1Config(**{**SMALL, **FACTORS, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    tiny.byte_level(folder)
    tiny.change(folder, agreed)


VARIANTS = {
    "falcon-h1": falcon,
    "falcon-h1-infinity": lambda folder: falcon(folder, values={"mamba_time_step_limit": [0.0, float("inf")], "time_step_limit": [float("-inf"), float("nan")]}),
    "falcon-h1-bf16": lambda folder: falcon(folder, "bfloat16", mamba_n_groups=2, mamba_rms_norm=True),
    "falcon-h1-f16": lambda folder: falcon(folder, "float16", {"rope_theta": 100000000000.0, "rope_parameters": None}, tie_word_embeddings=True),
    "falcon-h1-biased": lambda folder: falcon(folder, attention_bias=True, mlp_bias=True, mamba_conv_bias=False),
    "falcon-h1-plain": lambda folder: falcon(folder, **{k: [1.0] * len(v) if isinstance(v, list) else 1.0 for k, v in FACTORS.items()}),
}
NO_LOGITS = {"falcon-h1-infinity": "with a limit that is no number the framework computes none",
             "falcon-h1-f16": "llama.cpp's output matrix is then the embedding with the embedding's multiplier, as the converter writes it",
             "falcon-h1-biased": "llama.cpp has no Falcon-H1 without the convolution's biases"}
