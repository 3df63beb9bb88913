"""Makes the corpus of vocab_sentencepiece: make_vocab.py FOLDER. Small models by hand, with and without added tokens, and some that lie."""
import os
import struct
import sys


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
INPUTS = {
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
for name, (model, config) in INPUTS.items():
    with open(os.path.join(sys.argv[1], name), "wb") as file:
        file.write(struct.pack("<H", len(model)) + model + config)
