"""Makes the corpora of vocab_*: make_vocab.py, in this folder. Small models by hand, with and without added tokens, and some that lie."""
import json
import os
import struct


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def piece(text, score, kind=None):
    return field(1, field(1, text.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score) + (b"\x18" + varint(kind) if kind else b""))


plain = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("<0x41>", 0, 6) + piece("\u2581a", -1.5) + piece("x", -2, 4)
normalizer = field(3, field(1, b"nmt_nfkc") + field(2, bytes(range(16))) + b"\x18\x00\x20\x01")
added = b'{"added_tokens_decoder": {"1": {"content": "<s>", "special": true}, "9": {"content": "\\u2581y"}}, "<z>": 7}'
SENTENCEPIECE = {
    "plain": (plain, b""),
    "normalizer": (plain + normalizer, b"{}"),
    "added": (plain, added),
    "no-pieces": (field(2, b"\x18\x01"), b"{}"),
    "no-text": (field(1, b"\x18\x01"), b"{}"),
    "long-piece": (b"\x0a\x05\x0a\xff\xff\xff\x0f", b""),
    "far-id": (plain, b'{"a": 1048576}'),
    "negative-id": (plain, b'{"a": -1}'),
    "deep": (plain, b'{"a":' * 80),
}
BPE = {
    "json": (b'{"added_tokens":[{"id":3,"content":"<s>","special":true}],"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b",["a","b"]]}}', b""),
    "plain": (b"", b'{"a": 0, "b": 1}'),
    "merges": (b"", b"#version\na b\nb c\n"),
    "other": (b'{"model":{"type":"Unigram","vocab":[["a",0]]}}', b""),
    "far-id": (b'{"model":{"vocab":{"a":1048576}}}', b""),
}
# Tokenizers whose steps are run: each known step, a regular expression that runs away, steps in steps, the classes.
VOCABULARY = {**{chr(i): i - 33 for i in range(33, 127)}, "ab": 200, "\u0120": 201}


def tokenizer(**steps):
    added = [{"id": 300, "content": "<s>", "special": True, "normalized": False, "lstrip": True}, {"id": 301, "content": "New", "single_word": True}]
    return json.dumps({"added_tokens": added, "model": {"type": "BPE", "vocab": VOCABULARY, "merges": ["a b"], "byte_fallback": True, "unk_token": "!"}, **steps}).encode()


def split(regex, **more):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", **more}


def nested(levels, twice):
    step = {"type": "NFC"}
    for level in range(levels):
        step = {"type": "Sequence", "normalizers": [step] * (2 if level < twice else 1)}
    return step


NORMALIZERS = [{"type": t} for t in ("NFKC", "NFD", "Lowercase", "StripAccents", "Strip", "BertNormalizer")] + [
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "_"}, {"type": "Prepend", "prepend": "x"}]
WORDS = [split(r"[a-c[x-z]]+|[\p{L}&&[^a-m]]+|\p{N}{1,3}+", behavior="MergedWithNext", invert=True), {"type": "Digits", "individual_digits": True},
         {"type": "Punctuation"}, {"type": "Metaspace", "prepend_scheme": "first"}, {"type": "Whitespace"}, {"type": "ByteLevel", "add_prefix_space": True}]
BPE |= {
    "steps": (tokenizer(normalizer={"type": "Sequence", "normalizers": NORMALIZERS}, pre_tokenizer={"type": "Sequence", "pretokenizers": WORDS},
                        post_processor={"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
                                        "special_tokens": {"<s>": {"ids": [300]}}},
                        decoder={"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "a"}, "content": " "}, {"type": "Strip", "content": " ", "start": 1}]}),
              b'{"tokenizer_class":"PreTrainedTokenizerFast","bos_token":"<s>","added_tokens_decoder":{"3":{"content":"x","special":true}},"additional_special_tokens":["q"]}'),
    "runs-away": (tokenizer(pre_tokenizer=split(r"(?:\S+)+(?=\p{L}{99})")), b"{}"),
    "nested": (tokenizer(normalizer=nested(20, 6)), b"{}"),
    "nested-twice": (tokenizer(normalizer=nested(30, 9)), b"{}"),
    "class-qwen2": (tokenizer(), b'{"tokenizer_class":"Qwen2Tokenizer","model_type":"qwen2"}'),
    "class-roberta": (tokenizer(), b'{"tokenizer_class":"RobertaTokenizer","add_prefix_space":true}'),
    "class-llama": (tokenizer(), b'{"tokenizer_class":"LlamaTokenizer","legacy":true}'),
}
WORDPIECE = {
    "json": (b'{"added_tokens":[{"id":0,"content":"[PAD]","special":true}],"model":{"type":"WordPiece","vocab":{"[PAD]":0,"the":1,"##s":2}}}', b""),
    "plain": (b"", b"[PAD]\nthe\n##s\n"),
    "deep": (b'{"model":' * 70, b""),
}
TIKTOKEN = {
    "plain": (b"YQ== 0\nYg== 1\nYWI= 2\nYWJh 3\n", b""),
    "other-file": (b"", b"/w== 0\r\n\r\ngA== 1\r\n/4A= 2\r\n"),
    "lines-in-any-order": (b"YWFhYQ== 2\nYWE= 1\nYQ== 0\n", b""),
    "twice": (b"YQ== 0\nYQ== 1\n", b""),
    "missing": (b"YQ== 0\nYg== 2\n", b""),
    "no-merge": (b"YQ== 0\nYWJj 1\n", b""),
    "no-base64": (b"YQ=a 0\nYR== 1\n", b""),
}
for folder, inputs in (("vocab_sentencepiece", SENTENCEPIECE), ("vocab_bpe", BPE), ("vocab_wordpiece", WORDPIECE), ("vocab_tiktoken", TIKTOKEN)):
    for name, (model, config) in inputs.items():
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), folder, name), "wb") as file:
            file.write(struct.pack("<H", len(model)) + model + config)
