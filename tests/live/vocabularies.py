"""Promise: with the vocabularies that ggx writes, llama.cpp tokenizes as it should: its own test texts for GPT-2 and for Llama's SentencePiece model (real/gguf,
.inp and .out) give the ids that stand there. GPT-2's vocabulary comes from OpenAI's encoder.json and vocab.bpe, Llama's as a tokenizer.model, each in a Hugging
Face folder with small weights; and a GGUF file that holds nothing else goes through ggx as it is."""
import os
import shutil
import subprocess
import sys
import tempfile

import llama
import oracle

gguf, = oracle.modules("gguf")
sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "golden"))
import seeded_families as seeded

GGX = os.environ["GGX"]
E = 32


def texts(path):
    """The texts of a test file, and the ids of each."""
    with open(path + ".inp", encoding="utf-8", newline="") as file:
        parts = file.read().split("\n__ggml_vocab_test__\n")
    with open(path + ".out", encoding="utf-8") as file:
        ids = [[int(i) for i in line.split()] for line in file.read().split("\n")]
    assert len(parts) > 40 and len(ids) >= len(parts) - 1, (len(parts), len(ids))
    return list(zip(parts, ids))


def gpt2(folder, _):
    encoder = oracle.case("real/tokenizer/gpt2_encoder")
    shutil.copy(os.path.join(encoder, "encoder.json"), os.path.join(folder, "vocab.json"))
    shutil.copy(os.path.join(encoder, "vocab.bpe"), os.path.join(folder, "merges.txt"))
    shapes = {"wte.weight": (50257, E), "wpe.weight": (16, E), "ln_f.weight": (E,), "ln_f.bias": (E,)}
    for name, shape in (("ln_1", (E,)), ("ln_2", (E,)), ("attn.c_attn", (E, 3 * E)), ("attn.c_proj", (E, E)), ("mlp.c_fc", (E, 4 * E)), ("mlp.c_proj", (4 * E, E))):
        shapes |= {f"h.0.{name}.weight": shape, f"h.0.{name}.bias": shape[-1:]}
    seeded.save(os.path.join(folder, "model.safetensors"), shapes, "F32")
    seeded.put(folder, "config.json", {"architectures": ["GPT2LMHeadModel"], "n_embd": E, "n_head": 2, "n_layer": 1, "n_positions": 16, "n_ctx": 16, "vocab_size": 50257,
                                       "layer_norm_epsilon": 1e-5, "bos_token_id": 50256, "eos_token_id": 50256})
    seeded.put(folder, "tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"})


def llama_spm(folder, path):
    fields = gguf.GGUFReader(path).fields
    tokens, scores, types = (fields[f"tokenizer.ggml.{k}"].contents() for k in ("tokens", "scores", "token_type"))
    pieces = b"".join(seeded.field(1, seeded.field(1, t.encode()) + seeded.field(2, float(s)) + seeded.field(3, int(k))) for t, s, k in zip(tokens, scores, types))
    with open(os.path.join(folder, "tokenizer.model"), "wb") as file:
        file.write(pieces + seeded.field(2, seeded.field(3, 2) + seeded.field(35, 1)))
    n = len(tokens)
    shapes = {"model.embed_tokens.weight": (n, E), "model.norm.weight": (E,), "lm_head.weight": (n, E)}
    for name, shape in (("self_attn.q_proj", (E, E)), ("self_attn.k_proj", (E, E)), ("self_attn.v_proj", (E, E)), ("self_attn.o_proj", (E, E)), ("mlp.gate_proj", (E, E)),
                        ("mlp.up_proj", (E, E)), ("mlp.down_proj", (E, E)), ("input_layernorm", (E,)), ("post_attention_layernorm", (E,))):
        shapes[f"model.layers.0.{name}.weight"] = shape
    seeded.save(os.path.join(folder, "model.safetensors"), shapes, "F32")
    seeded.put(folder, "config.json", {"architectures": ["LlamaForCausalLM"], "hidden_size": E, "intermediate_size": E, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": n,
                                       "max_position_embeddings": 16, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "bos_token_id": 1, "eos_token_id": 2})
    seeded.put(folder, "tokenizer_config.json", {"add_bos_token": True, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})


def convert(source, out, *words):
    done = subprocess.run([GGX, source, "-o", out, "--quiet", *words], capture_output=True, text=True)
    assert done.returncode == 0, (source, done.stderr)


def check(library, out, cases, vocab_only):
    with llama.Model(library, out, vocab_only=vocab_only) as model:
        for text, ids in cases:
            found = model.tokenize(text)
            assert found == ids, f"{out}: {text!r}: {found} is not {ids}"


def main():
    library = llama.Library()
    for name, make in (("ggml-vocab-gpt-2.gguf", gpt2), ("ggml-vocab-llama-spm.gguf", llama_spm)):
        path = oracle.case(f"real/gguf/{name}")
        if not path:
            continue
        cases = texts(path)
        with tempfile.TemporaryDirectory() as scratch:
            folder, out = os.path.join(scratch, "model"), os.path.join(scratch, "out.gguf")
            os.mkdir(folder)
            make(folder, path)
            convert(folder, out, "--type", "f16")
            check(library, out, cases, False)
            os.remove(out)
            convert(path, out)
            check(library, out, cases, True)
        print(f"{name}: {len(cases)} texts")
    oracle.finish()


main()
