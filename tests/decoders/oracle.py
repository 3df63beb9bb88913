"""Packed weights come out as the converter and the frameworks unpack them, to the byte, whatever the type, the tile and the threads.

The oracle is llama.cpp's own converter (ModelBase.dequant_model, repack_mxfp4_blocks, _nvfp4_pack, and gpt-oss' transform_nibble_layout).
It does not know AWQ: there it is AutoAWQ's own dequantize_gemm (awq/utils/packing_utils.py)."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ORACLES = Path(os.environ["GGX_ORACLES"])
sys.path[:0] = [str(ORACLES / "llama.cpp"), str(ORACLES / "llama.cpp/gguf-py")]
try:
    import numpy as np
    import torch
    from gguf import GGUFReader
    from safetensors.torch import save_file
    from conversion.base import ModelBase
    from conversion.gpt_oss import GptOssModel
    sys.path.append(str(ORACLES / "awq"))
    import packing_utils
except ImportError as missing:
    print(f"the oracles are not here: {missing}")
    sys.exit(1 if os.environ.get("CI") else 77)

GGX = os.environ["GGX"]
torch.manual_seed(7)


def dequantized(config, tensors):
    """What the converter sees in place of the packed tensors."""
    model = object.__new__(ModelBase)
    model.hparams, model.lazy, model._is_nvfp4, model._fp8_as_q8 = {"quantization_config": config}, False, False, False
    model.model_tensors = {name: (lambda t=t: t) for name, t in tensors.items()}
    model.dequant_model()
    return {name: make() for name, make in model.model_tensors.items()}


def words(*shape):
    return torch.randint(-2**31, 2**31 - 1, shape, dtype=torch.int64).to(torch.int32)


def fp8(*shape):
    return torch.randn(*shape).to(torch.float8_e4m3fn)


def fp8_case(rank, block):
    weight, scale = ((300, 520), (3, 5)) if rank == 2 else ((3, 200, 260), (3, 2, 3))
    tensors = {"a.weight": fp8(*weight), "a.weight_scale_inv": torch.rand(scale) + 0.01}
    config = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    if not block:
        tensors["a.weight_scale_inv"] = torch.rand(weight[0]) if block == 0 else torch.rand(())
        config = {"quant_method": "fp8"}
    return config, tensors


def gptq_case(bits, format, ordered, scale):
    inputs, outputs, group = 1024, 96, 64
    n = 32 // bits
    tensors = {"a.qweight": words(inputs // n, outputs), "a.qzeros": words(inputs // group, outputs // n),
               "a.scales": (torch.rand(inputs // group, outputs) * 0.1).to(scale),
               "a.g_idx": torch.arange(inputs, dtype=torch.int32) // group}
    if ordered:
        tensors["a.g_idx"] = tensors["a.g_idx"][torch.randperm(inputs)]
    return {"quant_method": "gptq", "bits": bits, "checkpoint_format": format, "group_size": group}, tensors


def awq_case(scale):
    inputs, outputs, group = 256, 128, 64
    tensors = {"a.qweight": words(inputs, outputs // 8), "a.qzeros": words(inputs // group, outputs // 8),
               "a.scales": (torch.rand(inputs // group, outputs) * 0.1).to(scale)}
    made = packing_utils.dequantize_gemm(tensors["a.qweight"], tensors["a.qzeros"], tensors["a.scales"], 4, group)
    return {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm"}, tensors, made.T


def recipe(folder, rules, **more):
    file = folder / "recipe.json"
    file.write_text(json.dumps({"id": "packed", "tensors": rules, **more}))
    return file


def convert(folder, config, tensors, *more, rules=({"from": "{name...}", "to": "{name}"},), name="out.gguf"):
    (folder / "model/config.json").write_text(json.dumps({"quantization_config": config}))
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model/model.safetensors")
    done = subprocess.run([GGX, folder / "model", "-o", folder / name, "--recipe", recipe(folder, list(rules), extends="hf-packed"), *more], capture_output=True, text=True)
    assert done.returncode == 0, f"{config}: {done.stderr}"
    return (folder / name).read_bytes(), {t.name: t for t in GGUFReader(folder / name).tensors}


def check(folder, what, config, tensors, expected=None):
    expected = {"a.weight": expected} if expected is not None else dequantized(config, tensors)
    _, got = convert(folder, config, tensors)
    assert list(got) == list(expected), (what, list(got), list(expected))
    for name, want in expected.items():
        want = want.float().contiguous().numpy()
        have = got[name]
        assert list(reversed(have.shape.tolist())) == list(want.shape), (what, have.shape, want.shape)
        assert have.data.tobytes() == want.tobytes(), f"{what}: {np.abs(have.data - want).max()}"
    outs = set()
    for more in (["--threads", "1", "--memory", "16M"], ["--threads", "3"], ["--type", "q8_0", "--threads", "1"], ["--type", "q8_0", "--threads", "3", "--memory", "12M"]):
        outs.add((more[1] if more[0] == "--type" else "f32", convert(folder, config, tensors, *more)[0]))
    assert len(outs) == 2, f"{what}: the bytes depend on threads or memory"
    print(f"{what}: {', '.join(expected)}")


def repacked(folder):
    """Blocks stay blocks: nothing is decoded on the way to a file of the same type."""
    blocks, scales = torch.randint(0, 256, (3, 32, 8, 16), dtype=torch.uint8), torch.randint(90, 160, (3, 32, 8), dtype=torch.uint8)
    oracle = object.__new__(GptOssModel)
    rules = [{"from": "e.gate_up_proj.weight", "into": [
        {"to": half, "do": [{"reshape": [3, 16, 2, 256]}, {"slice": {"axis": 2, "start": k, "stop": k + 1}}, {"reshape": [3, 16, 256]}]}
        for k, half in enumerate(("gate", "up"))]}]
    _, got = convert(folder, {"quant_method": "mxfp4"}, {"e.gate_up_proj_blocks": blocks, "e.gate_up_proj_scales": scales}, rules=rules)
    for k, half in enumerate(("gate", "up")):
        want = torch.cat((scales[:, k::2].unsqueeze(-1), oracle.transform_nibble_layout(blocks[:, k::2].clone())), dim=-1)
        assert got[half].tensor_type.name == "MXFP4" and got[half].data.tobytes() == want.contiguous().numpy().tobytes(), half
    flat, few = torch.randint(0, 256, (5, 64), dtype=torch.uint8), torch.randint(90, 160, (5, 4), dtype=torch.uint8)
    _, got = convert(folder, {"quant_method": "compressed-tensors", "format": "mxfp4-pack-quantized"},
                     {"a.weight_packed": flat, "a.weight_scale": few})
    assert got["a.weight"].data.tobytes() == ModelBase.repack_mxfp4_blocks(flat, few).tobytes()
    weight, scale = torch.randint(0, 256, (6, 128), dtype=torch.uint8), fp8(6, 16)
    _, got = convert(folder, {"quant_method": "modelopt", "quant_algo": "NVFP4"}, {"a.weight": weight, "a.weight_scale": scale})
    assert got["a.weight"].tensor_type.name == "NVFP4"
    assert got["a.weight"].data.tobytes() == ModelBase._nvfp4_pack(weight, scale)[0].tobytes()
    print("mxfp4, nvfp4: repacked")


def by_rule(folder):
    """The same through a rule with "decode", without "packed"."""
    config, tensors = gptq_case(4, "gptq", True, torch.float16)
    want = dequantized(config, tensors)["a.weight"].contiguous().numpy()
    rules = [{"decode": {"plugin": "gptq", "inputs": {k: f"{{name}}.{k}" for k in ("qweight", "qzeros", "scales", "g_idx")},
                         "with": {"bits": "= config('quantization_config.bits')"}},
              "to": "w", "do": ["transpose"]}]
    (folder / "model/config.json").write_text(json.dumps({"quantization_config": config}))
    save_file(tensors, folder / "model/model.safetensors")
    subprocess.run([GGX, folder / "model", "-o", folder / "rule.gguf", "--recipe", recipe(folder, rules)], check=True, capture_output=True)
    (made,) = GGUFReader(folder / "rule.gguf").tensors
    assert made.name == "w" and made.data.tobytes() == want.T.tobytes()
    print("gptq: by a rule")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "model").mkdir()
        for rank, block in ((2, True), (3, True), (2, 0), (2, None)):
            check(folder, f"fp8-block rank {rank} block {block}", *fp8_case(rank, block))
        for case in ((4, "gptq", False, torch.float16), (4, "gptq", True, torch.float16), (4, "gptq_v2", True, torch.float32),
                     (8, "gptq", True, torch.bfloat16), (2, "gptq", False, torch.float16)):
            check(folder, f"gptq {case}", *gptq_case(*case))
        for scale in (torch.float16, torch.bfloat16):
            check(folder, f"awq {scale}", *awq_case(scale))
        bits = torch.randint(0, 256, (40, 256), dtype=torch.uint8)
        check(folder, "bitnet", {"quant_method": "bitnet"}, {"a.weight": bits, "a.weight_scale": torch.tensor([3.7], dtype=torch.bfloat16)})
        repacked(folder)
        by_rule(folder)


main()
