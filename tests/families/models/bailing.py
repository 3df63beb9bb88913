"""Ling and Ring 2.0, which transformers has no class for."""
import tiny


def ling(folder, values=(), dtype="bfloat16", layers=3, predicted=1, dense=1, experts=12, biased=False, normed=True):
    width, heads, kv, size, inner, mine = 64 * tiny.WIDER, 4, 2, 16 * tiny.WIDER, 96 * tiny.WIDER, 32 * tiny.WIDER
    shapes = {"model.word_embeddings.weight": (350, width), "model.norm.weight": (width,), "lm_head.weight": (350, width)}
    for i in range(layers + predicted):
        layer = f"model.layers.{i}."
        shapes |= {layer + "attention.query_key_value.weight": ((heads + 2 * kv) * size, width), layer + "attention.dense.weight": (width, heads * size),
                   layer + "input_layernorm.weight": (width,), layer + "post_attention_layernorm.weight": (width,)}
        if normed:
            shapes |= {layer + "attention.query_layernorm.weight": (size,), layer + "attention.key_layernorm.weight": (size,)}
        if biased:
            shapes |= {layer + "attention.query_key_value.bias": ((heads + 2 * kv) * size,), layer + "attention.dense.bias": (width,)}
        parts = {"gate": (mine, width), "up": (mine, width), "down": (width, mine)}
        if i < dense:
            shapes |= {layer + "mlp.gate_proj.weight": (inner, width), layer + "mlp.up_proj.weight": (inner, width), layer + "mlp.down_proj.weight": (width, inner)}
        else:
            shapes |= {layer + "mlp.gate.weight": (experts, width), layer + "mlp.gate.expert_bias": (experts,)}
            shapes |= {f"{layer}mlp.experts.{e}.{part}_proj.weight": shape for e in range(experts) for part, shape in parts.items()}
            shapes |= {f"{layer}mlp.shared_experts.{part}_proj.weight": shape for part, shape in parts.items()}
        if i >= layers:
            shapes |= {layer + "eh_proj.weight": (width, 2 * width), layer + "enorm.weight": (width,), layer + "hnorm.weight": (width,), layer + "final_layernorm.weight": (width,)}
    conf = {"architectures": ["BailingMoeV2ForCausalLM"], "model_type": "bailing_moe_v2", "vocab_size": 350, "hidden_size": width, "intermediate_size": inner, "moe_intermediate_size": mine,
            "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv, "head_dim": size, "max_position_embeddings": 128, "num_experts": experts,
            "num_experts_per_tok": 3, "num_shared_experts": 1, "n_group": 4, "topk_group": 2, "first_k_dense_replace": dense, "rope_theta": 600000.0, "partial_rotary_factor": 0.5,
            "rms_norm_eps": 1e-6, "routed_scaling_factor": 2.5, "norm_topk_prob": True, "score_function": "sigmoid", "num_nextn_predict_layers": predicted,
            "eos_token_id": 0, "pad_token_id": 0, "torch_dtype": dtype, **dict(values)}
    tiny.weights(folder, {k: v for k, v in conf.items() if v is not None}, shapes, dtype=dtype)
    tiny.byte_level(folder)


VARIANTS = {
    "ling": ling,
    "ling-trunk": lambda folder: ling(folder, {"n_group": None, "topk_group": None, "score_function": None, "head_dim": None, "partial_rotary_factor": None, "num_nextn_predict_layers": None,
                                               "moe_shared_expert_intermediate_size": 32},
                                      "float32", predicted=0, dense=0, biased=True, normed=False),
    "ling-dense": lambda folder: ling(folder, {"norm_topk_prob": False}, "float16", dense=2),
}
