"""Promise: a LoRA adapter in a folder of PEFT becomes the bytes that llama.cpp's converter for adapters writes, for every family whose rules can be said of
two factors, in f32, f16, bf16 and q8_0, from safetensors and from pytorch's own files. What cannot be said of factors is refused by name. And B × A of
the file is what the family's own recipe makes of B × A: names and permutations are those of the model.

adapters.py PART PARTS [NAME…]"""
import contextlib
import io
import json
import os
import runpy
import shutil
import subprocess
import sys

import sides

conversion = sides.converter()
from models import hybrids, towers

RANK = 4
KINDS = ("f32", "f16", "bf16", "q8_0")


def adapter(base, folder, targets, rank=RANK, alpha=16, binary=False, plain=False, embeddings=False, dtypes=("float32", "float32"), **more):
    """Random factors for all matrices of the base whose name holds one of the targets."""
    import torch
    from safetensors.torch import load_file, save_file
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    torch.manual_seed(7)
    weights, tensors = load_file(os.path.join(base, "model.safetensors")), {}
    for name, weight in weights.items():
        if name.endswith(".weight") and weight.dim() == 2 and any(t in name for t in targets):
            module = "base_model.model." + name[:-7]
            tensors[module + ".lora_A.weight"] = torch.randn(rank, weight.shape[1]).to(getattr(torch, dtypes[0]))
            tensors[module + ".lora_B.weight"] = torch.randn(weight.shape[0], rank).to(getattr(torch, dtypes[1]))
        elif embeddings and "embed_tokens" in name:
            tensors["base_model.model." + name[:-7] + ".lora_embedding_A"] = torch.randn(rank, weight.shape[0])
            tensors["base_model.model." + name[:-7] + ".lora_embedding_B"] = torch.randn(weight.shape[1], rank)
        elif plain and "_layernorm" in name:
            tensors["base_model.model." + name] = torch.randn(weight.shape)
    assert tensors, targets
    if binary:
        torch.save(tensors, os.path.join(folder, "adapter_model.bin"))
    else:
        save_file(tensors, os.path.join(folder, "adapter_model.safetensors"), {"format": "pt"})
    with open(os.path.join(folder, "adapter_config.json"), "w", encoding="utf-8") as file:
        json.dump({"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": list(targets), "base_model_name_or_path": base, **more}, file)
    return {n.removeprefix("base_model.model."): t for n, t in tensors.items()}


def reference(base, folder, out, kind):
    """The converter's program, in this process: its class lives in its main part. Returns what went wrong."""
    script = os.path.join(os.environ["GGX_ORACLES"], "llama.cpp", "convert_lora_to_gguf.py")
    words, sys.argv = sys.argv, [script, "--base", base, folder, "--outfile", out, "--outtype", kind]
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            runpy.run_path(script, run_name="__main__")
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        sys.argv = words
    return None


def compare(base, folder, scratch, kinds=KINDS, words=None):
    theirs, ours = os.path.join(scratch, "theirs.gguf"), os.path.join(scratch, "ours.gguf")
    for kind in kinds:
        for path in (theirs, ours):
            if os.path.exists(path):
                os.remove(path)
        wrong = reference(base, folder, theirs, kind)
        if wrong:
            return f"{kind}: the converter: {wrong}"
        done = subprocess.run([sides.GGX, folder, *(words or ["--base", base]), "-o", ours, "--quiet", "--type", kind], capture_output=True, text=True)
        if done.returncode:
            return f"{kind}: exit {done.returncode}: {done.stderr.strip()}"
        if open(theirs, "rb").read() != open(ours, "rb").read():
            return f"{kind} differs:\n{sides.explain(theirs, ours)}"
    return None


def check_product(base, folder, tensors, scratch):
    """The family's recipe on B × A."""
    import gguf
    import torch
    from safetensors.torch import load_file, save_file
    made, whole = os.path.join(scratch, "ours.gguf"), os.path.join(scratch, "whole.gguf")
    changed = os.path.join(scratch, "changed")
    shutil.rmtree(changed, ignore_errors=True)
    shutil.copytree(base, changed)
    weights = load_file(os.path.join(base, "model.safetensors"))
    for name in weights:
        a, b = (tensors.get(f"{name[:-7]}.lora_{x}.weight") for x in "AB")
        if a is not None:
            weights[name] = (b.double() @ a.double()).float()
    save_file({n: t.contiguous() for n, t in weights.items()}, os.path.join(changed, "model.safetensors"), {"format": "pt"})
    done = subprocess.run([sides.GGX, folder, "--base", base, "-o", made, "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = sides.ggx(changed, whole, "f32")
    assert done.returncode == 0, done.stderr
    factors = {t.name: torch.from_numpy(t.data.copy()).double() for t in gguf.GGUFReader(made).tensors}
    model = {t.name: torch.from_numpy(t.data.copy()) for t in gguf.GGUFReader(whole).tensors}
    names = [n[:-7] for n in factors if n.endswith(".lora_a")]
    assert len(names) * 2 == len(factors)
    for name in names:
        product = factors[name + ".lora_b"] @ factors[name + ".lora_a"]
        assert product.shape == model[name].shape and (product.float() - model[name]).abs().max() < 1e-4, name


TARGETS = {"gpt2": (".c_attn.", ".c_fc.", ".c_proj."), "bert": (".query.", ".value.", "intermediate.dense."), "phi3": (".qkv_proj.", ".gate_up_proj.", ".o_proj."),
           "mixtral": ("self_attn.q_proj", "self_attn.k_proj", ".w1.", ".w2.", ".w3.")}
USUAL = (".q_proj.", ".k_proj.", ".v_proj.", ".o_proj.", ".gate_proj.", ".up_proj.", ".down_proj.")


TOWERS = ("gemma3-text", "gemma3-newer", "qwen25vl-text")  # of models/towers.py: what changes towers is left out, and said
OTHERS = ("granite-4-attending", "granite-4-micro")  # of models/hybrids.py: the converter reads the configuration otherwise for adapters than for models


def check_towers(base, folder, scratch):
    wrong = compare(base, folder, scratch)
    if wrong:
        return wrong
    done = subprocess.run([sides.GGX, folder, "--base", base, "-o", os.path.join(scratch, "all.gguf"), "-q"], capture_output=True, text=True)
    assert done.returncode == 0 and "left out: the changes of" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    tensors = adapter(base, folder, ("vision_tower.", "visual."))  # nothing but a tower's
    assert all("visi" in n or "visual" in n for n in tensors), list(tensors)
    done = subprocess.run([sides.GGX, folder, "--base", base, "-o", os.path.join(scratch, "none.gguf"), "-q"], capture_output=True, text=True)
    assert done.returncode == 7 and "leaves out of the model" in done.stderr, done.stderr
    os.remove(os.path.join(scratch, "all.gguf"))
    return None


def check(module, name, make, scratch):
    few = {"models.towers": TOWERS, "models.hybrids": OTHERS}.get(module.__name__)
    base = sides.fresh(scratch, name, make)
    if not os.path.exists(os.path.join(base, "model.safetensors")):
        print(" (not run: factors are made here for safetensors alone)", end="")
        return None
    folder = os.path.join(scratch, "my-7B-chat-lora-v2")
    targets = TARGETS.get(name, TARGETS.get(module.__name__.split(".")[1], USUAL))
    tensors = adapter(base, folder, targets)
    wrong = check_towers(base, folder, scratch) if few is TOWERS else compare(base, folder, scratch)
    if few is OTHERS:
        assert wrong and "attn_q.weight.lora_b" in wrong and "attn_v" not in wrong and "lora_a" not in wrong, wrong
    elif wrong or few is TOWERS:
        return wrong
    check_product(base, folder, tensors, scratch)
    if name == "gemma2-head":  # the converter leaves it out without a word
        adapter(base, folder, (".q_proj.", "lm_head."))
        assert reference(base, folder, os.path.join(scratch, "theirs.gguf"), "f32") is None
        done = subprocess.run([sides.GGX, folder, "--base", base, "-o", os.path.join(scratch, "none.gguf"), "-q"], capture_output=True, text=True)
        assert done.returncode == 7 and "'lm_head.weight'" in done.stderr, done.stderr
    if name == "llama":
        adapter(base, folder, targets[:3], binary=True, alpha=0.5)
        wrong = compare(base, folder, scratch, ("f32",)) or compare(base, folder, scratch, ("f16",), [])  # the folder that the adapter names
        adapter(base, folder, targets, rank=32, dtypes=("bfloat16", "float32"), alora_invocation_tokens=[1, 2, 3])
        wrong = wrong or compare(base, folder, scratch)
        adapter(base, folder, (".q_proj.",), plain=True)
        wrong = wrong or compare(base, folder, scratch, ("f32", "f16"))
        adapter(base, folder, (".q_proj.",), embeddings=True)
        wrong = wrong or compare(base, folder, scratch)
        return wrong or refusals(base, folder, scratch)
    return None


def refusals(base, folder, scratch):
    from safetensors.torch import load_file, save_file
    path, config = (os.path.join(folder, n) for n in ("adapter_model.safetensors", "adapter_config.json"))

    def refused(code, *said, words=("--base", base)):
        done = subprocess.run([sides.GGX, folder, *words, "-o", os.path.join(scratch, "none.gguf"), "-q"], capture_output=True, text=True)
        assert done.returncode == code and done.stderr.count("\n") == 1 and all(s in done.stderr for s in said), (code, said, done.returncode, done.stderr)

    adapter(base, folder, USUAL)
    refused(3, "no folder here", "--base DIR", words=("--base", os.path.join(scratch, "none")))
    given = load_file(path)
    first = next(n for n in given if ".lora_B." in n)
    save_file({n: t for n, t in given.items() if n != first}, path)
    refused(7, first.removeprefix("base_model.model."))
    save_file({**given, "base_model.model.stranger.weight": given[first].clone()}, path)
    refused(7, "stranger.weight", "no part of an adapter")
    save_file({n.replace(".layers.1.", ".layers.9."): t for n, t in given.items()}, path)
    refused(7, ".layers.9.", "recipe llama")
    save_file({n: (t[:, :-1].contiguous() if n == first else t) for n, t in given.items()}, path)
    refused(7, first.removeprefix("base_model.model."), "no factors")
    magnitude = "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector"
    save_file({**given, magnitude: given[first][:, 0].clone()}, path)
    assert "SystemExit" in reference(base, folder, os.path.join(scratch, "none.gguf"), "f32")  # DoRA: there, too
    refused(7, magnitude, "no part of an adapter")
    adapter(base, folder, USUAL)
    with open(config, encoding="utf-8") as file:
        conf = json.load(file)
    del conf["base_model_name_or_path"]
    with open(config, "w", encoding="utf-8") as file:
        json.dump(conf, file)
    refused(2, "--base DIR", words=())
    return None


if len(sys.argv) == 1:
    sys.argv += ["llama", "qwen", "gemma", "gpt2", "phi3", "bert", "towers", "hybrids"]
for made, names in ((towers, TOWERS), (hybrids, OTHERS)):
    made.VARIANTS = {n: made.VARIANTS[n] for n in names}
sides.each(check)
