"""Promise: one GPT-2 is one .bin, whatever it was kept in; and that file is the model: PyPI's ctransformers opens it and goes on with a
prompt as the checkpoint does in torch, also when it is quantized. What a checkpoint lacks is said by name before anything is written."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile

import oracle

torch, transformers, ctransformers, safetensors_torch, h5py, numpy = oracle.modules(
    "torch", "transformers", "ctransformers", "safetensors.torch", "h5py", "numpy")
import containers
import train_gpt2

GGX = os.environ["GGX"]


def run(source, target, *words, code=0):
    done = subprocess.run([GGX, source, "-o", target, "--quiet", *words], capture_output=True, text=True)
    assert done.returncode == code, (source, words, done)
    return done.stderr


def sha(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def one_file(model, source, folder):
    kept = containers.write(model, source, os.path.join(folder, "kept"))
    assert len(kept) == 7
    for kind in ("f32", "f16", "q8_0"):
        digests = {}
        for name, path in kept.items():
            target = os.path.join(folder, f"{name}.bin")
            run(path, target, "--type", kind)
            digests[name] = sha(target)
        assert len(set(digests.values())) == 1, (kind, digests)
        print(f"{kind}: {len(digests)} containers, sha256 {digests['tf']}")
        os.replace(target, os.path.join(folder, f"{kind}.bin"))


def continues(model, ids, path, steps, exact):
    """Greedy, from the first ten tokens: ctransformers against torch."""
    prompt = ids[:10]
    with torch.no_grad():
        wanted = model.generate(torch.tensor([prompt]), max_new_tokens=steps, do_sample=False)[0, 10:].tolist()
        logits = model(torch.tensor([prompt])).logits[0, -1]
    llm = ctransformers.LLM(path, model_type="gpt2")
    llm.eval(prompt, threads=1)
    error = (torch.tensor(list(llm.logits)) - logits).abs().max().item()
    found = []
    for _ in range(steps):
        best = int(numpy.argmax(numpy.array(list(llm.logits))))
        found.append(best)
        llm.eval([best], threads=1)
    assert error < exact, (path, error)
    assert found == wanted == ids[10:10 + steps], (path, found, wanted)
    print(f"{os.path.basename(path)}: {steps} tokens as in torch, logits within {error:.1e}")


def changed(source, folder, change):
    """The checkpoint with its tensors or config changed."""
    target = os.path.join(folder, "changed")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    path = os.path.join(target, "model.safetensors")
    state = safetensors_torch.load_file(path)
    config = json.load(open(os.path.join(target, "config.json"), encoding="utf-8"))
    vocab = json.load(open(os.path.join(target, "vocab.json"), encoding="utf-8"))
    change(state, config, vocab)
    safetensors_torch.save_file(state, path)
    json.dump(config, open(os.path.join(target, "config.json"), "w", encoding="utf-8"))
    json.dump(vocab, open(os.path.join(target, "vocab.json"), "w", encoding="utf-8"))
    return target


def refusals(source, folder):
    name, other = "transformer.h.1.mlp.c_fc.weight", "transformer.h.1.mlp.fc.weight"
    cases = {
        "renamed": (lambda s, c, v: s.update({other: s.pop(name)}), ["h.1.mlp.c_fc.weight"]),
        "missing": (lambda s, c, v: s.pop(name), ["h.1.mlp.c_fc.weight"]),
        "missing at the end": (lambda s, c, v: s.pop("transformer.ln_f.bias"), ["ln_f.bias"]),
        "extra": (lambda s, c, v: s.update({other: torch.zeros(2)}), [other]),
        "of another shape": (lambda s, c, v: s.update({name: torch.zeros(64, 200)}), ["h.1.mlp.c_fc.weight", "(64,200)", "(64,256)"]),
        "without a key": (lambda s, c, v: c.pop("n_head"), ["config.json has no n_head"]),
        "a layer more": (lambda s, c, v: c.update(n_layer=3), ["h.2.ln_1.weight"]),
        "a short vocabulary": (lambda s, c, v: v.pop("<|endoftext|>"), ["319 tokens, the model 320"]),
    }
    for what, (change, words) in cases.items():
        target = os.path.join(folder, "refused.bin")
        said = run(changed(source, folder, change), target, code=7)
        assert all(word in said for word in words), (what, said)
        assert re.search(r"gpt-2\.json:\d+:\d+: |\(recipe gpt-2, line \d+ of gpt-2\.json\)", said), (what, said)
        assert not [f for f in os.listdir(folder) if "refused" in f], what
    print(f"{len(cases)} refusals")


with tempfile.TemporaryDirectory() as scratch:
    checkpoint = os.path.join(scratch, "tiny")
    trained, text, loss = train_gpt2.train(checkpoint)
    assert loss < 0.5, f"the training did not work: {loss}"
    one_file(trained, checkpoint, scratch)
    continues(trained, text, os.path.join(scratch, "f32.bin"), 40, 0.02)
    continues(trained, text, os.path.join(scratch, "f16.bin"), 40, 0.05)
    continues(trained, text, os.path.join(scratch, "q8_0.bin"), 40, 0.5)
    refusals(checkpoint, scratch)
oracle.finish()
