"""Decoders that remember otherwise in some layers (LFM2, Jamba); Hunyuan."""
from transformers import BambaConfig, GraniteMoeHybridConfig, HunYuanDenseV1Config, JambaConfig, Lfm2Config, Lfm2MoeConfig

from models.mamba import agreed
import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0)


def made(folder, configuration, values=(), dtype="float32", vocabulary=tiny.byte_level, **more):
    tiny.model(folder, configuration(**{**SMALL, **more}), dtype=dtype)
    tiny.edit(folder, **dict(values))
    vocabulary(folder)
    tiny.change(folder, agreed)


def hunyuan(folder, values=(), stops=None, **more):
    made(folder, HunYuanDenseV1Config, values, **{"head_dim": 16, **more})
    if stops:
        tiny.write(folder, "generation_config.json", {"eos_token_id": stops})


MIXED = ["conv", "full_attention", "conv", "full_attention"]
ALPHA = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 1.0, "alpha": 1000.0, "mscale": 1.0}
def granite(folder, kinds, values=(), **more):
    """Granite's kinds of layers by the names that published configurations have."""
    attends = [k == "attention" for k in kinds]
    made(folder, GraniteMoeHybridConfig, {"layer_types": list(kinds), "rope_theta": 10000, "rope_parameters": None, **dict(values)}, num_hidden_layers=len(kinds),
         layer_types=["full_attention" if a else "linear_attention" for a in attends], mamba_n_heads=8, mamba_d_head=16, mamba_d_state=32, mamba_expand=2, **more)


SCALES = dict(attention_multiplier=0.015625, embedding_multiplier=12.0, residual_multiplier=0.22, logits_scaling=8.0)
LAYERS = ("mamba", "attention", "mamba")
VARIANTS = {
    "lfm2moe": lambda folder: made(folder, Lfm2MoeConfig, layer_types=MIXED, moe_intermediate_size=32, num_experts=11, num_experts_per_tok=2, num_dense_layers=1, dtype="bfloat16"),
    "lfm2moe-routed": lambda folder: made(folder, Lfm2MoeConfig, layer_types=MIXED, moe_intermediate_size=32, num_experts=4, num_experts_per_tok=2, num_dense_layers=0, use_expert_bias=False),
    "lfm2": lambda folder: made(folder, Lfm2Config, layer_types=MIXED, block_multiple_of=32),
    "lfm2-plain": lambda folder: made(folder, Lfm2Config, {"rope_parameters": None}, layer_types=MIXED, block_auto_adjust_ff_dim=False, tie_word_embeddings=False, dtype="bfloat16"),
    "lfm2-scaled": lambda folder: made(folder, Lfm2Config, layer_types=MIXED, block_multiple_of=32, block_ffn_dim_multiplier=1.3),
    "jamba": lambda folder: made(folder, JambaConfig, num_experts=4, num_experts_per_tok=2, attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2, expert_layer_offset=0,
                                 mamba_dt_rank=8, vocabulary=tiny.sentencepiece),
    "jamba-biased": lambda folder: made(folder, JambaConfig, num_experts=11, num_experts_per_tok=2, attn_layer_period=4, attn_layer_offset=2, mamba_proj_bias=True, mamba_conv_bias=False,
                                        dtype="bfloat16", tie_word_embeddings=True, vocabulary=tiny.sentencepiece),
    "hunyuan": lambda folder: hunyuan(folder, dtype="bfloat16"),
    "hunyuan-dynamic": lambda folder: hunyuan(folder, {"eod_token_id": 7}, stops=[5, 6], rope_parameters=ALPHA, max_position_embeddings=32768, tie_word_embeddings=True),
    "hunyuan-biased": lambda folder: hunyuan(folder, attention_bias=True),
    "hunyuan-one": lambda folder: hunyuan(folder, {"num_experts": 1, "rms_norm_eps": None}, stops=5),
    "granite-4-small": lambda folder: granite(folder, LAYERS, num_local_experts=4, num_experts_per_tok=2, shared_intermediate_size=32, tie_word_embeddings=True, dtype="bfloat16",
                                              vocab_size=352, **SCALES),
    "granite-4-micro": lambda folder: granite(folder, LAYERS, num_local_experts=0, num_experts_per_tok=0, shared_intermediate_size=96, mamba_n_groups=2, vocab_size=352, **SCALES),
    "granite-4-odd": lambda folder: granite(folder, LAYERS, num_local_experts=4, num_experts_per_tok=2, shared_intermediate_size=32, vocab_size=353, mamba_proj_bias=True, **SCALES),
    "granite-4-attending": lambda folder: granite(folder, ["attention"] * 2, num_local_experts=0, num_experts_per_tok=0, shared_intermediate_size=96, vocab_size=353, position_embedding_type="rope", **SCALES),
    "granite-4-routed": lambda folder: granite(folder, ["attention"] * 2, num_local_experts=4, num_experts_per_tok=2, shared_intermediate_size=32, position_embedding_type="rope"),
    "bamba": lambda folder: made(folder, BambaConfig, {"rope_theta": 10000.0}, vocab_size=352, attn_layer_indices=[1, 3], mamba_n_heads=8, mamba_d_head=16, mamba_d_state=32, mamba_n_groups=1),
}
EACH = ("lfm2moe", "lfm2", "jamba", "hunyuan", "granite-4-small", "granite-4-micro", "bamba")
NO_LOGITS = {"lfm2moe-routed": "llama.cpp has no LFM2 with experts that are not corrected",
             "jamba-biased": "llama.cpp has no Jamba with these biases",
             "hunyuan-biased": "llama.cpp has no Hunyuan with biases",
             "granite-4-odd": "llama.cpp wants as many rows as there are padded tokens"}
