"""StableLM 1 and 2."""
from transformers import StableLmConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128)


def stablelm(folder, **more):
    tiny.model(folder, StableLmConfig(**{**SMALL, **more}))
    tiny.byte_level(folder)


def bare(folder):
    stablelm(folder)
    tiny.bare(folder, StableLmConfig)


def epoch(folder):
    """The names of before transformers had the class."""
    stablelm(folder)
    tiny.edit(folder, architectures=["StableLMEpochForCausalLM"], model_type="stablelm_epoch", rope_parameters=None, rope_pct=0.25, rope_theta=10000,
              layer_norm_eps=None, norm_eps=1e-05, use_parallel_residual=None)


def head_norms(folder):
    """Norms for each head. The converter gives the stacked ones back as its generator's return value, which nobody takes; here somebody does."""
    from conversion.stablelm import StableLMModel
    original = StableLMModel.modify_tensors

    def followed(self, *args):
        yield from (yield from original(self, *args)) or ()

    if original.__name__ != "followed":
        StableLMModel.modify_tensors = followed
    stablelm(folder, qk_layernorm=True, use_parallel_residual=True, use_qkv_bias=True, num_attention_heads=16, num_key_value_heads=4,
             rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5})


VARIANTS = {
    "stablelm": stablelm,
    "stablelm-bare": bare,
    "stablelm-norms": head_norms,
    "stablelm-epoch": epoch,
}
