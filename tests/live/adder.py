"""Promise: a trained model still does what it was trained for: minGPT's adder of two-digit numbers, a pickle by its authors, adds as a .bin in
ctransformers, for every pair of numbers tried; its own output matrix is kept; and back again it is the checkpoint to the bit."""
import os
import random
import shutil
import subprocess
import tempfile

import oracle

ctransformers, numpy, torch, safetensors_torch = oracle.modules("ctransformers", "numpy", "torch", "safetensors.torch")
GGX = os.environ["GGX"]
HEADER = "ggml.header=n_vocab,n_ctx,n_embd,n_head,n_layer,ftype,tokens,vocab:str*tokens"


def add(llm, a, b):
    """The digits of a and b in, the digits of the sum out, the last one first."""
    llm.reset()
    llm.eval([a // 10, a % 10, b // 10, b % 10], threads=1)
    digits = []
    for place in range(3):
        digits.append(int(numpy.argmax(numpy.array(list(llm.logits)))))
        if place < 2:
            llm.eval(digits[-1:], threads=1)
    return digits[0] + 10 * digits[1] + 100 * digits[2]


source = oracle.case("real/pth/mingpt_adder")
if source:
    rng = random.Random(11)
    pairs = [(rng.randrange(100), rng.randrange(100)) for _ in range(100)]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(source, "model.pt"), folder)
        shutil.copy(os.path.join(source, "adder_config.json"), os.path.join(folder, "config.json"))
        for kind in ("f32", "f16"):
            out = os.path.join(folder, kind + ".bin")
            subprocess.run([GGX, os.path.join(folder, "model.pt"), "-o", out, "--type", kind, "--quiet"], check=True)
            llm = ctransformers.LLM(out, model_type="gpt2")
            right = sum(add(llm, a, b) == a + b for a, b in pairs)
            print(f"{kind}: {right} of {len(pairs)} sums")
            assert right >= 99, right
        back = os.path.join(folder, "back.safetensors")
        said = subprocess.run([GGX, os.path.join(folder, "f32.bin"), "-O", HEADER, "-o", back], check=True, capture_output=True, text=True).stderr
        assert "not restored" in said
        restored, state = safetensors_torch.load_file(back), torch.load(os.path.join(folder, "model.pt"), map_location="cpu")
        for name, tensor in state.items():
            name = name.removeprefix("transformer.")
            if not name.endswith(".attn.bias"):
                turned = tensor.T if tensor.ndim == 2 and name.startswith("h.") else tensor  # back to Hugging Face's Conv1D
                assert torch.equal(restored.pop(name), turned), name
        assert not restored, list(restored)
oracle.finish()
