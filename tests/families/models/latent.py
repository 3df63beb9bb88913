"""Relatives of DeepSeek V3 whose layers that predict more tokens are further layers: V3.2, GLM 4.7 Flash, GLM 5."""
from transformers import DeepseekV32Config, Glm4MoeLiteConfig, GlmMoeDsaConfig

import tiny
from models.routed import TOKENS

# transformers norms the ranks with 1e-6 whatever rms_norm_eps says, llama.cpp with that.
SMALL = dict(rms_norm_eps=1e-6, vocab_size=350, hidden_size=64, intermediate_size=96, moe_intermediate_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4,
             max_position_embeddings=128, bos_token_id=0, eos_token_id=0, kv_lora_rank=32, q_lora_rank=48, qk_nope_head_dim=32, qk_rope_head_dim=16, v_head_dim=24,
             n_routed_experts=12, n_shared_experts=1, num_experts_per_tok=2)
INDEX = dict(index_topk=64, index_head_dim=128, index_n_heads=2, first_k_dense_replace=1, n_group=4, topk_group=2)
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 40.0, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 32}


def predicting(folder, last=2):
    """The last layer once more, with what joins it to the layers before, as published checkpoints have it."""
    tiny.edit(folder, num_nextn_predict_layers=1)

    def more(name, tensor):
        made = {name: tensor}
        if name.startswith(f"model.layers.{last}."):
            made[name.replace(f"layers.{last}.", f"layers.{last + 1}.")] = tensor * 2
        if name == "model.norm.weight":
            made |= {f"model.layers.{last + 1}.{part}.weight": tensor * k for k, part in enumerate(("enorm", "hnorm", "shared_head.norm"), 2)}
        if name == "lm_head.weight":
            made |= {f"model.layers.{last + 1}.shared_head.head.weight": tensor, f"model.layers.{last + 1}.embed_tokens.weight": tensor * 3, f"model.layers.{last + 1}.eh_proj.weight": tensor[:tensor.shape[1]].repeat(1, 2)}
        return made

    tiny.rewrite(folder, more)


def vocabulary(folder):
    tiny.byte_level(folder, special=TOKENS, bos_token=None, eos_token="<|endoftext|>", pad_token="<|endoftext|>", unk_token=None)


def v32(folder, values=(), dtype="bfloat16", predicted=True, **more):
    tiny.model(folder, DeepseekV32Config(**{**SMALL, **INDEX, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    if predicted:
        predicting(folder)
    tiny.byte_level(folder, tokenizer_class="GPT2Tokenizer", add_bos_token=True)
    tiny.two_files(folder)  # with a tokenizer.json transformers 5 forgets add_bos_token, which the converter asks for


def dsa(folder, values=(), dtype="bfloat16", predicted=True, **more):
    tiny.model(folder, GlmMoeDsaConfig(**{**SMALL, **INDEX, "num_hidden_layers": 4, "eos_token_id": [0, 1], **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    if predicted:
        predicting(folder, 3)
    vocabulary(folder)


def lite(folder, values=(), dtype="bfloat16", predicted=True, **more):
    tiny.model(folder, Glm4MoeLiteConfig(**{**SMALL, "eos_token_id": [0, 1], **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    if predicted:
        predicting(folder)
    vocabulary(folder)


WIDE = dict(qk_nope_head_dim=128, v_head_dim=128, kv_lora_rank=128, q_lora_rank=128, moe_intermediate_size=128)
VARIANTS = {
    "v32-wide": lambda folder: v32(folder, {"scoring_func": "sigmoid"}, **WIDE),
    "v32": lambda folder: v32(folder, {"scoring_func": "sigmoid"}, "float32", rope_parameters=YARN),
    "v32-trunk": lambda folder: v32(folder, predicted=False, n_shared_experts=2, norm_topk_prob=False),
    "dsa": lambda folder: dsa(folder, {"scoring_func": "sigmoid"}, **WIDE, indexer_types=["full", "full", "shared", "full"]),
    "dsa-pattern": lambda folder: dsa(folder, {"scoring_func": "sigmoid", "indexer_types": None, "index_topk_pattern": "FFSF"}, "float32", indexer_types=["full", "full", "shared", "full"]),
    "dsa-rhythm": lambda folder: dsa(folder, {"indexer_types": None, "index_topk_freq": 3, "index_skip_topk_offset": 1}, predicted=False, indexer_types=["full", "shared", "shared", "full"]),
    "lite-wide": lambda folder: lite(folder, {"scoring_func": "sigmoid", "first_k_dense_replace": 1}, **WIDE),
    "lite": lambda folder: lite(folder, {"scoring_func": "sigmoid", "first_k_dense_replace": 1}, "float32"),
    "lite-trunk": lambda folder: lite(folder, predicted=False, mlp_layer_types=["dense", "dense", "sparse"], q_lora_rank=None, tie_word_embeddings=True),
}
WITH_MTP = ("v32", "lite", "dsa")
NO_LOGITS = {"v32-trunk": "llama.cpp wants to be told how experts are chosen", "lite-trunk": "llama.cpp wants queries of two matrices"}
EACH = ("v32-wide", "lite-wide", "dsa")
