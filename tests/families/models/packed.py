"""Packed weights as they are published, unpacked on the way: a Llama whose projections are FP8 in blocks, GPTQ, or compressed-tensors."""
import os

from transformers import LlamaConfig, Qwen3MoeConfig

import tiny
from models.llama import SMALL


def pack(folder, conf, change, of=LlamaConfig, **more):
    """Replaces each projection X.weight of a Llama, or of another class, by what change(weight) gives: {ending: tensor}."""
    from safetensors.torch import load_file, save_file
    tiny.model(folder, of(**{**SMALL, **more}))
    if of is LlamaConfig:
        tiny.sentencepiece(folder)
    else:
        tiny.byte_level(folder)
    path = os.path.join(folder, "model.safetensors")
    tensors, out = load_file(path), {}
    for name, tensor in tensors.items():
        if name.endswith("_proj.weight"):
            out.update({name.removesuffix("weight") + end: t.contiguous() for end, t in change(tensor).items()})
        else:
            out[name] = tensor
    save_file(out, path, {"format": "pt"})
    tiny.edit(folder, quantization_config=conf)


def fp8(folder, block):
    import torch

    def change(weight):
        rows, cols = [-(-n // b) for n, b in zip(weight.shape, block or weight.shape)]
        scale = torch.rand(rows, cols) * 0.01 + 0.001
        return {"weight": (weight * 100).to(torch.float8_e4m3fn), "weight_scale_inv": scale if block else scale[0, 0]}

    pack(folder, {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": block}, change)


def gptq(folder, bits=4, dtype="float16", **more):
    import torch

    def change(weight):
        out, inner = weight.shape
        each, groups = 32 // bits, inner // 32
        ints = lambda *shape: torch.randint(-2 ** 31, 2 ** 31 - 1, shape, dtype=torch.int64).to(torch.int32)
        return {"qweight": ints(inner // each, out), "qzeros": ints(groups, out // each), "scales": (torch.rand(groups, out) * 0.1).to(getattr(torch, dtype)),
                "g_idx": (torch.arange(inner) // 32).to(torch.int32)}

    pack(folder, {"quant_method": "gptq", "bits": bits, "group_size": 32, "desc_act": False, "sym": True, **more}, change)


def channels(folder, kind):
    """compressed-tensors with a scale for each row."""
    import torch

    def change(weight):
        small = (weight * 100).to(torch.float8_e4m3fn if kind == "float" else torch.int8)
        return {"weight": small, "weight_scale": (torch.rand(weight.shape[0], 1) * 0.01 + 0.001).to(torch.bfloat16)}

    pack(folder, {"quant_method": "compressed-tensors", "format": f"{kind}-quantized", "config_groups": {
        "group_0": {"targets": ["Linear"], "weights": {"num_bits": 8, "type": kind, "strategy": "channel", "symmetric": True}}}}, change)


def grouped(folder, zeros=False):
    """compressed-tensors with integers in 32 bit words."""
    import torch

    def change(weight):
        out, inner = weight.shape
        ints = lambda *shape: torch.randint(-2 ** 31, 2 ** 31 - 1, shape, dtype=torch.int64).to(torch.int32)
        made = {"weight_packed": ints(out, inner // 8), "weight_shape": torch.tensor([out, inner]),
                "weight_scale": (torch.rand(out, inner // 32) * 0.1).to(torch.bfloat16)}
        return {**made, "weight_zero_point": ints(out // 8, inner // 32)} if zeros else made

    pack(folder, {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {
        "group_0": {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": not zeros}}}}, change)


def nvfp4(folder, scale=True, pressed=False, **more):
    """ModelOpt's form, or compressed-tensors' with its reciprocals."""
    import torch

    def change(weight):
        out, inner = weight.shape
        packed = torch.randint(0, 256, (out, inner // 2), dtype=torch.uint8)
        scales = (torch.rand(out, inner // 16) * 3 + 0.1).to(torch.float8_e4m3fn)
        if weight.dim() > 2:
            raise AssertionError("experts one by one")
        whole, inputs = (torch.rand(2) * 0.01 + 0.001) if scale else torch.ones(2)
        if pressed:
            return {"weight_packed": packed, "weight_scale": scales, "weight_global_scale": (1 / whole).reshape(1), "input_global_scale": (1 / inputs).reshape(1)}
        return {"weight": packed, "weight_scale": scales, "weight_scale_2": whole.clone(), "input_scale": inputs.clone()}

    conf = {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"]}
    if pressed:
        conf = {"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized", "config_groups": {
            "group_0": {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16, "symmetric": True}}}}
    pack(folder, conf, change, intermediate_size=128, num_key_value_heads=4, **more)


VARIANTS = {
    "fp8-blocks": lambda folder: fp8(folder, [32, 48]),
    "fp8-whole": lambda folder: fp8(folder, None),
    "gptq-4": gptq,
    "gptq-8": lambda folder: gptq(folder, 8),
    "gptq-2": lambda folder: gptq(folder, 2, "bfloat16"),
    "gptq-v2": lambda folder: gptq(folder, checkpoint_format="gptq_v2"),
    "channels-fp8": lambda folder: channels(folder, "float"),
    "channels-int8": lambda folder: channels(folder, "int"),
    "nvfp4": nvfp4,
    "nvfp4-unscaled": lambda folder: nvfp4(folder, scale=False),
    "nvfp4-compressed": lambda folder: nvfp4(folder, pressed=True),
    "nvfp4-experts": lambda folder: nvfp4(folder, of=Qwen3MoeConfig, head_dim=16, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=64),
    "nvfp4-experts-unscaled": lambda folder: nvfp4(folder, scale=False, of=Qwen3MoeConfig, head_dim=16, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=64),
    "grouped": grouped,
    "grouped-zeros": lambda folder: grouped(folder, True),
}
NO_LOGITS = {name: "the framework unpacks it with packages that are not here" for name in VARIANTS}
