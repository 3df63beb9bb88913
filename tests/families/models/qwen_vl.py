"""The text models of Qwen3-VL."""
from transformers import Qwen3VLConfig, Qwen3VLMoeConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16, max_position_embeddings=128)
ROUTED = dict(SMALL, moe_intermediate_size=48, num_experts=12, num_experts_per_tok=3)
VISION = dict(depth=2, hidden_size=32, intermediate_size=48, num_heads=2, patch_size=8, out_hidden_size=64, num_position_embeddings=16, deepstack_visual_indexes=[1])
MROPE = {"rope_type": "default", "rope_theta": 5000000.0, "mrope_section": [4, 2, 2], "mrope_interleaved": True}


def vl(folder, of=Qwen3VLConfig, values=SMALL, dtype="bfloat16", tied=False, **more):
    tiny.model(folder, of(text_config={**values, **more}, vision_config=VISION, tie_word_embeddings=tied), of.__name__.replace("Config", "ForConditionalGeneration"), dtype=dtype)
    conf = tiny.config(folder)["text_config"]
    inputs = {"gate_up_proj": conf["hidden_size"], "down_proj": conf.get("moe_intermediate_size")}

    def published(name, tensor):
        """Experts as published checkpoints have them: experts x inputs x outputs. transformers reads both, and writes the other."""
        size = inputs.get(name.rsplit(".", 1)[1]) if ".experts." in name else None
        return {name: tensor.transpose(1, 2) if size and tensor.shape[1] != size else tensor}

    tiny.rewrite(folder, published)
    tiny.byte_level(folder)


VARIANTS = {
    "qwen3vl": lambda folder: vl(folder, rope_parameters=MROPE),
    "qwen3vl-tied": lambda folder: vl(folder, dtype="float32", tied=True, rope_parameters=MROPE, num_key_value_heads=4),
    "qwen3vlmoe": lambda folder: vl(folder, Qwen3VLMoeConfig, ROUTED, rope_parameters=MROPE),
    "qwen3vlmoe-plain": lambda folder: vl(folder, Qwen3VLMoeConfig, ROUTED, "float16"),
}
NO_LOGITS = {"qwen3vlmoe-plain": "llama.cpp wants rotations in sections"}
EACH = ("qwen3vl", "qwen3vlmoe")
