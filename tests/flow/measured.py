"""Promise: what a recipe computes with the mean of a whole tensor ("ternary") or with factors along an axis ("scale") has PyTorch's bits (one
thread), for sizes around every turn of its sum, whatever the threads, the memory and the types asked for; the tensor is read twice, not oftener."""
import json
import os
import tempfile

import flow
import oracle

torch, _, safetensors = oracle.modules("torch", "numpy", "safetensors.torch")
torch.set_num_threads(1)
SIZES = [1, 3, 7, 8, 9, 31, 32, 33, 100, 511, 512, 513, 4095, 4097, 16384, 16416, 65536, 65537, 131072 + 5, 1 << 20, (1 << 20) + 33, 3000017]


def ternary(weight, least):
    inverse = 1 / weight.abs().mean().clamp(min=least)
    return (weight * inverse).round().clamp(-1, 1) / inverse


with tempfile.TemporaryDirectory() as folder:
    model, recipe = os.path.join(folder, "m.safetensors"), os.path.join(folder, "r.json")
    flow.write_safetensors(model, [(f"t{n}", [n]) for n in SIZES] + [("q", [384, 512]), ("s", [40, 6, 64])])
    with open(recipe, "w") as f:
        json.dump({"id": "t", "outputs": {"*": {}}, "tensors": [
            {"from": "t{n}", "to": "t{n}", "do": [{"ternary": 1e-5}], "type": "f32"},
            {"from": "q", "do": ["transpose", {"mul": 2}, {"ternary": 3.5}], "into": [
                {"to": "q0", "do": [{"slice": {"axis": 0, "stop": 100}}]}, {"to": "q1", "do": [{"slice": {"axis": 0, "start": 100}}, "transpose"]}]},
            {"from": "s", "to": "s", "do": [{"mul": 3}, {"scale": {"axis": 1, "by": [0.1, 2, -1, 0, 1e-3, 7]}}]}]}, f)
    source = safetensors.load_file(model)
    wanted = {f"t{n}": ternary(source[f"t{n}"], 1e-5) for n in SIZES}
    q = ternary(source["q"].T.contiguous() * 2, 3.5)
    wanted.update(q0=q[:100], q1=q[100:].T.contiguous(), s=source["s"] * 3 * torch.tensor([0.1, 2, -1, 0, 1e-3, 7])[:, None])
    digests = set()
    for more in (["--threads", "1"], ["--threads", "2", "--memory", "2M"], ["--threads", "2"]):
        out = os.path.join(folder, f"out{len(more)}{more[1]}.safetensors")
        done = json.loads(flow.run(model, "--recipe", recipe, "-o", out, "--type", "f32", "--json", *more))
        made = safetensors.load_file(out)
        flow.check(set(made) == set(wanted), f"other tensors: {sorted(made)}")
        for name, tensor in wanted.items():
            same = torch.equal(made[name].view(torch.int32), tensor.contiguous().view(torch.int32))
            flow.check(same, f"{name} with {more} is not what PyTorch computes")
        flow.check(done["read_bytes"] <= 2.1 * os.path.getsize(model), f"{done['read_bytes']} bytes were read")
        digests.add(flow.digest(out))
    flow.check(len(digests) == 1, "threads or memory change the bytes")
    flow.run("diff", model, out, "--recipe", recipe)
    alone = os.path.join(folder, "alone.safetensors")
    flow.run(model, "--recipe", recipe, "-o", alone, "--type", "f16")
    flow.run(model, "--recipe", recipe, "-o", os.path.join(folder, "both.safetensors"), "--type", "f32,f16")
    flow.check(flow.digest(os.path.join(folder, "both-f16.safetensors")) == flow.digest(alone), "two types at once give other bytes than one")
    flow.check(flow.digest(os.path.join(folder, "both-f32.safetensors")) in digests, "two types at once give other bytes than one")
oracle.finish()
