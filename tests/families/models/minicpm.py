"""MiniCPM, which transformers has no class for, and MiniCPM 3."""
from transformers import MiniCPM3Config

import tiny

TABLES = {"rope_type": "longrope", "long_factor": [1.0 + j / 7 for j in range(8)], "short_factor": [1.0 + j / 9 for j in range(8)], "original_max_position_embeddings": 64}
SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=128,
             bos_token_id=1, eos_token_id=2, kv_lora_rank=32, q_lora_rank=48, qk_nope_head_dim=16, qk_rope_head_dim=16, v_head_dim=16)


def minicpm(folder, tied=True, dtype="float32", **more):
    shapes = {"model.embed_tokens.weight": (350, 64), "model.norm.weight": (64,), **({} if tied else {"lm_head.weight": (350, 64)})}
    for i in range(3):
        layer = f"model.layers.{i}."
        shapes |= {layer + "input_layernorm.weight": (64,), layer + "post_attention_layernorm.weight": (64,), layer + "self_attn.q_proj.weight": (64, 64),
                   layer + "self_attn.k_proj.weight": (32, 64), layer + "self_attn.v_proj.weight": (32, 64), layer + "self_attn.o_proj.weight": (64, 64),
                   layer + "mlp.gate_proj.weight": (96, 64), layer + "mlp.up_proj.weight": (96, 64), layer + "mlp.down_proj.weight": (64, 96)}
    tiny.weights(folder, {"architectures": ["MiniCPMForCausalLM"], "model_type": "minicpm", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
                          "num_key_value_heads": 2, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "vocab_size": 350, "bos_token_id": 1, "eos_token_id": 2,
                          "scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 24, "rope_scaling": None, **more}, shapes, dtype=dtype)
    tiny.sentencepiece(folder)


def minicpm3(folder, values=(), dtype="float32", **more):
    tiny.model(folder, MiniCPM3Config(**{**SMALL, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    tiny.sentencepiece(folder)


VARIANTS = {
    "minicpm": minicpm,
    "minicpm-long": lambda folder: minicpm(folder, tied=False, dtype="bfloat16", rope_theta=10000.0, rope_scaling=TABLES),
    "minicpm3": lambda folder: minicpm3(folder, dtype="bfloat16", rope_parameters={**TABLES, "rope_theta": 10000.0}),
    "minicpm3-plain": lambda folder: minicpm3(folder, {"rms_norm_eps": None}, tie_word_embeddings=False),
}
EACH = ("minicpm3-plain",)
