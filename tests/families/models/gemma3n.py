"""Gemma 3n: four inputs side by side, embeddings for each layer, keys and values that layers share."""
from transformers import Gemma3nTextConfig

import tiny
from models import gemma

LAYERS = ["sliding_attention", "full_attention"] * 2
SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=[96] * 4, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=16, max_position_embeddings=128, sliding_window=32,
             vocab_size_per_layer_input=350, hidden_size_per_layer_input=256, num_kv_shared_layers=2, laurel_rank=64, activation_sparsity_pattern=[0.95, 0.0, 0.95, 0.0], layer_types=LAYERS,
             bos_token_id=2, eos_token_id=1, pad_token_id=0)


def gemma3n(folder, dtype="float32", **more):
    tiny.model(folder, Gemma3nTextConfig(**{**SMALL, **more}), dtype=dtype)
    tiny.sentencepiece(folder)


def beside(folder):
    """As it is published: beside towers, with a table of fewer rows than tokens."""
    gemma3n(folder, "bfloat16", vocab_size_per_layer_input=340)
    text = tiny.config(folder)
    text.pop("architectures")
    tiny.write(folder, "config.json", {"architectures": ["Gemma3nForConditionalGeneration"], "model_type": "gemma3n", "text_config": text})
    tiny.change(folder, lambda name, tensor: {name.replace("model.", "model.language_model.", 1): tensor,
                                              **({"model.vision_tower.x.weight": tensor, "model.audio_tower.x.weight": tensor, "model.embed_vision.x.weight": tensor} if name == "model.norm.weight" else {})})


VARIANTS = {
    "gemma3n": gemma3n,
    "gemma3n-bf16": lambda folder: gemma3n(folder, "bfloat16", num_kv_shared_layers=0, intermediate_size=96),
    "gemma3n-sparse": lambda folder: gemma3n(folder, num_kv_shared_layers=0, activation_sparsity_pattern=[0.95] * 4, layer_types=["sliding_attention"] * 4, sliding_window=64),
    "gemma3n-beside": beside,
    "gemma3n-head": lambda folder: gemma.head(folder, gemma3n),
    "gemma3n-rows": lambda folder: gemma3n(folder, "bfloat16", vocab_size=1450),
}
NO_LOGITS = {"gemma3n-rows": "as gemma3n",
             "gemma3n-head": "as gemma3n", "gemma3n": "llama.cpp knows which layers share keys by their number alone, and wants every layer's",
             "gemma3n-bf16": "llama.cpp knows which layers are sparse, and which slide, by their number alone",
             "gemma3n-beside": "the framework loads the whole model with its towers only"}
