"""Older families, most of which transformers has no class for."""
from transformers import DbrxConfig

import tiny


def dbrx(folder):
    tiny.model(folder, DbrxConfig(vocab_size=350, d_model=64, n_heads=4, n_layers=2, max_seq_len=128, attn_config={"kv_n_heads": 2, "clip_qkv": 8, "rope_theta": 5e5},
                                  ffn_config={"ffn_hidden_size": 96, "hidden_size": 64, "moe_num_experts": 4, "moe_top_k": 2}))
    tiny.byte_level(folder)


def orion(folder):
    shapes = {"model.embed_tokens.weight": (350, 64), "lm_head.weight": (350, 64), "model.norm.weight": (64,), "model.norm.bias": (64,)}
    for i in range(2):
        p = f"model.layers.{i}."
        shapes.update({f"{p}{norm}.{end}": (64,) for norm in ("input_layernorm", "post_attention_layernorm") for end in ("weight", "bias")})
        shapes.update({p + "self_attn.q_proj.weight": (64, 64), p + "self_attn.k_proj.weight": (32, 64), p + "self_attn.v_proj.weight": (32, 64),
                       p + "self_attn.o_proj.weight": (64, 64), p + "mlp.gate_proj.weight": (96, 64), p + "mlp.up_proj.weight": (96, 64),
                       p + "mlp.down_proj.weight": (64, 96), p + "self_attn.rotary_emb.inv_freq": (8,)})
    tiny.weights(folder, {"architectures": ["OrionForCausalLM"], "model_type": "orion", "vocab_size": 350, "hidden_size": 64, "num_hidden_layers": 2,
                          "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96, "rms_norm_eps": 1e-05, "max_sequence_length": 128,
                          "max_position_embeddings": 128}, shapes, dtype="bfloat16")
    tiny.sentencepiece(folder)


def codeshell(folder):
    shapes = {"transformer.wte.weight": (350, 64), "lm_head.weight": (350, 64), "transformer.ln_f.weight": (64,), "transformer.ln_f.bias": (64,)}
    for i in range(2):
        p = f"transformer.h.{i}."
        for name, rows, cols in (("attn.c_attn", 128, 64), ("attn.c_proj", 64, 64), ("mlp.c_fc", 256, 64), ("mlp.c_proj", 64, 256)):
            shapes.update({f"{p}{name}.weight": (rows, cols), f"{p}{name}.bias": (rows,)})
        shapes.update({f"{p}ln_{n}.{end}": (64,) for n in (1, 2) for end in ("weight", "bias")})
        shapes[p + "attn.rotary_emb.inv_freq"] = (8,)
    tiny.weights(folder, {"architectures": ["CodeShellForCausalLM"], "model_type": "codeshell", "vocab_size": 350, "n_positions": 128, "n_embd": 64, "n_layer": 2,
                          "n_head": 4, "num_query_groups": 2, "group_query_attention": True, "layer_norm_epsilon": 1e-05, "n_inner": 256}, shapes)
    tiny.byte_level(folder)


def refact(folder):
    shapes = {"transformer.wte.weight": (350, 64), "lm_head.weight": (350, 64), "transformer.ln_f.weight": (64,)}
    for i in range(2):
        p = f"transformer.h.{i}."
        shapes.update({p + "attn.q.weight": (64, 64), p + "attn.kv.weight": (32, 64), p + "attn.c_proj.weight": (64, 64), p + "mlp.gate_up_proj.weight": (512, 64),
                       p + "mlp.c_proj.weight": (64, 256), p + "ln_1.weight": (64,), p + "ln_2.weight": (64,)})
    tiny.weights(folder, {"architectures": ["GPTRefactForCausalLM"], "model_type": "gpt_refact", "vocab_size": 350, "n_positions": 128, "n_embd": 64, "n_layer": 2,
                          "n_head": 4, "n_inner": None, "layer_norm_epsilon": 1e-05, "multi_query": True}, shapes)
    tiny.byte_level(folder)


VARIANTS = {"dbrx": dbrx, "orion": orion, "codeshell": codeshell, "refact": refact}
