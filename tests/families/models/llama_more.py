"""Llama 4's text models, and DeciLM."""
import torch
from transformers import Llama4TextConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, intermediate_size_mlp=128, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
             head_dim=16, num_local_experts=4, bos_token_id=1, eos_token_id=2, pad_token_id=0)
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}


def llama4(folder, dtype="float32", **more):
    tiny.model(folder, Llama4TextConfig(**{**SMALL, **more}), dtype=dtype)
    tiny.byte_level(folder)


def beside(folder):
    """The text model beside a tower, as Llama 4 is published."""
    llama4(folder, "bfloat16", rope_parameters=LLAMA3)
    text = tiny.config(folder)
    text.pop("architectures")
    tiny.write(folder, "config.json", {"architectures": ["Llama4ForConditionalGeneration"], "model_type": "llama4", "text_config": text, "vision_config": {"model_type": "llama4_vision_model"}})
    tiny.change(folder, lambda name, tensor: {"language_model." + name: tensor, **({"vision_model.layernorm_post.weight": tensor, "multi_modal_projector.linear_1.weight": tensor}
                                                                                  if name == "model.norm.weight" else {})})


DECI = [{"attention": {"n_heads_in_group": 2, "no_op": False, "replace_with_linear": False}, "ffn": {"ffn_mult": 2.625, "no_op": False}},
        {"attention": {"n_heads_in_group": None, "no_op": False, "replace_with_linear": True}, "ffn": {"ffn_mult": 1.0, "no_op": False}},
        {"attention": {"n_heads_in_group": None, "no_op": True, "replace_with_linear": False}, "ffn": {"ffn_mult": 6.0, "no_op": False}},
        {"attention": {"n_heads_in_group": 4, "no_op": False, "replace_with_linear": False}, "ffn": {"ffn_mult": 2.0, "no_op": False}},
        {"attention": {"n_heads_in_group": None, "no_op": True, "replace_with_linear": False}, "ffn": {"ffn_mult": None, "no_op": True}}]


def deci(folder, dtype="float32", **more):
    conf = {"architectures": ["DeciLMForCausalLM"], "model_type": "nemotron-nas", "vocab_size": 128256, "hidden_size": 64, "num_hidden_layers": len(DECI), "num_attention_heads": 4, "num_key_value_heads": None,
            "intermediate_size": None, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "bos_token_id": 1, "eos_token_id": 2,
            "block_configs": DECI, **more}
    shapes = {"model.embed_tokens.weight": (128256, 64), "lm_head.weight": (128256, 64), "model.norm.weight": (64,)}
    for i, block in enumerate(DECI):
        group, inner = block["attention"]["n_heads_in_group"], block["ffn"]["ffn_mult"]
        at = f"model.layers.{i}."
        if group:
            kv = 4 // group * 16
            shapes.update({f"{at}self_attn.{n}_proj.weight": s for n, s in (("q", (64, 64)), ("k", (kv, 64)), ("v", (kv, 64)), ("o", (64, 64)))})
        elif block["attention"]["replace_with_linear"]:
            shapes[at + "self_attn.linear_attn.weight"] = (64, 64)
        if group or block["attention"]["replace_with_linear"]:
            shapes[at + "input_layernorm.weight"] = (64,)
        if inner:
            wide = -(-int(2 * inner * 64 / 3) // 256) * 256
            shapes.update({f"{at}mlp.{n}_proj.weight": (64, wide) if n == "down" else (wide, 64) for n in ("gate", "up", "down")})
            shapes[at + "post_attention_layernorm.weight"] = (64,)
    tiny.weights(folder, conf, shapes, dtype)
    tiny.byte_level(folder)


VARIANTS = {
    "llama4": llama4,
    "llama4-mixed": lambda folder: llama4(folder, "bfloat16", interleave_moe_layer_step=2, rope_parameters=LLAMA3, num_local_experts=11),
    "llama4-full": lambda folder: llama4(folder, no_rope_layers=[0, 0, 0, 0], tie_word_embeddings=True),
    "llama4-beside": beside,
    "deci": lambda folder: deci(folder, "bfloat16"),
    "deci-scaled": lambda folder: deci(folder, model_type="llama", intermediate_size=128, rope_scaling=LLAMA3),
}
EACH = ("llama4", "deci")
NO_LOGITS = {"llama4-beside": "the framework loads the whole model with its tower only",
             "llama4-full": "llama.cpp ends itself: without chunks it has no scale for the temperature of attention"}
