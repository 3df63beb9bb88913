"""Promise: the same classes of cases as golden/09-* without the reference cases: Llama, GPT-2 and BERT in Hugging Face folders made here from names and shapes,
and the digests of the files that llama.cpp's converter makes of them. The digests are committed.

    python seeded_families.py --write     (with GGX, GGX_ORACLES) converts with the converter, and writes seeded_families.json anew"""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib

import oracle

np, = oracle.modules("numpy")
GGX = os.environ["GGX"]
HERE = os.path.dirname(os.path.abspath(__file__))
DIGESTS = os.path.join(HERE, "seeded_families.json")
E, F, L, H, K, C = 64, 96, 2, 4, 2, 48


def values(name, *shape):
    """Numbers between -0.5 and 0.5 that depend on the name alone."""
    n = int(np.prod(shape, dtype=np.int64))
    numbers = (np.arange(n, dtype=np.uint64) * 2654435761 + zlib.crc32(name.encode())) % 65521
    return (numbers.astype(np.float64) / 65521 - 0.5).astype(np.float32).reshape(shape)


def save(path, shapes, kind):
    """The tensors of these names and shapes; bf16 by cutting, which needs no rounding rule."""
    header, body = {}, b""
    for name, shape in shapes.items():
        array = values(name, *shape)
        data = {"F32": array.tobytes, "F16": lambda a=array: a.astype("<f2").tobytes(), "BF16": lambda a=array: (a.view("<u4") >> 16).astype("<u2").tobytes()}[kind]()
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def put(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(value if isinstance(value, str) else json.dumps(value))


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, data):
    """A field of a protobuf message: bytes, an integer or a float."""
    if isinstance(data, float):
        return varint(number << 3 | 5) + struct.pack("<f", data)
    return varint(number << 3) + varint(data) if isinstance(data, int) else varint(number << 3 | 2) + varint(len(data)) + data


def llama(folder, kind):
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)] + [(f"<0x{b:02X}>", 0.0, 6) for b in range(256)]
    pieces += [(t, -float(i), 1) for i, t in enumerate(["\u2581", "a", "b", "\u2581a", "ab", "\u2581ab", "é", "🤗", "bab", "\u2581\u2581"])]
    model = b"".join(field(1, field(1, t.encode()) + field(2, s) + field(3, k)) for t, s, k in pieces) + field(2, field(3, 2) + field(35, 1))
    with open(os.path.join(folder, "tokenizer.model"), "wb") as file:
        file.write(model)
    n = len(pieces) + 3  # padded
    shapes = {"model.embed_tokens.weight": (n, E), "model.norm.weight": (E,), "lm_head.weight": (n, E)}
    for i in range(L):
        layer = f"model.layers.{i}."
        shapes |= {layer + "self_attn.q_proj.weight": (E, E), layer + "self_attn.k_proj.weight": (E // H * K, E), layer + "self_attn.v_proj.weight": (E // H * K, E),
                   layer + "self_attn.o_proj.weight": (E, E), layer + "mlp.gate_proj.weight": (F, E), layer + "mlp.up_proj.weight": (F, E),
                   layer + "mlp.down_proj.weight": (E, F), layer + "input_layernorm.weight": (E,), layer + "post_attention_layernorm.weight": (E,)}
    save(os.path.join(folder, "model.safetensors"), shapes, kind)
    put(folder, "config.json", {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": E, "intermediate_size": F, "num_hidden_layers": L, "num_attention_heads": H,
                                "num_key_value_heads": K, "vocab_size": n, "max_position_embeddings": C, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "bos_token_id": 1, "eos_token_id": 2,
                                "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
                                "tie_word_embeddings": False, "torch_dtype": "float32"})
    put(folder, "tokenizer_config.json", {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                                          "chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"})
    put(folder, "README.md", "---\nlicense: mit\nlanguage:\n- en\n- no\ntags: [tiny, seeded]\nbase_model: someone/Tiny-Llama-1M-chat-v0.1\n---\n# Seeded\n")
    put(folder, "generation_config.json", {"temperature": 0.6, "top_p": 0.9, "top_k": 40})


def gpt2(folder, kind):
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in printable] + [chr(256 + n) for n in range(256 - len(printable))]
    merges = ["Ġ a", "a b", "Ġa b", "c d", "ab cd"]
    words = letters + [m.replace(" ", "") for m in merges] + ["<|endoftext|>"]
    vocab = {w: i for i, w in enumerate(words)}
    put(folder, "vocab.json", vocab)
    put(folder, "merges.txt", "#version: 0.2\n" + "\n".join(merges) + "\n")
    put(folder, "tokenizer.json", {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [
        {"id": vocab["<|endoftext|>"], "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": True}],
        "normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False,
                  "ignore_merges": False, "vocab": vocab, "merges": merges}})
    put(folder, "tokenizer_config.json", {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "model_max_length": C, "tokenizer_class": "GPT2Tokenizer"})
    shapes = {"transformer.wte.weight": (len(words), E), "transformer.wpe.weight": (C, E), "transformer.ln_f.weight": (E,), "transformer.ln_f.bias": (E,)}
    for i in range(L):
        layer = f"transformer.h.{i}."
        for name, shape in (("ln_1", (E,)), ("ln_2", (E,)), ("attn.c_attn", (E, 3 * E)), ("attn.c_proj", (E, E)), ("mlp.c_fc", (E, 4 * E)), ("mlp.c_proj", (4 * E, E))):
            shapes |= {f"{layer}{name}.weight": shape, f"{layer}{name}.bias": shape[-1:]}
    save(os.path.join(folder, "model.safetensors"), shapes, kind)
    put(folder, "config.json", {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": E, "n_head": H, "n_layer": L, "n_positions": C, "n_ctx": C, "vocab_size": len(words),
                                "layer_norm_epsilon": 1e-5, "bos_token_id": vocab["<|endoftext|>"], "eos_token_id": vocab["<|endoftext|>"]})


def bert(folder, kind):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [chr(c) for c in range(97, 123)] + ["##" + chr(c) for c in range(97, 123)] + ["the", "##ing", "."]
    put(folder, "vocab.txt", "\n".join(words) + "\n")
    put(folder, "tokenizer_config.json", {"do_lower_case": True, "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
                                          "tokenizer_class": "BertTokenizer", "model_max_length": C})
    special = [{"id": i, "content": w, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for i, w in enumerate(words[:5])]
    part = lambda which, name, number: {which: {"id": name, "type_id": number}}  # noqa: E731
    put(folder, "tokenizer.json", {"version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": [part("SpecialToken", "[CLS]", 0), part("Sequence", "A", 0), part("SpecialToken", "[SEP]", 0)],
                           "pair": [part("SpecialToken", "[CLS]", 0), part("Sequence", "A", 0), part("SpecialToken", "[SEP]", 0), part("Sequence", "B", 1), part("SpecialToken", "[SEP]", 1)],
                           "special_tokens": {w: {"id": w, "ids": [words.index(w)], "tokens": [w]} for w in ("[CLS]", "[SEP]")}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {w: i for i, w in enumerate(words)}}})
    shapes = {"embeddings.word_embeddings.weight": (len(words), E), "embeddings.position_embeddings.weight": (C, E), "embeddings.token_type_embeddings.weight": (2, E),
              "embeddings.LayerNorm.weight": (E,), "embeddings.LayerNorm.bias": (E,), "pooler.dense.weight": (E, E), "pooler.dense.bias": (E,)}
    for i in range(L):
        layer = f"encoder.layer.{i}."
        for name, shape in (("attention.self.query", (E, E)), ("attention.self.key", (E, E)), ("attention.self.value", (E, E)), ("attention.output.dense", (E, E)),
                            ("attention.output.LayerNorm", (E,)), ("intermediate.dense", (F, E)), ("output.dense", (E, F)), ("output.LayerNorm", (E,))):
            shapes |= {f"{layer}{name}.weight": shape, f"{layer}{name}.bias": shape[:1]}
    save(os.path.join(folder, "model.safetensors"), shapes, kind)
    put(folder, "config.json", {"architectures": ["BertModel"], "model_type": "bert", "hidden_size": E, "intermediate_size": F, "num_hidden_layers": L, "num_attention_heads": H,
                                "vocab_size": len(words), "max_position_embeddings": C, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu"})
    put(folder, "modules.json", [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                                 {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])
    os.mkdir(os.path.join(folder, "1_Pooling"))
    put(os.path.join(folder, "1_Pooling"), "config.json", {"word_embedding_dimension": E, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True})


CASES = [(make, kind) for make in (llama, gpt2, bert) for kind in ("F32", "F16", "BF16")]
TYPES = ("f32", "f16", "bf16", "q8_0", "auto")


def sha(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def by_converter():
    """A function that converts as the reference does."""
    sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "families"))
    import sides
    conversion = sides.converter()
    return lambda folder, out, kind: sides.reference(conversion, folder, out, kind)


def by_ggx(folder, out, kind):
    plugin = {"gpt2": "bpe", "bert": "wordpiece"}.get(os.path.basename(folder).split("-")[0])
    done = subprocess.run([GGX, folder, "-o", out, "--quiet", *([] if kind == "auto" else ["--type", kind]), *(["-O", f"{plugin}.pre=gpt-2"] if plugin else [])], capture_output=True, text=True)
    assert done.returncode == 0, (folder, kind, done.stderr)


def main():
    write = "--write" in sys.argv
    convert = by_converter() if write else by_ggx
    known, found = {}, {}
    if not write:
        with open(DIGESTS, encoding="utf-8") as file:
            known = json.load(file)
    with tempfile.TemporaryDirectory() as scratch:
        for make, kind in CASES:
            folder = os.path.join(scratch, f"{make.__name__}-seeded-{kind.lower()}")
            os.mkdir(folder)
            make(folder, kind)
            for to in TYPES:
                out = os.path.join(scratch, "out.gguf")
                convert(folder, out, to)
                found[f"{make.__name__} {kind.lower()} {to}"] = sha(out)
                os.remove(out)
    if write:
        with open(DIGESTS, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)
            file.write("\n")
    wrong = [name for name, digest in found.items() if not write and known.get(name) != digest]
    assert not wrong and (write or set(found) == set(known)), f"other bytes: {wrong}"
    print(f"{len(found)} files, by their digests")
    oracle.finish()


if __name__ == "__main__":
    main()
