"""Decoders without their head, as AutoModel and sentence-transformers save them: names without model., pooling in modules.json."""
import os

from transformers import Gemma3TextConfig, LlamaConfig, Qwen2Config, Qwen3Config

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2)


def pooling(folder, **conf):
    os.mkdir(os.path.join(folder, "1_Pooling"))
    tiny.write(folder, "modules.json", [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                                        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                                        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}])
    tiny.write(folder, "1_Pooling/config.json", {"word_embedding_dimension": 64, **conf})


def made(folder, configuration, vocabulary=tiny.byte_level, dtype="float32", pooled=None, values=(), of="AutoModel", **more):
    tiny.model(folder, configuration(**{**SMALL, **more}), of, dtype)
    tiny.edit(folder, **dict(values))
    vocabulary(folder)
    if pooled:
        pooling(folder, **pooled)


def gemma(folder, **more):
    made(folder, Gemma3TextConfig, tiny.sentencepiece, pooled={"pooling_mode_mean_tokens": True}, head_dim=16, sliding_window=32, query_pre_attn_scalar=16, **more)
    conf = tiny.config(folder)
    tiny.edit(folder, sliding_window=64 if conf.get("use_bidirectional_attention") else conf["sliding_window"])


def head(folder):
    import torch
    gemma(folder)
    tiny.change(folder, lambda name, tensor: {"model." + name: tensor, **({"lm_head.weight": torch.randn(tensor.shape)} if name.endswith("embed_tokens.weight") else {})})


def reranker(folder, words=("yes", "no"), card="# Qwen3-Reranker-0.6B\n", **more):
    made(folder, Qwen3Config, of="AutoModelForCausalLM", head_dim=16, vocabulary=lambda f: tiny.byte_level(f, special=("<|endoftext|>", *words, "|")), **more)
    tiny.write(folder, "README.md", card)


LAST = {"pooling_mode_lasttoken": True, "pooling_mode_mean_tokens": False}
VARIANTS = {
    "qwen3-embedding": lambda folder: made(folder, Qwen3Config, dtype="bfloat16", pooled=LAST, values={"architectures": ["Qwen3ForCausalLM"]}, head_dim=16, tie_word_embeddings=True),
    "qwen3-model": lambda folder: made(folder, Qwen3Config, pooled={"pooling_mode": "cls"}, head_dim=16),
    "qwen3-whole": lambda folder: made(folder, Qwen3Config, pooled=LAST, of="AutoModelForCausalLM", head_dim=16),
    "qwen3-reranker": lambda folder: reranker(folder, dtype="bfloat16", tie_word_embeddings=True),
    "qwen3-reranker-untied": lambda folder: reranker(folder, ("no", "a", "b", "yes"), "Nothing.\n"),
    "qwen2-model": lambda folder: made(folder, Qwen2Config, dtype="float16", pooled={"pooling_mode_mean_tokens": True}),
    "qwen2-bare": lambda folder: made(folder, Qwen2Config, values={"architectures": ["Qwen2ForCausalLM"]}, tie_word_embeddings=True),
    "llama-model": lambda folder: made(folder, LlamaConfig, tiny.sentencepiece, num_key_value_heads=1),
    "llama-bare": lambda folder: made(folder, LlamaConfig, values={"architectures": ["LlamaForCausalLM"]}, tie_word_embeddings=True),
    "llama-embed": lambda folder: made(folder, LlamaConfig, values={"architectures": ["LlamaBidirectionalModel"], "model_type": "llama_bidirec", "rope_theta": 500000.0, "rope_parameters": None}),
    "embedding-gemma": lambda folder: gemma(folder, use_bidirectional_attention=True),
    "embedding-gemma-head": lambda folder: head(folder),
    "embedding-gemma-bf16": lambda folder: gemma(folder, dtype="bfloat16", layer_types=["full_attention", "sliding_attention"]),
}
EACH = ("qwen3-embedding", "embedding-gemma", "llama-model")
NO_LOGITS = {"qwen3-reranker-untied": "a reranker's file has no output matrix but the rows of yes and no",
             "embedding-gemma": "llama.cpp ends itself where an encoder is asked for tokens' logits", "embedding-gemma-bf16": "as embedding-gemma", "embedding-gemma-head": "as embedding-gemma"}
