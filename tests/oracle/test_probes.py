"""Every published file is won by its own reader, with a score of 50 or more and by a margin. A file that its reader refuses does not
count, but one that no reader knows is a failure."""
import json
import os
import pathlib
import subprocess

import oracle

GGX = os.environ["GGX"]
# what a .bin does not say itself
OPTIONS = {"ggml": ["-O", "ggml.header=n_vocab,n_audio_ctx,n_audio_state,n_audio_head,n_audio_layer,n_text_ctx,n_text_state,n_text_head,"
                    "n_text_layer,n_mels,ftype,filter_mels,filter_fft,filters:f32*filter_mels*filter_fft,tokens,vocab:str*tokens"]}
KINDS = [  # (folder of real/, endings, reader, how many there are at least)
    ("safetensors", (".safetensors",), "safetensors", 2),
    ("pth", (".pt", ".pth", ".th", ".state_dict"), "pth", 70),
    ("h5", (".h5", ".hdf5", ".keras"), "hf-h5", 20),
    ("npz", (".npy", ".npz"), "npz", 1),
    ("gguf", (".gguf",), "gguf", 1),
    ("darknet", (".weights",), "darknet", 3),
    ("ggml", (".bin",), "ggml", 1),
    ("tf", (".index", "checkpoint"), "tf", 6),
    ("tf/frozen", (".pb",), "tf", 3),
]


def probe(path, options):
    """(reader, {reader: score}); None when it is refused."""
    ran = subprocess.run([GGX, "inspect", "--json", str(path), *options], capture_output=True, text=True, timeout=60)
    if ran.returncode:
        assert "no reader knows" not in ran.stderr and "equally well" not in ran.stderr, f"{path}: {ran.stderr}"
        return None
    listing = json.loads(ran.stdout)
    return listing["reader"], listing["probe"]


def check(path, reader):
    found = probe(path, OPTIONS.get(reader, []))
    if not found:
        return 0
    winner, scores = found
    others = max([s for r, s in scores.items() if r != reader], default=0)
    assert winner == reader and scores[reader] >= 50 and scores[reader] > others, f"{path}: {scores}"
    return 1


def main():
    for folder, endings, reader, least in KINDS:
        root = oracle.case(f"real/{folder}")
        if not root:
            continue
        files = sorted(p for p in pathlib.Path(root).rglob("*") if p.is_file() and p.name.endswith(endings))
        count = sum(check(path, reader) for path in files)
        print(f"{reader}: {count} of {len(files)} files in real/{folder}", flush=True)
        assert count >= least, f"{reader}: {count}"
    for model in ("basic_pitch", "dtln_norm", "half_plus_two_tf2", "keras_gpt2_toy"):
        path = oracle.case(f"real/tf/{model}")
        assert not path or check(path, "tf"), model
    oracle.finish()


main()
