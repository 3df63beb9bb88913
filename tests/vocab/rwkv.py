"""Promise: vocab-rwkv hands over each token as Python writes its bytes, whatever literal the file has for it; it keeps the contract on
damaged files, and says what is wrong with them."""
import os
import random
import subprocess
import sys
import tempfile

import oracle

(gguf,) = oracle.modules("gguf")

import vocab

CHECK, SO = sys.argv[1:]
NAME = "rwkv_vocab_v20230424.txt"
KINDS = {"model": "str", "tokens": "str", "types": "i32"}


def read(place, folder):
    return vocab.header(place, {key: {kind: f"= vocab('rwkv', '{key}')"} for key, kind in KINDS.items()}, folder)


def put(place, text):
    with open(os.path.join(place, NAME), "w", encoding="utf-8", newline="") as file:
        file.write(text)


def literals():
    """Tokens with the literals that Python writes for them, and others by hand."""
    random.seed(1)
    for _ in range(3000):
        kind = random.random()
        if kind < 0.4:
            token = bytes(random.randrange(256) for _ in range(random.randrange(1, 9)))
        else:
            token = "".join(random.choice("ab'\"\\ \t\n\r\x00\x7f\x80\u00ff\u0394\u3042\U0001f680\u2028") for _ in range(random.randrange(1, 9)))
        yield repr(token), token
    for text in (r"'\x41\101\a\b\f\v\''", r"b'\x41\377\0'", r'"\u00e9\U0001F680"', r"'\18'", "''"):
        yield text, eval(text)


with tempfile.TemporaryDirectory() as folder:
    place = vocab.model(os.path.join(folder, "rwkv")) if not os.mkdir(os.path.join(folder, "rwkv")) else None
    assert read(place, folder) == {}, "there is no file"
    pairs = [(text, token if isinstance(token, bytes) else token.encode()) for text, token in literals()]
    put(place, "".join(f"{n} {text} {len(data)}{chr(13) if n % 2 else ''}\n" for n, (text, data) in enumerate(pairs, 1)))
    found = read(place, folder)
    assert found["model"] == "rwkv" and found["tokens"] == ["<s>"] + [repr(data)[2:-1] for _, data in pairs], "the tokens differ"
    assert found["types"] == [3] + [1] * len(pairs)
    for text, said in (("1 'a' 2\n", "has 1 bytes"), ("1 'a'\n", "is not a number"), ("1  1\n", "is not a number"), ("1 'a 1\n", "is not a number"), ("1 a 1\n", "is not a number"),
                       ("1 'a'' 2\n", "is not a number"), ("1 '\\q' 1\n", "is not a number"), ("1 '\\x4' 1\n", "is not a number"), ("1 b'\\u0041' 1\n", "is not a number"),
                       ("1 b'\u00e9' 2\n", "is not a number"), ("1 '\\ud800' 3\n", "is not a number"), ("1 '\\400' 2\n", "is not a number"), ("1 '\\' 1\n", "is not a number"),
                       ("\n", "is not a number"), (f"1 '{'a' * 5000}' 5000\n", "is not a number")):
        put(place, text)
        told = read(place, folder)
        assert isinstance(told, str) and said in told, (text, told)
    put(place, "1 'a' 1\n2 b'\\xff' 1\n3 '\\n' 1\n")
    check = subprocess.run([CHECK, SO, "--budget", "2", "--sample", place], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
oracle.finish()
