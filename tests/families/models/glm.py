"""GLM 4 and ChatGLM."""
from transformers import Glm4Config, GlmConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
             max_position_embeddings=128, eos_token_id=[0, 1], pad_token_id=0)
TOKENS = ("<|endoftext|>", "<|user|>", "[gMASK]", "<|observation|>")


def glm(folder, of, values=(), dtype="float32", vocabulary=(), **more):
    tiny.model(folder, of(**{**SMALL, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    tiny.byte_level(folder, special=TOKENS, **{"bos_token": None, "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "unk_token": None, **dict(vocabulary)})


def chatglm(folder, biased=True, **more):
    shapes = {"transformer.embedding.word_embeddings.weight": (350, 64), "transformer.rotary_pos_emb.inv_freq": (8,),
              "transformer.encoder.final_layernorm.weight": (64,), "transformer.output_layer.weight": (350, 64)}
    for i in range(2):
        layer = f"transformer.encoder.layers.{i}."
        shapes |= {layer + "self_attention.query_key_value.weight": (64 + 2 * 32, 64), layer + "self_attention.dense.weight": (64, 64),
                   layer + "mlp.dense_h_to_4h.weight": (192, 64), layer + "mlp.dense_4h_to_h.weight": (64, 96),
                   layer + "input_layernorm.weight": (64,), layer + "post_attention_layernorm.weight": (64,)}
        if biased:
            shapes[layer + "self_attention.query_key_value.bias"] = (64 + 2 * 32,)
    tiny.weights(folder, {"architectures": ["ChatGLMModel"], "model_type": "chatglm", "num_layers": 2, "hidden_size": 64, "ffn_hidden_size": 96, "num_attention_heads": 4,
                          "multi_query_attention": True, "multi_query_group_num": 2, "kv_channels": 16, "seq_length": 2048, "padded_vocab_size": 350, "vocab_size": 350,
                          "layernorm_epsilon": 1.5625e-07, "eos_token_id": [0, 1], "pad_token_id": 0, "torch_dtype": "bfloat16", **more}, shapes, dtype="bfloat16")
    tiny.byte_level(folder, special=TOKENS, eos_token="<|endoftext|>", unk_token=None, bos_token=None)


VARIANTS = {
    "glm4": lambda folder: glm(folder, Glm4Config, dtype="bfloat16"),
    "glm4-given": lambda folder: glm(folder, Glm4Config, {"rms_norm_eps": None, "num_key_value_heads": None}, vocabulary={"bos_token": "[gMASK]", "unk_token": "<|user|>"},
                                     tie_word_embeddings=True, attention_bias=False),
    "glm4-yarn": lambda folder: glm(folder, Glm4Config, rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "partial_rotary_factor": 0.25,
                                                                         "original_max_position_embeddings": 32}),
    "glm": lambda folder: glm(folder, GlmConfig),
    "glm-plain": lambda folder: glm(folder, GlmConfig, vocabulary={"bos_token": "[gMASK]", "add_bos_token": True}, attention_bias=False, dtype="bfloat16"),
    "chatglm": chatglm,
    "chatglm-long": lambda folder: chatglm(folder, biased=False, rope_ratio=500, add_qkv_bias=False),
}
EACH = ("glm4", "glm")
