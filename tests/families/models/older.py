"""Older families, most of which transformers has no class for."""
import json
import os

from transformers import DbrxConfig

import tiny


def llama_shapes(width=64, inner=96):
    shapes = {"model.embed_tokens.weight": (350, width), "lm_head.weight": (350, width), "model.norm.weight": (width,)}
    for i in range(2):
        p = f"model.layers.{i}."
        shapes.update({f"{p}self_attn.{which}_proj.weight": (width, width) for which in "qkvo"})
        shapes.update({p + "mlp.gate_proj.weight": (inner, width), p + "mlp.up_proj.weight": (inner, width), p + "mlp.down_proj.weight": (width, inner),
                       p + "input_layernorm.weight": (width,), p + "post_attention_layernorm.weight": (width,), p + "self_attn.rotary_emb.inv_freq": (8,)})
    return shapes


LLAMA = {"vocab_size": 350, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96, "rms_norm_eps": 1e-06}


def dbrx(folder):
    tiny.model(folder, DbrxConfig(vocab_size=350, d_model=64, n_heads=4, n_layers=2, max_seq_len=128, attn_config={"kv_n_heads": 2, "clip_qkv": 8, "rope_theta": 5e5},
                                  ffn_config={"ffn_hidden_size": 96, "hidden_size": 64, "moe_num_experts": 4, "moe_top_k": 2}))
    tiny.byte_level(folder)


def orion(folder):
    width, inner = 64 * tiny.WIDER, 96 * tiny.WIDER
    shapes = llama_shapes(width, inner)
    for i in range(2):
        p = f"model.layers.{i}."
        shapes.update({f"{p}{norm}.bias": (width,) for norm in ("input_layernorm", "post_attention_layernorm")})
        shapes.update({f"{p}self_attn.{which}_proj.weight": (width // 2, width) for which in "kv"})
    shapes["model.norm.bias"] = (width,)
    tiny.weights(folder, {"architectures": ["OrionForCausalLM"], "model_type": "orion", **LLAMA, "hidden_size": width, "intermediate_size": inner,
                          "num_key_value_heads": 2, "rms_norm_eps": 1e-05, "max_sequence_length": 128, "max_position_embeddings": 64}, shapes, dtype="bfloat16")
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


def baichuan(folder):
    """The converter gives tensors that it only renames to itself again, without end; here they go to its base class, as they did before."""
    from conversion.baichuan import BaichuanModel
    from conversion.base import TextModel
    original = BaichuanModel.modify_tensors

    def handed_on(self, data, name, bid):
        yield from original(self, data, name, bid) if name.endswith("W_pack.weight") else TextModel.modify_tensors(self, data, name, bid)

    if original.__name__ != "handed_on":
        BaichuanModel.modify_tensors = handed_on
    shapes = llama_shapes()
    for i in range(2):
        for which in "qkv":
            del shapes[f"model.layers.{i}.self_attn.{which}_proj.weight"]
        shapes[f"model.layers.{i}.self_attn.W_pack.weight"] = (192, 64)
    tiny.weights(folder, {"architectures": ["BaichuanForCausalLM"], "model_type": "baichuan", "model_max_length": 128, "max_position_embeddings": 128, **LLAMA},
                 shapes, dtype="bfloat16")
    tiny.sentencepiece(folder)


def xverse(folder):
    """As many tokens as the model has: the converter fills nothing up."""
    tiny.byte_level(folder, special=["<pad>", "<|startoftext|>", "<|endoftext|>", *(f"<0x{b:02X}>" for b in range(20))])
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        size = len(json.load(file)["model"]["vocab"])
    tiny.weights(folder, {"architectures": ["XverseForCausalLM"], "model_type": "xverse", "max_position_embeddings": 128, **LLAMA, "vocab_size": size},
                 {**llama_shapes(), "model.embed_tokens.weight": (size, 64), "lm_head.weight": (size, 64)}, dtype="bfloat16")


VARIANTS = {"orion": orion, "dbrx": dbrx, "codeshell": codeshell, "refact": refact, "baichuan": baichuan, "xverse": xverse}
