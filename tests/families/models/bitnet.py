"""BitNet as first published: its names are those of the model's own program, its weights are rounded to three values on the way."""
import torch
from transformers import BitNetConfig, LlamaConfig

import tiny

torch.set_num_threads(1)  # PyTorch's mean of a large tensor depends on the number of threads; docs/recipes.md says which one is meant

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
             tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)


def first(name, tensor):
    """The name as first published; an output matrix of its own there is none."""
    name = name.replace("self_attn.attn_sub_norm", "self_attn.inner_attn_ln").replace("mlp.ffn_sub_norm", "mlp.ffn_layernorm")
    return None if name == "lm_head.weight" else {name: tensor}


def bitnet(folder, dtype="float32", change=first, **more):
    tiny.model(folder, BitNetConfig(**{**SMALL, **more}), dtype=dtype)
    tiny.change(folder, change)
    tiny.edit(folder, architectures=["BitnetForCausalLM"])
    tiny.sentencepiece(folder)


def of_llama(folder):
    """As the first ones were: a configuration of Llama's class, without what it says anyway."""
    bitnet(folder)
    conf = tiny.config(folder)
    tiny.write(folder, "config.json", {k: v for k, v in {**conf, "model_type": "llama"}.items() if k not in ("rms_norm_eps", "rope_parameters", "head_dim")})


def bare(folder):
    bitnet(folder, num_key_value_heads=5, num_attention_heads=10, hidden_size=80, rope_parameters=None)
    tiny.bare(folder, BitNetConfig)
    tiny.edit(folder, architectures=["BitNetForCausalLM"])


def packed(folder, scale="float32"):
    """Four rows of ternary weights in the bits of one."""
    def change(name, tensor):
        made = first(name, tensor)
        if not name.endswith("_proj.weight"):
            return made
        rows = torch.randint(0, 3, tensor.shape, dtype=torch.uint8).reshape(4, tensor.shape[0] // 4, -1)
        return {name: rows[0] | rows[1] << 2 | rows[2] << 4 | rows[3] << 6, name + "_scale": torch.tensor([13.625]).to(getattr(torch, scale))}

    bitnet(folder, change=change)
    tiny.edit(folder, quantization_config={"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "offline"})


def odd(folder):
    """Sizes where sums end within a row of vectors, values around a half of the mean, zeros with a sign, a tensor of nothing but tiny values."""
    def change(name, tensor):
        if name.endswith("k_proj.weight"):
            tensor = tensor * 0 + 1e-7 * tensor.sign()
        if name.endswith("q_proj.weight"):
            tensor = torch.randint(-2, 3, tensor.shape).float() * torch.tensor([0.5, -1.0, 1.0])[torch.randint(0, 3, tensor.shape)]
        return first(name, tensor)

    bitnet(folder, change=change, hidden_size=68, intermediate_size=99, rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0})


VARIANTS = {
    "bitnet": bitnet,
    "bitnet-bf16": lambda folder: bitnet(folder, "bfloat16", rope_parameters={"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0}),
    "bitnet-f16": lambda folder: bitnet(folder, "float16"),
    "bitnet-llama": of_llama,
    "bitnet-bare": bare,
    "bitnet-packed": packed,
    "bitnet-packed-bf16": lambda folder: packed(folder, "bfloat16"),
    "bitnet-odd": odd,
    "bitnet-wide": lambda folder: bitnet(folder, hidden_size=1024, intermediate_size=2052, num_hidden_layers=1),
    "bitnet-blocks": lambda folder: bitnet(folder, "bfloat16", hidden_size=256, intermediate_size=512, num_hidden_layers=1),
}
EACH = ("bitnet", "bitnet-blocks")  # blocks of three values are as long as these rows
EAGER = ("bitnet-packed", "bitnet-packed-bf16")
NO_LOGITS = {"bitnet-bare": "transformers has no class for this network; the one of this name has other norms and another activation"}
