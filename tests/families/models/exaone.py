"""EXAONE 3, which transformers has no class for, and EXAONE 4."""
from transformers import Exaone4Config

import tiny

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128, bos_token_id=0, eos_token_id=0)


def exaone(folder, tied=False, dtype="float32", **more):
    shapes = {"transformer.wte.weight": (350, 64), "transformer.ln_f.weight": (64,), **({} if tied else {"lm_head.weight": (350, 64)})}
    for i in range(2):
        layer = f"transformer.h.{i}."
        shapes |= {layer + "ln_1.weight": (64,), layer + "ln_2.weight": (64,), layer + "attn.attention.q_proj.weight": (64, 64), layer + "attn.attention.k_proj.weight": (32, 64),
                   layer + "attn.attention.v_proj.weight": (32, 64), layer + "attn.attention.out_proj.weight": (64, 64), layer + "mlp.c_fc_0.weight": (96, 64),
                   layer + "mlp.c_fc_1.weight": (96, 64), layer + "mlp.c_proj.weight": (64, 96)}
    tiny.weights(folder, {"architectures": ["ExaoneForCausalLM"], "model_type": "exaone", "activation_function": "silu", "hidden_size": 64, "intermediate_size": 96, "num_layers": 2,
                          "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 128, "layer_norm_epsilon": 1e-5, "rope_theta": 1000000,
                          "vocab_size": 350, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "tie_word_embeddings": tied, **more}, shapes, dtype=dtype)
    tiny.byte_level(folder, special=("[PAD]", "[BOS]", "[|endofturn|]"), bos_token="[BOS]", unk_token=None)


def exaone4(folder, values=(), dtype="float32", **more):
    tiny.model(folder, Exaone4Config(**{**SMALL, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    tiny.byte_level(folder)


VARIANTS = {
    "exaone": exaone,
    "exaone-tied": lambda folder: exaone(folder, tied=True, dtype="bfloat16"),
    "exaone-half": lambda folder: exaone(folder, partial_rotary_factor=0.5, rope_scaling={"type": "linear", "factor": 2}),
    "exaone4": exaone4,
    "exaone4-full": lambda folder: exaone4(folder, dtype="bfloat16", sliding_window=None, layer_types=["full_attention"] * 4, head_dim=16, tie_word_embeddings=True),
    "exaone4-llama3": lambda folder: exaone4(folder, {"sliding_window_pattern": "LLLG"}, rope_parameters={**LLAMA3, "rope_theta": 1000000.0}),
    "exaone4-defaults": lambda folder: exaone4(folder, {"layer_types": None, "sliding_window": None, "sliding_window_pattern": None, "rope_parameters": None}),
}
EACH = ("exaone4",)
