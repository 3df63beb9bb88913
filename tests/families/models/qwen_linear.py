"""Qwen3-Next and Qwen3.5: linear attention beside full attention, and the layers that predict more tokens, which transformers' classes leave out."""
import torch
from transformers import Qwen3_5Config, Qwen3_5MoeConfig, Qwen3_5MoeTextConfig, Qwen3_5TextConfig, Qwen3NextConfig

import tiny
from models import mamba

SMALL = dict(vocab_size=350, hidden_size=64, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=32, max_position_embeddings=128,
             linear_key_head_dim=16, linear_value_head_dim=16, linear_num_key_heads=2, linear_num_value_heads=6)
DENSE = dict(SMALL, intermediate_size=96)
ROUTED = dict(SMALL, moe_intermediate_size=32, shared_expert_intermediate_size=64, num_experts=12, num_experts_per_tok=3)
VISION = dict(depth=1, hidden_size=32, intermediate_size=48, num_heads=2, patch_size=8, out_hidden_size=64, num_position_embeddings=16)


def predicting(folder, count, inside="", stem="model."):
    """The last layer, which attends, once more for each layer that predicts, under the names of published checkpoints."""
    layers = len([None for i in range(64) if any(f"{stem}layers.{i}." in n for n in names(folder))])
    last = f"{stem}layers.{layers - 1}."

    def more(name, tensor):
        made = {name: mamba.agreed(name, tensor)}
        if name.startswith(last):
            made |= {f"{inside}mtp.layers.{j}.{name[len(last):]}": tensor * (j + 2) for j in range(count)}
        if name == f"{stem}norm.weight" and count:
            made |= {f"{inside}mtp.{part}.weight": tensor * k for k, part in enumerate(("pre_fc_norm_embedding", "pre_fc_norm_hidden", "norm"), 2)}
            made[f"{inside}mtp.fc.weight"] = torch.randn(len(tensor), 2 * len(tensor)).to(tensor.dtype)
        return made

    tiny.rewrite(folder, more)


def names(folder):
    from safetensors import safe_open
    with safe_open(f"{folder}/model.safetensors", "pt") as file:
        return list(file.keys())


def text(folder, of, values, dtype="bfloat16", predicted=1, inside="", told=True, **more):
    tiny.model(folder, of(**{**values, **more}), dtype=dtype)
    tiny.edit(folder, **({"mtp_num_hidden_layers": predicted} if told and of is not Qwen3NextConfig else {}))
    predicting(folder, predicted, inside)
    tiny.byte_level(folder)


def sighted(folder, of, values, kind, dtype="bfloat16", **more):
    """The class with a tower for images, whose text model has its configuration and its names inside."""
    tiny.model(folder, of(text_config={**values, **more}, vision_config=VISION, tie_word_embeddings=False), kind, dtype=dtype)
    conf = tiny.config(folder)
    tiny.edit(folder, text_config={**conf["text_config"], "mtp_num_hidden_layers": 1})
    predicting(folder, 1, stem="model.language_model.")
    tiny.byte_level(folder)


def cut(folder):
    """Its configuration speaks of a layer that predicts, of which there is no tensor: as transformers' class saves what it has loaded."""
    headless(folder)
    tiny.edit(folder, mtp_num_hidden_layers=1)


def headless(folder):
    text(folder, Qwen3_5TextConfig, DENSE, predicted=0, told=False)


def bare(folder, make, configuration):
    make(folder)
    tiny.bare(folder, configuration)


MROPE = {"rope_type": "default", "rope_theta": 10000000.0, "partial_rotary_factor": 0.25, "mrope_section": [2, 1, 1], "mrope_interleaved": True}
VARIANTS = {
    "qwen3next": lambda folder: text(folder, Qwen3NextConfig, ROUTED),
    "qwen3next-plain": lambda folder: text(folder, Qwen3NextConfig, ROUTED, "float32", inside="model.", predicted=2, attention_bias=True, tie_word_embeddings=True, linear_num_value_heads=2,
                                           linear_value_head_dim=24,                                            full_attention_interval=2, linear_conv_kernel_dim=3, rope_parameters={"rope_type": "default", "rope_theta": 5e6, "partial_rotary_factor": 0.5}),
    "qwen3next-bare": lambda folder: bare(folder, lambda f: text(f, Qwen3NextConfig, dict(ROUTED, num_experts=13), "float16"), Qwen3NextConfig),
    "qwen35": lambda folder: text(folder, Qwen3_5TextConfig, DENSE),
    "qwen35-plain": lambda folder: text(folder, Qwen3_5TextConfig, DENSE, "float32", linear_num_value_heads=2, linear_value_head_dim=24, layer_types=["full_attention", "linear_attention", "linear_attention", "full_attention"], rope_parameters=MROPE,
                                        told=False, attention_bias=True),
    "qwen35-bare": lambda folder: bare(folder, lambda f: text(f, Qwen3_5TextConfig, DENSE, "float16", told=False), Qwen3_5TextConfig),
    "qwen35-sighted": lambda folder: sighted(folder, Qwen3_5Config, DENSE, "Qwen3_5ForConditionalGeneration", rope_parameters=MROPE),
    "qwen35-cut": lambda folder: cut(folder),
    "qwen35moe": lambda folder: text(folder, Qwen3_5MoeTextConfig, ROUTED),
    "qwen35moe-sighted": lambda folder: sighted(folder, Qwen3_5MoeConfig, ROUTED, "Qwen3_5MoeForConditionalGeneration", rope_parameters=MROPE),
}
WITH_MTP = ("qwen3next", "qwen3next-plain", "qwen35", "qwen35-sighted", "qwen35moe-sighted")
NO_LOGITS = {"qwen35-cut": "llama.cpp wants the layer that predicts", "qwen3next-plain": "llama.cpp wants keys and values of linear attention of one size", "qwen35-plain": "llama.cpp wants keys and values of linear attention of one size"}
EACH = ("qwen3next", "qwen35", "qwen35moe")
