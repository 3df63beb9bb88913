"""Decoders with experts: ERNIE 4.5, MiniMax M2, Arcee's Trinity, K-EXAONE."""
from transformers import AfmoeConfig, Ernie4_5_MoeConfig, ExaoneMoeConfig, MiniMaxM2Config

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128, num_hidden_layers=2, bos_token_id=1, eos_token_id=2)


def ernie(folder, dtype="float32", **more):
    tiny.model(folder, Ernie4_5_MoeConfig(**{**SMALL, "intermediate_size": 128, "moe_intermediate_size": 32, "moe_num_experts": 11, "moe_k": 2, **more}), dtype=dtype)
    tiny.sentencepiece(folder)


def ernie_predicting(folder):
    """With what predicts more tokens, which is left out."""
    import torch
    ernie(folder, "bfloat16", num_hidden_layers=3, moe_layer_interval=2, tie_word_embeddings=False, use_bias=False)
    tiny.change(folder, lambda name, tensor: {name: tensor, **({f"model.mtp_{n}.0.weight": torch.zeros(64) for n in ("emb_norm", "hidden_norm", "linear_proj")} if name == "model.norm.weight" else {})})
    tiny.edit(folder, rope_theta=500000.0, rope_parameters=None)


def minimax(folder, dtype="float32", values=(), **more):
    tiny.model(folder, MiniMaxM2Config(**{**SMALL, "num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 16, "rotary_dim": 8,
                                          "rope_parameters": {"rope_theta": 5000000.0, "rope_type": "default", "partial_rotary_factor": 0.5}, **more}), dtype=dtype)
    tiny.edit(folder, scoring_func="sigmoid", use_routing_bias=True, **dict(values))
    tiny.byte_level(folder)


def afmoe(folder, vocabulary=tiny.byte_level, dtype="float32", values=(), **more):
    tiny.model(folder, AfmoeConfig(**{**SMALL, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "head_dim": 16, "pad_token_id": 0, "num_hidden_layers": 3, "sliding_window": 32,
                                      "mup_enabled": True, **more}), dtype=dtype)
    tiny.edit(folder, **{"score_func": "sigmoid", "route_norm": True, "route_scale": 1.5, **dict(values)})
    vocabulary(folder)


def exaone(folder, dtype="float32", values=(), predicted=0, **more):
    import torch
    tiny.model(folder, ExaoneMoeConfig(**{**SMALL, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "num_hidden_layers": 3, "sliding_window": 32, **more}), dtype=dtype)
    tiny.edit(folder, **{"scoring_func": "sigmoid", "num_nextn_predict_layers": predicted, **dict(values)})
    tiny.byte_level(folder)

    def change(name, tensor):
        made = {name: tensor}
        if name.startswith("model.layers.0.") and predicted:
            made["mtp." + name.removeprefix("model.")] = tensor + 1
        if name == "model.norm.weight":
            made.update({f"mtp.{n}.weight": torch.randn(64, 128 if n == "fc" else 1).squeeze(-1).to(tensor.dtype) for n in ("fc", "norm", "pre_fc_norm_embedding", "pre_fc_norm_hidden") if predicted})
        return made

    tiny.change(folder, change)


VARIANTS = {
    "ernie-moe": ernie,
    "ernie-moe-bf16": lambda folder: ernie(folder, "bfloat16", moe_layer_start_index=2, num_hidden_layers=4, moe_num_shared_experts=1, intermediate_size=64),
    "ernie-moe-unshared": lambda folder: ernie(folder, moe_num_shared_experts=0),
    "ernie-moe-predicting": ernie_predicting,
    "minimax-m2": minimax,
    "minimax-m2-bf16": lambda folder: minimax(folder, "bfloat16", {"rope_theta": 5000000, "rope_parameters": None}, num_local_experts=11),
    "afmoe": afmoe,
    "afmoe-bf16": lambda folder: afmoe(folder, tiny.sentencepiece, "bfloat16", num_experts=11, num_dense_layers=2, num_shared_experts=1),
    "afmoe-plain": lambda folder: afmoe(folder, values={"route_norm": None}),
    "afmoe-yarn": lambda folder: afmoe(folder, num_dense_layers=0, rope_parameters={"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 32}),
    "exaone-moe": exaone,
    "exaone-moe-bf16": lambda folder: exaone(folder, "bfloat16", num_experts=11, tie_word_embeddings=True),
    "exaone-moe-predicting": lambda folder: exaone(folder, predicted=1),
}
EACH = ("ernie-moe", "minimax-m2", "afmoe", "exaone-moe")
NO_LOGITS = {"ernie-moe-predicting": "llama.cpp counts the layers with experts of an interval otherwise",
             "exaone-moe-bf16": "llama.cpp has no K-EXAONE without an output matrix of its own",
             "afmoe-plain": "llama.cpp does not norm the experts' weights where the file does not say so, the framework always does"}
