"""gpt-oss with plain experts and with packed ones."""
from transformers import GptOssConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=11, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
             max_position_embeddings=128, num_local_experts=4, num_experts_per_tok=2, sliding_window=32)


def gpt_oss(folder, **more):
    tiny.model(folder, GptOssConfig(**{**SMALL, **more}), dtype="bfloat16")
    tiny.byte_level(folder)


def bare(folder):
    gpt_oss(folder, num_hidden_layers=2)
    rotations = tiny.config(folder)["rope_parameters"]
    tiny.bare(folder, GptOssConfig)
    tiny.edit(folder, rope_scaling={k: v for k, v in rotations.items() if k != "rope_theta"}, rope_theta=rotations["rope_theta"])


def packed(folder):
    """Experts in MXFP4, as they are published."""
    import torch
    gpt_oss(folder)

    def pack(name, tensor):
        if not name.endswith(("experts.down_proj", "experts.gate_up_proj")):
            return {name: tensor}
        experts, inner, outer = tensor.shape
        return {f"{name}_blocks": torch.randint(0, 256, (experts, outer, inner // 32, 16), dtype=torch.uint8),
                f"{name}_scales": torch.randint(100, 140, (experts, outer, inner // 32), dtype=torch.uint8)}

    tiny.rewrite(folder, pack)
    tiny.edit(folder, quantization_config={"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]})


VARIANTS = {"gpt-oss": gpt_oss, "gpt-oss-bare": bare, "gpt-oss-packed": packed}
NO_LOGITS = {"gpt-oss-packed": "the framework unpacks it with packages that are not here"}
