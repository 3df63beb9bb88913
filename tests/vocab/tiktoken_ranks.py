"""Promise: vocab-tiktoken gives the tokens of a .tiktoken by rank, the merges that the converter's Qwen code finds for them, and the ids that
tiktoken's own rule gives for the reference text, for a real file and small ones; it refuses damaged files by the byte, and keeps the contract
on them."""
import base64
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

import oracle

ORACLE = os.path.join(os.environ.get("GGX_ORACLES", ""), "llama.cpp")
if not os.path.isdir(os.path.join(ORACLE, "conversion")):
    oracle.skip("the converter is not here; tests/setup.sh all fetches it")
sys.path[:0] = [os.path.join(ORACLE, "gguf-py"), ORACLE]
gguf, regex, torch = oracle.modules("gguf", "regex", "torch")
from conversion.qwen import QwenModel

import vocab

CHECK, SO = sys.argv[1:]
HERE = os.path.dirname(os.path.abspath(__file__))
REAL = oracle.case("real/tokenizer/whisper_gpt2/gpt2.tiktoken")
KINDS = {"model": "str", "tokens": "str", "types": "i32", "merges": "str", "reference_ids": "str", "pre": "str"}
WORDS = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
WRONG = "is not a token of 1 to 256 bytes"
LETTERS = {b: QwenModel.token_bytes_to_string(bytes([b])) for b in range(256)}


def text(token):
    """token_bytes_to_string, which makes its table anew for each token."""
    return "".join(LETTERS[b] for b in token)


def read(place, folder, *more):
    return vocab.header(place, {key: {kind: f"= vocab('tiktoken', '{key}')"} for key, kind in KINDS.items()}, folder, *more)


def put(place, data, name="qwen.tiktoken"):
    with open(os.path.join(place, name), "wb") as file:
        file.write(data)


def line(token, rank):
    return base64.b64encode(token) + b" %d\n" % rank


def compare(found, lines):
    """What the converter and tiktoken make of the same lines."""
    ranks = {base64.b64decode(t): int(r) for t, r in (l.split() for l in lines.splitlines() if l)}
    merges = [" ".join(map(text, QwenModel.bpe(ranks, t, max_rank=r))) for t, r in ranks.items() if len(t) > 1]
    assert found["model"] == "gpt2" and found["tokens"] == [text(t) for t in sorted(ranks, key=ranks.get)], "the tokens differ"
    assert found["types"] == [1] * len(ranks) and found["merges"] == merges, "the merges differ"
    if len([t for t in ranks if len(t) == 1]) == 256:
        with open(os.path.join(HERE, "reference.txt"), encoding="utf-8", newline="") as file:
            words = regex.findall(WORDS, unicodedata.normalize("NFC", file.read()))
        ids = [ranks[part] for word in words for part in ([word.encode()] if word.encode() in ranks else QwenModel.bpe(ranks, word.encode()))]
        assert found["reference_ids"] == str(ids), "the ids of the reference text differ"


def trained(seed, size):
    """Bytes in some order, then pairs of tokens; the lines in any order."""
    rng = random.Random(seed)
    tokens = [bytes([b]) for b in range(256)]
    rng.shuffle(tokens)
    while len(tokens) < size:
        new = rng.choice(tokens) + rng.choice(tokens) if rng.random() < 0.5 else rng.choice(tokens[-8:]) + rng.choice(b"abc ").to_bytes(1, "big")
        ranks = {t: i for i, t in enumerate(tokens)}
        if len(new) <= 256 and new not in ranks and len(QwenModel.bpe(ranks | {new: size}, new, max_rank=size)) == 2:
            tokens.append(new)
    lines = [line(t, i) for i, t in enumerate(tokens)]
    if seed % 2:
        rng.shuffle(lines)
    return b"".join(lines)


with tempfile.TemporaryDirectory() as folder:
    place = vocab.model(os.path.join(folder, "tiktoken")) if not os.mkdir(os.path.join(folder, "tiktoken")) else None
    assert read(place, folder) == {}, "there is no file"
    real = trained(7, 400)
    if REAL:
        with open(REAL, "rb") as file:
            real = file.read()
    put(place, real, "gpt2.tiktoken")
    compare(read(place, folder), real)
    put(place, line(b"a", 0), "other.tiktoken")
    told = read(place, folder)
    assert isinstance(told, str) and "'gpt2.tiktoken' and 'other.tiktoken'" in told, told
    for seed in range(4):  # qwen.tiktoken goes before others
        made = trained(seed, 330)
        put(place, made.replace(b"\n", b"\r\n") if seed == 2 else made)
        compare(read(place, folder), made)
    assert read(place, folder, "--pre", "qwen2")["pre"] == "qwen2"
    small = line(b"a", 0) + line(b"b", 1) + line(b"ab", 2)
    put(place, small + b"\n")
    compare(read(place, folder), small)
    for data, said, offset in ((small + b"YQ== x\n", WRONG, 21), (small + b"YQ==\n", WRONG, 21), (small + b"YQ= 3\n", WRONG, 21), (small + b"YQ==  3\n", WRONG, 21),
                               (small + b" 3\n", WRONG, 21), (small + b"Y!== 3\n", WRONG, 21), (small + b"YR== 3\n", WRONG, 21), (small + b"Y=== 3\n", WRONG, 21),
                               (small + b"=Y== 3\n", WRONG, 21), (small + b"YQ== -3\n", WRONG, 21), (small + b"YQ== 3 \n", WRONG, 21), (small + line(b"a" * 257, 3), WRONG, 21),
                               (small + line(b"c", 99999999999999999999), WRONG, 21), (small + line(b"c", 4), "so that a lower one is missing", 21),
                               (small + line(b"c", 1), "rank 1 is there twice", 21), (small + line(b"a", 3), "the token of rank 3 is there twice", 21),
                               (line(b"a", 0) + line(b"ab", 1) + line(b"b", 2) + line(b"abba", 3), "of rank 3 is not two tokens", 21),
                               (line(b"a", 0) + line(b"a" * 256, 1), "of rank 1 is not two tokens", 7), (b"", "0 tokens", None), (b"\n", "0 tokens", None)):
        put(place, data)
        told = read(place, folder)
        assert isinstance(told, str) and said in told and "qwen.tiktoken" in told and (offset is None or f"(at byte {offset})" in told), (data, said, told)
    put(place, small)
    os.remove(os.path.join(place, "other.tiktoken"))
    check = subprocess.run([CHECK, SO, "--budget", "2", "--sample", place], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
oracle.finish()
