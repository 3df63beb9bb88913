"""GPT-NeoX. The converter asks for rotary_pct, which transformers takes out of the configurations that it knows: these have a model_type that it does not know."""
from transformers import GPTNeoXConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=128)


def gptneox(folder, share=0.25, **more):
    tiny.model(folder, GPTNeoXConfig(**SMALL, **more))
    tiny.edit(folder, rope_parameters=None, rotary_pct=share, rotary_emb_base=10000, model_type="gptneox")
    tiny.byte_level(folder)


VARIANTS = {
    "gptneox": gptneox,
    "gptneox-serial": lambda folder: gptneox(folder, 0.5, use_parallel_residual=False, attention_bias=False, tie_word_embeddings=True),
}
