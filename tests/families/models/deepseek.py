"""DeepSeek V2 and V3."""
from transformers import DeepseekV2Config, DeepseekV3Config

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, moe_intermediate_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4,
             max_position_embeddings=128, bos_token_id=0, eos_token_id=0, kv_lora_rank=32, q_lora_rank=48, qk_nope_head_dim=32, qk_rope_head_dim=16, v_head_dim=24,
             n_routed_experts=12, n_shared_experts=2, num_experts_per_tok=2, first_k_dense_replace=1)
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 40.0, "beta_fast": 32, "beta_slow": 1, "mscale": 0.707, "mscale_all_dim": 0.707, "original_max_position_embeddings": 32}


def deepseek(folder, of, values=(), dtype="float32", change=None, **more):
    tiny.model(folder, of(**{**SMALL, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    tiny.byte_level(folder)
    if change:
        tiny.change(folder, change)


def predicted(name, tensor):
    """A fourth layer behind the third, as V3's checkpoints have for predicting a token more."""
    more = {name: tensor}
    if name.startswith("model.layers.2."):
        more[name.replace("layers.2.", "layers.3.")] = tensor
    if name == "model.norm.weight":
        more["model.layers.3.enorm.weight"] = tensor
    return more


WIDE = dict(qk_nope_head_dim=128, v_head_dim=128, kv_lora_rank=128, q_lora_rank=128, moe_intermediate_size=128)
VARIANTS = {
    "deepseek-wide": lambda folder: deepseek(folder, DeepseekV3Config, {"scoring_func": "sigmoid"}, n_group=4, topk_group=2, **WIDE),
    "deepseek-v2": lambda folder: deepseek(folder, DeepseekV2Config, rope_parameters=YARN, routed_scaling_factor=16.0),
    "deepseek-v2-groups": lambda folder: deepseek(folder, DeepseekV2Config, n_group=4, topk_group=2, topk_method="group_limited_greedy", norm_topk_prob=True),
    "deepseek-v2-lite": lambda folder: deepseek(folder, DeepseekV2Config, {"routed_scaling_factor": None}, dtype="bfloat16", q_lora_rank=None, n_shared_experts=1, attention_bias=True),
    "deepseek-v2-routed": lambda folder: deepseek(folder, DeepseekV2Config, first_k_dense_replace=0, n_routed_experts=4, tie_word_embeddings=True),
    "deepseek-v3": lambda folder: deepseek(folder, DeepseekV3Config, {"scoring_func": "sigmoid"}, n_group=4, topk_group=2, dtype="bfloat16", change=predicted, rope_parameters=YARN,
                                           n_shared_experts=1),
    "deepseek-v3-plain": lambda folder: deepseek(folder, DeepseekV3Config, {"norm_topk_prob": None, "n_group": None, "topk_group": None}, first_k_dense_replace=2, n_routed_experts=16,
                                                 rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}),
}
EACH = ("deepseek-wide",)
NO_LOGITS = {"deepseek-v2-groups": "llama.cpp ranks groups as V3 does",
             "deepseek-v2-lite": "llama.cpp knows the lite models by their number of layers",
             "deepseek-v3-plain": "without scoring_func llama.cpp takes softmax"}
