"""Promise: whisper.cpp (PyPI's pywhispercpp) opens what the whisper recipe makes, from OpenAI's file and from Hugging Face's, f16 and
quantized, and counts the tensors' bytes as ggx does; both namings of one model are the same tensors; the mel filters are those that OpenAI's
package computed, for both numbers of bands."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import oracle

numpy, torch, safetensors_torch, pywhispercpp = oracle.modules("numpy", "torch", "safetensors.torch", "pywhispercpp.model")
import ggml_bin

GGX = os.environ["GGX"]
CHILD = "import sys; from pywhispercpp.model import Model; Model(sys.argv[1], print_progress=False)"
DIMS = {"n_mels": 80, "n_vocab": 51864, "n_audio_ctx": 64, "n_audio_state": 64, "n_audio_head": 2, "n_audio_layer": 2, "n_text_ctx": 32,
        "n_text_state": 64, "n_text_head": 2, "n_text_layer": 2}
PARTS = {"attn.query": "self_attn.q_proj", "attn.key": "self_attn.k_proj", "attn.value": "self_attn.v_proj", "attn.out": "self_attn.out_proj",
         "attn_ln": "self_attn_layer_norm", "cross_attn.query": "encoder_attn.q_proj", "cross_attn.key": "encoder_attn.k_proj",
         "cross_attn.value": "encoder_attn.v_proj", "cross_attn.out": "encoder_attn.out_proj", "cross_attn_ln": "encoder_attn_layer_norm",
         "mlp.0": "fc1", "mlp.2": "fc2", "mlp_ln": "final_layer_norm"}


def model(dims):
    """A state dict with OpenAI's names; random, its shapes are what counts."""
    torch.manual_seed(5)
    audio, text, out = dims["n_audio_state"], dims["n_text_state"], {}

    def linear(name, rows, cols, bias=True):
        out[name + ".weight"] = torch.randn(rows, cols) * 0.05
        if bias:
            out[name + ".bias"] = torch.randn(rows) * 0.05

    def norm(name, width):
        out[name + ".weight"], out[name + ".bias"] = torch.ones(width), torch.zeros(width)

    def block(prefix, width, attentions):
        for attention in attentions:
            for part in ("query", "key", "value", "out"):
                linear(f"{prefix}.{attention}.{part}", width, width, part != "key")
            norm(f"{prefix}.{attention}_ln", width)
        linear(prefix + ".mlp.0", 4 * width, width)
        linear(prefix + ".mlp.2", width, 4 * width)
        norm(prefix + ".mlp_ln", width)

    out["encoder.positional_embedding"] = torch.randn(dims["n_audio_ctx"], audio)
    for conv, inputs in (("encoder.conv1", dims["n_mels"]), ("encoder.conv2", audio)):
        out[conv + ".weight"], out[conv + ".bias"] = torch.randn(audio, inputs, 3) * 0.05, torch.randn(audio)
    for i in range(dims["n_audio_layer"]):
        block(f"encoder.blocks.{i}", audio, ["attn"])
    norm("encoder.ln_post", audio)
    out["decoder.positional_embedding"] = torch.randn(dims["n_text_ctx"], text)
    out["decoder.token_embedding.weight"] = torch.randn(dims["n_vocab"], text) * 0.05
    for i in range(dims["n_text_layer"]):
        block(f"decoder.blocks.{i}", text, ["attn", "cross_attn"])
    norm("decoder.ln", text)
    return out


def hugging_face(name):
    for ours, theirs in (("ln_post", "layer_norm"), ("decoder.ln.", "decoder.layer_norm."), ("positional_embedding", "embed_positions.weight"),
                         ("token_embedding", "embed_tokens")):
        name = name.replace(ours, theirs)
    found = re.match(r"(\w+)\.blocks\.(\d+)\.(.+)\.(weight|bias)$", name)
    return "model." + (f"{found[1]}.layers.{found[2]}.{PARTS[found[3]]}.{found[4]}" if found else name)


def opened(path):
    """What whisper.cpp says while it opens the file."""
    done = subprocess.run([sys.executable, "-c", CHILD, path], capture_output=True, text=True)
    assert done.returncode == 0 and "model size" in done.stderr, done.stderr[-2000:]
    return done.stderr


def check_filters(path, dims):
    reference = oracle.case("golden/_shared/mel_filters.npz")
    made = ggml_bin.read(path, ggml_bin.WHISPER)
    if reference:
        wanted = numpy.load(reference)[f"mel_{dims['n_mels']}"]
        assert made.header["filters"].tobytes() == wanted.tobytes(), "mel filters"
    return made


def check(folder, dims, ranks):
    state = model(dims)
    pt, hf = os.path.join(folder, "pt"), os.path.join(folder, "hf")
    for path in (pt, hf):
        os.makedirs(path)
        shutil.copy(ranks, os.path.join(path, "gpt2.tiktoken" if dims["n_vocab"] < 51865 else "multilingual.tiktoken"))
    torch.save({"dims": dims, "model_state_dict": state}, os.path.join(pt, "tiny.pt"))
    safetensors_torch.save_file({hugging_face(n): t for n, t in state.items()}, os.path.join(hf, "model.safetensors"))
    json.dump({"vocab_size": dims["n_vocab"], "max_source_positions": dims["n_audio_ctx"], "d_model": dims["n_audio_state"],
               "encoder_attention_heads": 2, "encoder_layers": 2, "max_target_positions": dims["n_text_ctx"], "decoder_attention_heads": 2,
               "decoder_layers": 2, "num_mel_bins": dims["n_mels"]}, open(os.path.join(hf, "config.json"), "w", encoding="utf-8"))
    for kind in ("f16", "q5_0", "q8_0"):
        made = {}
        for name, source in (("pt", os.path.join(pt, "tiny.pt")), ("hf", hf)):
            path = os.path.join(folder, f"{name}-{kind}.bin")
            subprocess.run([GGX, source, "-o", path, "--type", kind, "--quiet"], check=True)
            made[name] = check_filters(path, dims)
            said = opened(path)
            size = sum(len(t.data) for t in made[name].tensors.values())
            found = float(re.search(r"model size\s+=\s+([\d.]+) MB", said)[1])
            assert abs(found - size / 1e6) < 0.01 + 0.01 * found, (found, size)
        one, other = made["pt"], made["hf"]
        assert one.header.keys() == other.header.keys() and set(one.tensors) == set(other.tensors) == set(state)
        assert all(one.tensors[n].data == other.tensors[n].data and one.tensors[n].ne == other.tensors[n].ne for n in state)
        print(f"{dims['n_mels']} bands, {kind}: opened, {len(state)} tensors, {size} bytes")


tokens = oracle.case("golden/_shared/gpt2.tiktoken")
if tokens:
    for bands, words in ((80, 51864), (128, 51866)):
        with tempfile.TemporaryDirectory() as scratch:
            check(scratch, {**DIMS, "n_mels": bands, "n_vocab": words}, tokens)
oracle.finish()
