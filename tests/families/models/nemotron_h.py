"""Nemotron-H: Mamba 2, attention and plain or routed layers by turns."""
from transformers import NemotronHConfig

from models.mamba import agreed
import tiny

SMALL = dict(vocab_size=352, hidden_size=64, intermediate_size=96, num_attention_heads=4, num_key_value_heads=2, head_dim=32, max_position_embeddings=128, n_routed_experts=4, num_experts_per_tok=2,
             moe_intermediate_size=32, moe_shared_expert_intermediate_size=48, mamba_num_heads=8, mamba_head_dim=16, ssm_state_size=32, n_groups=2, bos_token_id=1, eos_token_id=2)
LAYERS = ["linear_attention", "moe", "full_attention", "moe"]


def routed(folder, dtype="float32", layers=LAYERS, values=(), **more):
    tiny.model(folder, NemotronHConfig(**{**SMALL, "layers_block_type": layers, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    tiny.byte_level(folder)
    tiny.change(folder, agreed)


def predicting(folder):
    """With the layer that predicts more tokens, and experts on narrower vectors."""
    import torch
    routed(folder, "bfloat16", moe_latent_size=32, n_routed_experts=11)
    tiny.edit(folder, num_nextn_predict_layers=1)

    def change(name, tensor):
        made = {name: tensor}
        for layer, at in ((2, 0), (1, 1)):
            if name.startswith(f"backbone.layers.{layer}."):
                made[name.replace(f"backbone.layers.{layer}.", f"mtp.layers.{at}.")] = tensor * 2
        if name == "backbone.norm_f.weight":
            made.update({"mtp.layers.0.enorm.weight": tensor + 1, "mtp.layers.0.hnorm.weight": tensor + 2, "mtp.layers.0.eh_proj.weight": torch.randn(64, 128).to(tensor.dtype),
                         "mtp.layers.1.final_layernorm.weight": tensor + 3})
        return made

    tiny.change(folder, change)


def plain(folder, pattern="M-*-", dtype="bfloat16", **more):
    """Without experts, and with the configuration of the model's own program, which is read as it is."""
    kinds = {"M": "linear_attention", "-": "mlp", "*": "full_attention"}
    tiny.model(folder, NemotronHConfig(**{**SMALL, "layers_block_type": [kinds[k] for k in pattern], **more}), dtype=dtype)
    conf = tiny.config(folder)
    gone = [k for k in conf if "expert" in k or k.startswith(("moe_", "mtp_", "layers_block", "norm_topk", "n_group", "topk_", "routed_", "num_nextn")) and k != "n_groups"]
    tiny.write(folder, "config.json", {**{k: v for k, v in conf.items() if k not in gone}, "model_type": "nemotron_h_own", "hybrid_override_pattern": pattern, "num_hidden_layers": len(pattern), "rms_norm_eps": 1e-5})
    tiny.byte_level(folder)
    tiny.change(folder, agreed)


VARIANTS = {
    "nemotron-3": routed,
    "nemotron-3-bf16": lambda folder: routed(folder, "bfloat16", n_routed_experts=11, use_conv_bias=False, vocab_size=350, values={"rope_theta": 10000}),
    "nemotron-3-predicting": predicting,
    "nemotron-h": plain,
    "nemotron-h-odd": lambda folder: plain(folder, "M-M*", "float32", vocab_size=345, tie_word_embeddings=False),
}
EACH = ("nemotron-3", "nemotron-h")
NO_LOGITS = {"nemotron-3-bf16": "llama.cpp wants as many rows of the embedding as tokens, and the vocabulary is filled up to a multiple of 8"}
