"""GPT-2 of 124M parameters, from Hugging Face's safetensors and from a TensorFlow checkpoint, to a .bin in f16: ggx against the scripts of
ggml's gpt-2 example, turn by turn in the same run. Wall time, CPU time and peak memory of each process, medians.

    python tests/bench/gpt2.py GGX SCRIPTS [FOLDER] [ROUNDS]

SCRIPTS is the folder with convert-h5-to-ggml.py and convert-ckpt-to-ggml.py (ggml, examples/gpt-2). Their Python is this one; the second's is
$GGX_ORACLES/venv-tensorflow. FOLDER takes 2.5 GB and is kept when given."""
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import safetensors.numpy

TENSORFLOW = os.path.join(os.environ.get("GGX_ORACLES", ".oracles"), "venv-tensorflow", "bin", "python3")
V, C, E, H, L = 50257, 1024, 768, 12, 12
SAVE = """
import sys, numpy as np, tensorflow as tf
with np.load(sys.argv[1]) as file:
    names = sorted(file.files)
    tf.raw_ops.SaveV2(prefix=sys.argv[2], tensor_names=names, shape_and_slices=[""] * len(names), tensors=[file[n] for n in names])
"""


def alphabet():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in printable] + [chr(256 + n) for n in range(256 - len(printable))]


def weights():
    import numpy as np  # here: the process that measures stays small
    rng = np.random.default_rng(124)
    yield "wte.weight", rng.standard_normal((V, E), dtype=np.float32)
    yield "wpe.weight", rng.standard_normal((C, E), dtype=np.float32)
    for i in range(L):
        for name, shape in (("ln_1.weight", (E,)), ("ln_1.bias", (E,)), ("attn.c_attn.weight", (E, 3 * E)), ("attn.c_attn.bias", (3 * E,)),
                            ("attn.c_proj.weight", (E, E)), ("attn.c_proj.bias", (E,)), ("ln_2.weight", (E,)), ("ln_2.bias", (E,)),
                            ("mlp.c_fc.weight", (E, 4 * E)), ("mlp.c_fc.bias", (4 * E,)), ("mlp.c_proj.weight", (4 * E, E)),
                            ("mlp.c_proj.bias", (E,))):
            yield f"h.{i}.{name}", rng.standard_normal(shape, dtype=np.float32)
    yield "ln_f.weight", rng.standard_normal(E, dtype=np.float32)
    yield "ln_f.bias", rng.standard_normal(E, dtype=np.float32)


def openai(name):
    words = name.split(".")
    last = "g" if words[-2].startswith("ln_") and words[-1] == "weight" else words[-1][0]
    if words[0] in ("wte", "wpe"):
        return f"model/{words[0]}"
    return "/".join(["model"] + (["h" + words[1], *words[2:-1]] if words[0] == "h" else words[:-1]) + [last])


def make(folder):
    import numpy as np
    import safetensors.numpy
    hf, tf = os.path.join(folder, "hf"), os.path.join(folder, "tf")
    if os.path.exists(os.path.join(tf, "hparams.json")):
        return hf, tf
    os.makedirs(hf)
    os.makedirs(tf)
    state = dict(weights())
    safetensors.numpy.save_file(state, os.path.join(hf, "model.safetensors"), {"format": "pt"})
    letters = alphabet()
    words = letters + [a + b for a in letters for b in letters][:V - 256]
    vocab = {w: i for i, w in enumerate(words)}
    for path, name, value in ((hf, "vocab.json", vocab), (tf, "encoder.json", vocab), (hf, "added_tokens.json", {}),
                              (hf, "config.json", {"model_type": "gpt2", "architectures": ["GPT2Model"], "vocab_size": V, "n_positions": C,
                                                   "n_ctx": C, "n_embd": E, "n_head": H, "n_layer": L})):
        with open(os.path.join(path, name), "w", encoding="utf-8") as file:
            json.dump(value, file)
    arrays = os.path.join(folder, "arrays.npz")
    np.savez(arrays, **{openai(n): (a[None] if openai(n).endswith("/w") else a) for n, a in state.items()})
    subprocess.run([TENSORFLOW, "-c", SAVE, arrays, os.path.join(tf, "model.ckpt")], check=True, stderr=subprocess.DEVNULL)
    os.unlink(arrays)
    with open(os.path.join(tf, "checkpoint"), "w", encoding="utf-8") as file:
        file.write('model_checkpoint_path: "model.ckpt"\n')
    with open(os.path.join(tf, "hparams.json"), "w", encoding="utf-8") as file:
        json.dump({"n_vocab": V, "n_ctx": C, "n_embd": E, "n_head": H, "n_layer": L}, file)
    return hf, tf


def measure(words):
    """(wall, CPU, peak MB) of one process."""
    begun = time.monotonic()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = status
    assert status == 0, words
    return time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def sha(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main():
    ggx, scripts = sys.argv[1:3]
    if ggx == "--make":  # in a process of its own: a child's peak begins with its parent's size
        make(scripts)
        return
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 3
    with tempfile.TemporaryDirectory() as scratch:
        folder = sys.argv[3] if len(sys.argv) > 3 else scratch
        subprocess.run([sys.executable, __file__, "--make", folder], check=True)
        hf, tf = os.path.join(folder, "hf"), os.path.join(folder, "tf")
        out = os.path.join(folder, "ggx.bin")
        pairs = [("Hugging Face", hf, "ggml-model.bin", [sys.executable, os.path.join(scripts, "convert-h5-to-ggml.py"), hf],
                  [ggx, hf, "-o", out, "--quiet", "--recipe", "gpt-2-compat"]),
                 ("TensorFlow", tf, "ggml-model-f16.bin", [TENSORFLOW, os.path.join(scripts, "convert-ckpt-to-ggml.py"), tf, "1"],
                  [ggx, tf, "-o", out, "--quiet"])]
        for label, source, name, script, ours in pairs:
            seen = {"script": [], "ggx": []}
            for _ in range(rounds):
                for who, words in (("script", script), ("ggx", ours)):
                    seen[who].append(measure(words))
            assert sha(os.path.join(source, name)) == sha(out), f"{label}: other bytes"
            wall, cpu, memory = ([statistics.median(run[k] for run in seen[who]) for who in ("script", "ggx")] for k in range(3))
            print(f"{label}: script {wall[0]:.2f} s wall, {cpu[0]:.2f} s CPU, {memory[0]:.0f} MB; ggx {wall[1]:.2f} s, {cpu[1]:.2f} s, "
                  f"{memory[1]:.1f} MB; {wall[0] / wall[1]:.1f} times less wall, {cpu[0] / cpu[1]:.1f} times less CPU, "
                  f"1/{memory[0] / memory[1]:.0f} of the memory; equal files")
            os.unlink(os.path.join(source, name))


main()
