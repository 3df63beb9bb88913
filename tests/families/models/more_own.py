"""InternLM 3, and OpenELM, which transformers has no class for."""
from transformers import InternLM3Config

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2)


def internlm3(folder, dtype="float32", decoder=None, **more):
    tiny.model(folder, InternLM3Config(**{**SMALL, **more}), dtype=dtype)
    tiny.edit(folder, architectures=["InternLM3ForCausalLM"])
    tiny.sentencepiece(folder)
    if decoder:
        import json
        import os
        with open(os.path.join(folder, "tokenizer_config.json"), encoding="utf-8") as file:
            tiny.write(folder, "tokenizer_config.json", {**json.load(file), "added_tokens_decoder": decoder, "add_prefix_space": False})


def openelm(folder, dtype="float32"):
    heads, kv, inner = [4, 8, 12], [1, 2, 3], [32, 96, 256]
    conf = {"architectures": ["OpenELMForCausalLM"], "model_type": "openelm", "vocab_size": 350, "model_dim": 64, "head_dim": 16, "num_transformer_layers": 3, "max_context_length": 128,
            "num_query_heads": heads, "num_kv_heads": kv, "ffn_multipliers": [0.5, 1.29, 4.0], "ffn_dim_divisor": 32, "rope_freq_constant": 10000, "share_input_output_layers": True,
            "normalize_qk_projections": True, "num_gqa_groups": 4, "bos_token_id": 1, "eos_token_id": 2}
    shapes = {"transformer.token_embeddings.weight": (350, 64), "transformer.norm.weight": (64,)}
    for i in range(3):
        at = f"transformer.layers.{i}."
        shapes.update({at + "attn_norm.weight": (64,), at + "ffn_norm.weight": (64,), at + "attn.qkv_proj.weight": ((heads[i] + 2 * kv[i]) * 16, 64), at + "attn.out_proj.weight": (64, heads[i] * 16),
                       at + "attn.q_norm.weight": (16,), at + "attn.k_norm.weight": (16,), at + "ffn.proj_1.weight": (2 * inner[i], 64), at + "ffn.proj_2.weight": (64, inner[i])})
    tiny.weights(folder, conf, shapes, dtype)
    tiny.sentencepiece(folder)


END = {"5": {"content": "<|im_end|>", "special": True}, "6": {"content": "<|im_start|>", "special": True}, "7": {"content": "a b", "special": False}}
VARIANTS = {
    "internlm3": internlm3,
    "internlm3-chat": lambda folder: internlm3(folder, "bfloat16", END, tie_word_embeddings=True),
    "openelm": openelm,
    "openelm-bf16": lambda folder: openelm(folder, "bfloat16"),
}
EACH = ("internlm3", "openelm")
