"""A Hugging Face folder of the smallest Llama, without a card, with the standard library alone."""
import json
import os
import struct

import flow

LAYER = {"self_attn.q_proj": [16, 16], "self_attn.k_proj": [16, 16], "self_attn.v_proj": [16, 16], "self_attn.o_proj": [16, 16],
         "mlp.gate_proj": [32, 16], "mlp.up_proj": [32, 16], "mlp.down_proj": [16, 32], "input_layernorm": [16], "post_attention_layernorm": [16]}
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
          "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "vocab_size": 8,
          "rope_theta": 10000.0, "bos_token_id": 1, "eos_token_id": 2}


def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


def vocabulary():
    """A tokenizer.model of eight pieces."""
    pieces = [("<unk>", 2), ("<s>", 3), ("</s>", 3), *((c, 1) for c in "abcde")]
    return b"".join(field(1, field(1, p.encode()) + b"\x15" + struct.pack("<f", -float(i)) + bytes([0x18, kind]))
                    for i, (p, kind) in enumerate(pieces)) + field(2, bytes([0x18, 2]))


def make(folder):
    """Writes it, and gives {name: bytes}."""
    os.makedirs(folder)
    flow.write_safetensors(os.path.join(folder, "model.safetensors"), [
        ("model.embed_tokens.weight", [8, 16]), ("model.norm.weight", [16]), ("lm_head.weight", [8, 16]),
        *((f"model.layers.0.{name}.weight", shape) for name, shape in LAYER.items())])
    for name, data in (("config.json", json.dumps(CONFIG).encode()), ("tokenizer.model", vocabulary())):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    files = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as f:
            files[name] = f.read()
    return files
