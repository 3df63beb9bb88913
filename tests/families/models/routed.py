"""Decoders with DeepSeek's names for experts: GLM 4.5, dots.llm1."""
from transformers import Dots1Config, Glm4MoeConfig, Glm4vMoeConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, moe_intermediate_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128, n_routed_experts=11, num_experts_per_tok=2, first_k_dense_replace=1, n_shared_experts=1)
VISION = dict(depth=1, hidden_size=32, intermediate_size=48, out_hidden_size=64, num_heads=2, patch_size=14, image_size=28)
SECTIONS = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "mrope_section": [2, 1, 1]}
TOKENS = ("<|endoftext|>", "<|user|>", "[gMASK]", "<|observation|>")


def glm(folder, values=(), dtype="float32", change=None, vocabulary=(), **more):
    tiny.model(folder, Glm4MoeConfig(**{**SMALL, "eos_token_id": [0, 1], **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    tiny.byte_level(folder, special=TOKENS, **{"bos_token": None, "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "unk_token": None, **dict(vocabulary)})
    if change:
        tiny.change(folder, change)


def dots(folder, values=(), dtype="float32", **more):
    tiny.model(folder, Dots1Config(**{**SMALL, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    tiny.byte_level(folder)


def predicted(name, tensor):
    """The layer behind the last, as published checkpoints have it for predicting a token more."""
    more = {name: tensor}
    if name.startswith("model.layers.2."):
        more[name.replace("layers.2.", "layers.3.")] = tensor
    if name == "model.norm.weight":
        more |= {f"model.layers.3.{part}.weight": tensor for part in ("enorm", "hnorm", "shared_head.norm")}
    if name == "lm_head.weight":
        more |= {"model.layers.3.shared_head.head.weight": tensor, "model.layers.3.embed_tokens.weight": tensor, "model.layers.3.eh_proj.weight": tensor[:64].repeat(1, 2)}
    return more


def sighted(folder, dtype="bfloat16", **more):
    """GLM 4.5V: the text model beside a tower for images."""
    tiny.model(folder, Glm4vMoeConfig(text_config={**SMALL, "eos_token_id": [0, 1], "rope_parameters": SECTIONS, **more}, vision_config=VISION), "Glm4vMoeForConditionalGeneration", dtype=dtype)
    tiny.byte_level(folder, special=TOKENS, bos_token=None, eos_token="<|endoftext|>", pad_token="<|endoftext|>", unk_token=None)


VARIANTS = {
    "glm4moe": glm,
    "glm4moe-predicted": lambda folder: glm(folder, dtype="bfloat16", change=predicted, use_qk_norm=True, attention_bias=True),
    "glm4moe-trunk": lambda folder: glm(folder, {"scoring_func": "sigmoid", "norm_topk_prob": None, "n_group": None}, num_nextn_predict_layers=0, first_k_dense_replace=2,
                                        vocabulary={"bos_token": "<|endoftext|>", "unk_token": "<|user|>"}),
    "glm4v-moe": sighted,
    "dots1": lambda folder: dots(folder, {"scoring_func": "sigmoid"}, dtype="bfloat16", num_key_value_heads=4, head_dim=16, n_shared_experts=2, routed_scaling_factor=2.5, norm_topk_prob=True),
    "dots1-routed": lambda folder: dots(folder, first_k_dense_replace=0, attention_bias=True, tie_word_embeddings=True),
}
EACH = ("glm4moe", "dots1")
WITH_MTP = ("glm4moe-predicted",)
NO_LOGITS = {"dots1-routed": "llama.cpp has no dots.llm1 with shared heads or without an output matrix"}
