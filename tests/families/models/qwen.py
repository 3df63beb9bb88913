"""Qwen 2 and 3, with experts and without."""
from transformers import Qwen2Config, Qwen2MoeConfig, Qwen3Config, Qwen3MoeConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128)


def qwen2(folder, **more):
    tiny.model(folder, Qwen2Config(**SMALL, **more))
    tiny.byte_level(folder)


def qwen3(folder, **more):
    tiny.model(folder, Qwen3Config(**SMALL, head_dim=16, **more), dtype="bfloat16")
    tiny.byte_level(folder)


def qwen2moe(folder, **more):
    tiny.model(folder, Qwen2MoeConfig(**{**SMALL, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 64, "num_experts": 12,
                                         "num_experts_per_tok": 3, **more}))
    tiny.byte_level(folder)


def qwen3moe(folder, **more):
    tiny.model(folder, Qwen3MoeConfig(**{**SMALL, "head_dim": 16, "moe_intermediate_size": 32, "num_experts": 12, "num_experts_per_tok": 3,
                                         "norm_topk_prob": True, **more}),
               dtype="bfloat16")
    tiny.byte_level(folder)


def bare(folder, make, configuration):
    make(folder)
    tiny.bare(folder, configuration)


def head(folder, make):
    """An output matrix of its own, though config.json says that there is none."""
    make(folder)
    tiny.edit(folder, tie_word_embeddings=True)


def joint(folder, make):
    """All experts in one tensor, as newer checkpoints have them."""
    import torch
    make(folder)
    experts = {}

    def gather(name, tensor):
        if ".experts." not in name:
            return {name: tensor}
        stem, number, part, _ = name.rsplit(".", 3)
        experts.setdefault(stem, {}).setdefault(part, {})[int(number)] = tensor
        return {}

    tiny.rewrite(folder, gather)
    stacked = {f"{stem}.{part}": torch.stack([each[i] for i in range(len(each))]) for stem, parts in experts.items() for part, each in parts.items()}
    joined = {f"{stem}.gate_up_proj": torch.cat([stacked[f"{stem}.gate_proj"], stacked[f"{stem}.up_proj"]], 1) for stem in experts}
    joined.update({f"{stem}.down_proj": stacked[f"{stem}.down_proj"] for stem in experts})
    first = "model.norm.weight"
    tiny.rewrite(folder, lambda name, tensor: {name: tensor, **(joined if name == first else {})})


VARIANTS = {
    "qwen2": qwen2,
    "qwen2-yarn": lambda folder: qwen2(folder, rope_parameters={"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 4.0, "original_max_position_embeddings": 32}),
    "qwen2moe": qwen2moe,
    "qwen2moe-bare": lambda folder: bare(folder, qwen2moe, Qwen2MoeConfig),
    "qwen2moe-joint": lambda folder: joint(folder, qwen2moe),
    "qwen2moe-tied": lambda folder: qwen2moe(folder, qkv_bias=False, tie_word_embeddings=True, num_hidden_layers=3),
    "qwen3moe": qwen3moe,
    "qwen3moe-bare": lambda folder: bare(folder, qwen3moe, Qwen3MoeConfig),
    "qwen3moe-biases": lambda folder: qwen3moe(folder, attention_bias=True),
    "qwen2-head": lambda folder: head(folder, qwen2),
    "qwen3moe-yarn": lambda folder: qwen3moe(folder, rope_parameters={"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 4.0,
                                                                                             "original_max_position_embeddings": 32}),
    "qwen3": qwen3,
    "qwen3-biases": lambda folder: qwen3(folder, attention_bias=True),
    "qwen3-tied": lambda folder: qwen3(folder, tie_word_embeddings=True),
}
NO_LOGITS = {
    "qwen2moe-tied": "llama.cpp wants an output matrix of this architecture",
    "qwen3-biases": "llama.cpp has no place for a bias of the output projection",
    "qwen3moe-biases": "llama.cpp has no place for a bias of the output projection",
}
