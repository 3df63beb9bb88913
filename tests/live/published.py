"""Promise: from the tokenizer files of published models ggx finds the pre-tokenizer by itself and writes vocabulary files that llama.cpp opens, and
that tokenize its .inp files to its .out files.

The vocabularies are those of llama.cpp's own test files (models/ggml-vocab-*.gguf); what Hugging Face's files would hold is put back together
from their arrays, with the steps around the model that each publisher's tokenizer.json has. Token, type and merge arrays have to come out the same."""
import ast
import glob
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

import oracle

import llama

GGX = os.environ["GGX"]
SOURCE = os.path.join(os.environ.get("GGX_ORACLES", ""), "llama.cpp")
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
BYTES = {**LEVEL, "use_regex": False}


def split(regex):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def expressions(name):
    """The regular expressions that llama.cpp's own source has for a pre-tokenizer."""
    with open(os.path.join(SOURCE, "src/llama-vocab.cpp"), encoding="utf-8") as file:
        code = file.read()
    block = code[code.index(f"case LLAMA_VOCAB_PRE_TYPE_{name}:\n"):]
    block = block[block.index("regex_exprs = {"):block.index("};")]
    found = [ast.literal_eval(m) for m in re.findall(r'^\s*("(?:\\.|[^"\\])*"),?\s*$', block, re.M)]
    assert found, name
    return found


DIGITS = {"type": "Digits", "individual_digits": True}
BOS = lambda text: {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": text, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
                    "special_tokens": {text: {"id": text, "ids": [None], "tokens": [text]}}}
# name: (architecture, model_type, tokenizer_config, the pre-tokenizer's names, parts of tokenizer.json)
KINDS = {
    "gpt-2": ("GPT2LMHeadModel", "gpt2", {"tokenizer_class": "GPT2Tokenizer"}, {"gpt-2"}, lambda: {"pre_tokenizer": LEVEL}),
    "qwen2": ("Qwen2ForCausalLM", "qwen2", {"tokenizer_class": "Qwen2Tokenizer"}, {"qwen2"}, lambda: {"pre_tokenizer": LEVEL}),
    "qwen35": ("Qwen3ForCausalLM", "qwen3", {"tokenizer_class": "Qwen3_5Tokenizer"}, {"qwen2", "qwen35"}, lambda: {"pre_tokenizer": LEVEL}),
    "llama-bpe": ("LlamaForCausalLM", "llama", {"tokenizer_class": "PreTrainedTokenizerFast"}, {"llama-bpe"}, lambda: {
        "pre_tokenizer": sequence(split(expressions("LLAMA3")[0]), BYTES), "post_processor": BOS("<|begin_of_text|>"), "ignore_merges": True}),
    "deepseek-llm": ("LlamaForCausalLM", "llama", {"tokenizer_class": "LlamaTokenizerFast"}, {"deepseek-llm"}, lambda: {
        "pre_tokenizer": sequence(*map(split, expressions("DEEPSEEK_LLM")[:-1]), DIGITS, BYTES), "post_processor": BOS("<\uff5cbegin\u2581of\u2581sentence\uff5c>")}),
    "deepseek-coder": ("LlamaForCausalLM", "llama", {"tokenizer_class": "LlamaTokenizerFast"}, {"deepseek-coder"}, lambda: {
        "pre_tokenizer": sequence(*map(split, expressions("DEEPSEEK_CODER")[:-1]), DIGITS, BYTES), "post_processor": BOS("<\uff5cbegin\u2581of\u2581sentence\uff5c>")}),
    "falcon": ("GPT2LMHeadModel", "falcon", {"tokenizer_class": "PreTrainedTokenizerFast"}, {"falcon"}, lambda: {
        "pre_tokenizer": sequence({"type": "Punctuation", "behavior": "Contiguous"}, LEVEL, {"type": "Digits", "individual_digits": False}, split("[0-9][0-9][0-9]"))}),
    "starcoder": ("Starcoder2ForCausalLM", "starcoder2", {"tokenizer_class": "PreTrainedTokenizerFast"}, {"starcoder"}, lambda: {"pre_tokenizer": sequence(DIGITS, LEVEL)}),
    "refact": ("GPT2LMHeadModel", "gpt_refact", {"tokenizer_class": "PreTrainedTokenizerFast"}, {"refact"}, lambda: {"pre_tokenizer": sequence(DIGITS, LEVEL)}),
    "mpt": ("MPTForCausalLM", "mpt", {"tokenizer_class": "GPTNeoXTokenizer"}, {"mpt", "olmo"}, lambda: {"normalizer": {"type": "NFC"}, "pre_tokenizer": LEVEL}),
    "command-r": ("CohereForCausalLM", "cohere", {"tokenizer_class": "CohereTokenizer"}, {"command-r"}, lambda: {"pre_tokenizer": LEVEL, "post_processor": BOS("<BOS_TOKEN>")}),
    "bert-bge": ("BertModel", "bert", {"tokenizer_class": "BertTokenizer"}, {"bert-bge", "jina-v2-en"}, dict),
    "llama-spm": ("LlamaForCausalLM", "llama", {"tokenizer_class": "LlamaTokenizer"}, {"default"}, dict),
    "phi-3": ("Phi3ForCausalLM", "phi3", {"tokenizer_class": "LlamaTokenizer"}, {"default"}, dict),
    "baichuan": ("LlamaForCausalLM", "llama", {"tokenizer_class": "LlamaTokenizer"}, {"default"}, dict),
}


def header(path):
    """The key/values of a GGUF file. gguf-py's reader makes an array of each string, which takes minutes for these."""
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    def take(form):
        nonlocal at
        out = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return out
    def text():
        nonlocal at
        size = take("Q")[0]
        at += size
        return data[at - size:at].decode()
    def value(kind):
        if kind == 8:
            return text()
        if kind != 9:
            return take("BbHhIif?xxQqd"[kind])[0]
        kind, count = take("IQ")
        return [text() for _ in range(count)] if kind == 8 else list(take(f"{count}{'BbHhIif?xxQqd'[kind]}"))
    found = {}
    for _ in range(struct.unpack_from("<Q", data, 16)[0]):
        key = text()
        found[key] = value(take("I")[0])
    return found


def write(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file)


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def pieces(tokens, scores, types):
    """A SentencePiece model of those."""
    field = lambda number, payload: varint(number << 3 | 2) + varint(len(payload)) + payload
    return b"".join(field(1, field(1, t.encode()) + varint(2 << 3 | 5) + struct.pack("<f", s) + b"\x18" + varint(k)) for t, s, k in zip(tokens, scores, types)) + field(2, b"\x18\x02")


def folder_of(kind, reference, place):
    architecture, model_type, config, _, parts = KINDS[kind]
    tokens, types = reference["tokens"], reference["token_type"]
    small = dict(hidden_size=64, n_embd=64, d_model=64, num_hidden_layers=1, n_layer=1, n_layers=1, num_attention_heads=2, n_head=2, n_heads=2, num_key_value_heads=2,
                 intermediate_size=64, n_inner=64, max_position_embeddings=64, n_positions=64, n_ctx=64, max_seq_len=64, rms_norm_eps=1e-5, layer_norm_eps=1e-5, norm_epsilon=1e-5,
                 layer_norm_epsilon=1e-5, rope_theta=10000.0, logit_scale=1.0, attn_config={"kv_n_heads": 2})
    write(place, "config.json", {"architectures": [architecture], "model_type": model_type, "vocab_size": len(tokens), **small})
    write(place, "tokenizer_config.json", config)
    header = json.dumps({"t": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    with open(os.path.join(place, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + bytes(4))
    if "scores" in reference:
        with open(os.path.join(place, "tokenizer.model"), "wb") as file:
            file.write(pieces(tokens, reference["scores"], [k if k != 4 else 1 for k in types]))
        extra = {str(i): {"content": t, "special": k == 3} for i, (t, k) in enumerate(zip(tokens, types)) if k in (3, 4) and reference["scores"][i] == -1000}
        write(place, "tokenizer_config.json", {**config, **({"added_tokens_decoder": extra} if extra else {})})
        return
    if kind == "bert-bge":
        texts = [t if k == 3 else t[1:] if t.startswith("\u2581") else "##" + t for t, k in zip(tokens, types)]
        write(place, "tokenizer.json", {"added_tokens": [added(i, t, True) for i, (t, k) in enumerate(zip(texts, types)) if k == 3], "normalizer": None, "pre_tokenizer": None,
                                        "post_processor": None, "decoder": None, "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {t: i for i, t in enumerate(texts)}}})
        return
    made = parts()
    last = max(i for i, k in enumerate(types) if k == 1)
    model = {"type": "BPE", "vocab": {t: i for i, (t, k) in enumerate(zip(tokens, types)) if k == 1 or i < last}, "merges": reference["merges"], "ignore_merges": made.pop("ignore_merges", False)}
    for special in (made.get("post_processor") or {}).get("special_tokens", {}).values():
        special["ids"] = [tokens.index(special["id"])]
    # A token that fills a gap is no token of the files.
    more = [added(i, t, k == 3) for i, (t, k) in enumerate(zip(tokens, types)) if k in (3, 4) and not re.fullmatch(r"\[PAD\d+\]", t)]
    write(place, "tokenizer.json", {"added_tokens": more, "normalizer": None, "post_processor": None, "decoder": LEVEL, **made, "model": model})


def added(i, text, special):
    return {"id": i, "content": text, "special": special, "normalized": not special, "lstrip": False, "rstrip": False, "single_word": False}


def blocks(path):
    """The texts of an .inp file, and the lines of ids of its .out file."""
    with open(path + ".inp", encoding="utf-8", newline="") as file:
        texts = file.read().split("\n__ggml_vocab_test__\n")
    with open(path + ".out", encoding="utf-8") as file:
        ids = [[int(i) for i in line.split()] for line in file.read().splitlines()]
    return list(zip(texts, ids))


# Its ids for the reference text are Qwen 2's, as AutoTokenizer gives them, too; Qwen 3.5's own vocabulary is another.
TOLD = {"qwen35": "qwen35"}


def convert(kind, path, scratch):
    fields = header(path)
    name = lambda key: "tokenizer.ggml." + key
    reference = {k: fields[name(k)] for k in ("tokens", "scores", "token_type", "merges") if name(k) in fields}
    if "merges" in reference:
        reference.pop("scores", None)
    place, out = os.path.join(scratch, kind), os.path.join(scratch, kind + ".gguf")
    os.makedirs(place)
    folder_of(kind, reference, place)
    done = subprocess.run([GGX, place, "-o", out, "--quiet", "--vocab-only", *(["--pre", TOLD[kind]] if kind in TOLD else [])], capture_output=True, text=True)
    assert done.returncode == 0, f"{kind}: {done.stderr}"
    made = header(out)
    found = {k: made[name(k)] for k in reference}
    padded = [i for i, (t, k) in enumerate(zip(reference["tokens"], reference["token_type"])) if k == 4 and re.fullmatch(r"\[PAD\d+\]", t)]
    for i, (text, k) in enumerate(zip(reference["tokens"], reference["token_type"])):
        if k == 4 and re.fullmatch("<[|\uff5c].*[|\uff5c]>|<pad>", text):  # older converters did not look at the text
            reference["token_type"][i] = 3
    for i in padded:  # older converters called them user defined
        reference["token_type"][i] = 5
    for key, value in reference.items():
        wrong = [i for i, (a, b) in enumerate(zip(value, found[key])) if a != b]
        assert len(value) == len(found[key]) and not wrong, f"{kind}: {key}: {len(wrong)} differ of {len(value)}, {len(found[key])}: " + str(
            [(i, value[i], found[key][i]) for i in wrong[:5]])
    pre = made[name("pre")]
    assert pre in KINDS[kind][3], f"{kind}: the pre-tokenizer is {pre}"
    return out, pre


def plain(scratch):
    """GPT-2's vocabulary as its first publishers have it, and as Whisper's has it for English: vocab.json and merges.txt, no tokenizer.json."""
    for files in ({"vocab.json": "gpt2_encoder/encoder.json", "merges.txt": "gpt2_encoder/vocab.bpe"},
                  {"vocab.json": "whisper_gpt2/vocab.json", "merges.txt": "whisper_gpt2/merges.txt"}):
        place, out = os.path.join(scratch, "plain"), os.path.join(scratch, "plain.gguf")
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        for name, source in files.items():
            shutil.copy(oracle.case("real/tokenizer/" + source), os.path.join(place, name))
        with open(os.path.join(place, "vocab.json"), encoding="utf-8") as file:
            tokens = json.load(file)
        folder_of("gpt-2", {"tokens": list(tokens), "token_type": [1] * len(tokens), "merges": []}, place)
        os.remove(os.path.join(place, "tokenizer.json"))
        done = subprocess.run([GGX, place, "-o", out, "--quiet", "--vocab-only"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert header(out)["tokenizer.ggml.pre"] == "gpt-2"
        yield out


library = llama.Library()
names = sys.argv[1:] or KINDS
tokenized = known = 0
with tempfile.TemporaryDirectory() as scratch:
    for kind in names:
        path = os.path.join(SOURCE, f"models/ggml-vocab-{kind}.gguf")
        if not os.path.exists(path):
            oracle.skip("llama.cpp's vocabularies are not here; tests/setup.sh all fetches them")
        out, pre = convert(kind, path, scratch)
        known += 1
        texts = blocks(path) if os.path.exists(path + ".inp") else []
        if texts:
            with llama.Model(library, out, vocab_only=True) as model:
                for text, ids in texts:
                    found = model.tokenize(text)
                    assert found == ids, f"{kind}: {text!r} is {found}, not {ids}"
            tokenized += 1
        print(f"{kind}: {pre}, {len(texts)} texts", flush=True)
        os.remove(out)
    for out in plain(scratch) if not sys.argv[1:] and oracle.case("real/tokenizer/gpt2_encoder") else ():
        with llama.Model(library, out, vocab_only=True) as model:
            for text, ids in blocks(os.path.join(SOURCE, "models/ggml-vocab-gpt-2.gguf")):
                assert model.tokenize(text) == ids, text
        print("gpt-2 from vocab.json and merges.txt", flush=True)
assert sys.argv[1:] or (known >= 14 and tokenized >= 13), (known, tokenized)
oracle.finish()
