"""Gemma 4: text models alone and beside towers, with experts, with keys and values that later layers share."""
import tiny
import transformers
from models import vocabularies

LAYERS = ["sliding_attention", "full_attention"] * 2
TEXT = dict(vocab_size=344, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
            head_dim=16, global_head_dim=32, sliding_window=32, layer_types=LAYERS, hidden_size_per_layer_input=8, vocab_size_per_layer_input=344)
VISION = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, head_dim=16, patch_size=4)
EXPERTS = dict(enable_moe_block=True, num_experts=4, top_k_experts=2, moe_intermediate_size=32)


def tokens(folder):
    vocabularies.pieces_as_json(folder, [("<|channel>", True), ("<turn|>", True), ("<|\"|>", False), ("<plain>", False)])


def gemma4(folder, dtype="float32", **more):
    tokens(folder)
    tiny.model(folder, transformers.Gemma4TextConfig(**{**TEXT, **more}), "Gemma4ForCausalLM", dtype)


def tower(folder, dtype="bfloat16", **more):
    tokens(folder)
    tiny.model(folder, transformers.Gemma4Config(text_config={**TEXT, **more}, vision_config=VISION, audio_config=None), "Gemma4ForConditionalGeneration", dtype)


def published(folder):
    """Sizes of the layers that look at all tokens as the published configurations say them."""
    tower(folder, attention_k_eq_v=True, num_global_key_value_heads=1)
    text = tiny.config(folder)["text_config"]
    del text["per_layer_config"]
    tiny.edit(folder, text_config={**text, "global_head_dim": 32, "num_global_key_value_heads": 1})


VARIANTS = {
    "gemma4": gemma4,
    "gemma4-rows": lambda folder: gemma4(folder, vocab_size=350),
    "gemma4-tower": tower,
    "gemma4-tower-experts": lambda folder: tower(folder, hidden_size_per_layer_input=0, **EXPERTS),
    "gemma4-published": published,
    "gemma4-shared": lambda folder: gemma4(folder, "bfloat16", num_kv_shared_layers=2, use_double_wide_mlp=True, final_logit_softcapping=30.0),
    "gemma4-experts": lambda folder: gemma4(folder, "bfloat16", hidden_size_per_layer_input=0, **EXPERTS),
}
EACH = ["gemma4", "gemma4-experts"]
NO_LOGITS = {"gemma4-rows": "llama.cpp wants as many rows as the vocabulary has tokens; the converter leaves those of added tokens twice"}
