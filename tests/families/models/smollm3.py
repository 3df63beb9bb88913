"""SmolLM3."""
from transformers import SmolLM3Config

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128, bos_token_id=0, eos_token_id=0, pad_token_id=1)


def smollm3(folder, values=(), dtype="float32", **more):
    tiny.model(folder, SmolLM3Config(**{**SMALL, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    tiny.byte_level(folder)


VARIANTS = {
    "smollm3": lambda folder: smollm3(folder, dtype="bfloat16"),
    "smollm3-untied": lambda folder: smollm3(folder, {"rope_parameters": None}, tie_word_embeddings=False, attention_bias=True),
    "smollm3-yarn": lambda folder: smollm3(folder, rope_parameters={"rope_type": "yarn", "rope_theta": 2000000.0, "factor": 2.0, "original_max_position_embeddings": 64}),
    "smollm3-llama3": lambda folder: smollm3(folder, rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                                                                      "high_freq_factor": 4.0, "original_max_position_embeddings": 64}),
}
NO_LOGITS = {"smollm3-untied": "llama.cpp has no SmolLM3 with biases",
             "smollm3-llama3": "llama.cpp has no SmolLM3 with these rotations"}
