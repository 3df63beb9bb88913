"""Promise: vocab-bpe and vocab-wordpiece hand over what the reference files hold for the same tokenizers, whichever of their files are
there; they keep the contract on damaged files, and say what is wrong with them."""
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

import oracle

(gguf,) = oracle.modules("gguf")

import vocab

CHECK, PLUGINS = sys.argv[1], dict(zip(("bpe", "wordpiece"), sys.argv[2:]))
KINDS = {"model": "str", "pre": "str", "tokens": "str", "types": "i32", "merges": "str"}


def read(plugin, place, folder, *options):
    return vocab.header(place, {key: {kind: f"= vocab('{plugin}', '{key}')"} for key, kind in KINDS.items()}, folder, *options)


def raw(values):
    """The digest that the manifests of the reference cases have of an array."""
    if isinstance(values[0], str):
        data = b"".join(struct.pack("<Q", len(v.encode())) + v.encode() for v in values)
        return hashlib.sha256(struct.pack("<IQ", 8, len(values)) + data).hexdigest()
    return hashlib.sha256(struct.pack(f"<IQ{len(values)}i", 5, len(values), *values)).hexdigest()


def write(place, name, value):
    with open(os.path.join(place, name), "w", encoding="utf-8") as file:
        file.write(value if isinstance(value, str) else json.dumps(value))


def against_references(folder):
    shared = oracle.case("golden/_shared")
    if not shared:
        return
    cases = os.path.dirname(shared)
    for plugin, case, files in (("bpe", "09-gpt2", {"tokenizer.json": "24ed680a-tokenizer.json"}),
                                ("wordpiece", "09-bert", {"tokenizer.json": "be50c362-tokenizer.json"})):
        expect = os.path.join(cases, case, "expect")
        manifest = next(n for n in sorted(os.listdir(expect)) if n.endswith(".manifest.json"))
        with open(os.path.join(expect, manifest), encoding="utf-8") as file:
            wanted = {k: v for k, _, v in json.load(file)["kv"]}
        place = vocab.model(tempfile.mkdtemp(dir=folder))
        for name, source in files.items():
            shutil.copy(os.path.join(shared, source), os.path.join(place, name))
        found = read(plugin, place, folder)
        keys = {"tokens": "tokens", "types": "token_type"} | ({"merges": "merges"} if plugin == "bpe" else {})
        for key, name in keys.items():
            array = wanted["tokenizer.ggml." + name]
            assert len(found[key]) == array["n"] and raw(found[key]) == array["sha256_raw"], (case, key)
        assert found["model"] == wanted["tokenizer.ggml.model"]
    # The plain files of the same tokenizer give the same tokens and merges.
    place = vocab.model(tempfile.mkdtemp(dir=folder))
    shutil.copy(os.path.join(shared, "19613966-vocab.json"), os.path.join(place, "vocab.json"))
    shutil.copy(os.path.join(shared, "1ce16647-merges.txt"), os.path.join(place, "merges.txt"))
    plain = read("bpe", place, folder)
    with open(os.path.join(shared, "24ed680a-tokenizer.json"), encoding="utf-8") as file:
        model = json.load(file)["model"]
    assert plain["tokens"] == sorted(model["vocab"], key=model["vocab"].get)
    assert plain["merges"] == [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    place = vocab.model(tempfile.mkdtemp(dir=folder))
    shutil.copy(os.path.join(shared, "07eced37-vocab.txt"), os.path.join(place, "vocab.txt"))
    lines = read("wordpiece", place, folder)
    with open(os.path.join(shared, "07eced37-vocab.txt"), encoding="utf-8") as file:
        words = file.read().splitlines()
    assert lines["tokens"] == [w[2:] if w.startswith("##") else "\u2581" + w for w in words]


BPE = {"added_tokens": [{"id": 5, "content": "<|end|>", "special": False}, {"id": 7, "content": "\u2581new one", "special": False},
                        {"id": 4, "content": "<s>", "special": True}],
       "model": {"type": "BPE", "vocab": {"b": 1, "a": 0, "ab": 2, "\u0120": 3}, "merges": ["a b", ["a ", "b"]]}}
WORDPIECE = {"added_tokens": [{"id": 0, "content": "[PAD]", "special": True}],
             "model": {"type": "WordPiece", "vocab": {"[PAD]": 0, "the": 1, "##s": 2, "##": 3}}}


def by_hand(folder):
    place = vocab.model(os.path.join(folder, "bpe"))
    write(place, "tokenizer.json", BPE)
    found = read("bpe", place, folder, "-O", "bpe.pre=mine")  # ids are given in the order of the list, as the library does
    assert found == read("bpe", place, folder, "--pre", "mine")
    assert found == {"model": "gpt2", "pre": "mine", "tokens": ["a", "b", "ab", "\u0120", "<|end|>", " new one", "<s>"],
                     "types": [1, 1, 1, 1, 3, 4, 3], "merges": ["a b", "a\u0120 b"]}, found
    assert read("wordpiece", place, folder) == {}, "a BPE tokenizer is no WordPiece one"
    other = vocab.model(os.path.join(folder, "wordpiece"))
    write(other, "tokenizer.json", WORDPIECE)
    found = read("wordpiece", other, folder)
    assert found == {"model": "bert", "tokens": ["[PAD]", "\u2581the", "s", ""], "types": [3, 1, 1, 1]}, found
    assert read("bpe", other, folder) == {}, "a WordPiece tokenizer is no BPE one"
    return place, other


def refusals(place, folder):
    def refused(value, text):
        write(place, "tokenizer.json", value)
        said = read("bpe", place, folder)
        assert isinstance(said, str) and text in said, said

    refused({"model": {"type": "BPE", "vocab": {"a": 2 ** 40}}}, "has id")
    refused({"model": {"type": "BPE", "vocab": {"a": "0"}}}, "has id")
    refused({"model": {"type": "BPE", "vocab": {}, "merges": []}}, "no tokens")
    refused({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b", "c"]]}}, "3 parts")
    refused({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [7]}}, "no string")
    refused({"model": {"type": "BPE", "vocab": {"a": 0}}, "added_tokens": [1]}, "no object")
    refused({"model": {"type": "BPE", "vocab": {"a": 0}}, "added_tokens": [{"id": 1}]}, "no content")
    refused("[]", "no JSON object")
    refused('{"model":' * 100, "")
    refused("", "")


def unencodable(place):
    """A vocabulary is read all the same when its text cannot be split; the reason is told where the pre-tokenizer is asked for."""
    def told(pre, text):
        write(place, "tokenizer.json", {"pre_tokenizer": pre, "model": {"type": "BPE", "vocab": {"a": 0}}})
        found = vocab.header(place, {"tokens": {"str": "= vocab('bpe', 'tokens')"}, "trouble": {"str": "= vocab('bpe', 'trouble')"}}, os.path.dirname(place))
        assert found["tokens"] == ["a"] and text in found["trouble"], found

    regex = lambda r: {"type": "Split", "pattern": {"Regex": r}, "behavior": "Isolated"}
    told(regex(r"(?:\S+)+(?=\p{L}{99})"), "too many steps")
    told(regex("(" * 300), "nested too deeply")
    told(regex("[a"), "without an end")
    told(regex("a" * 70000), "too long")
    told({"type": "UnicodeScripts"}, "'UnicodeScripts' is not known")


with tempfile.TemporaryDirectory() as folder:
    for plugin in PLUGINS:
        os.makedirs(os.path.join(folder, plugin))
    places = by_hand(folder)
    for (plugin, so), place in zip(PLUGINS.items(), places):
        check = subprocess.run([CHECK, so, "--budget", "2", "--sample", place], capture_output=True, text=True)
        assert check.returncode == 0, check.stdout + check.stderr
    against_references(folder)
    refusals(places[0], folder)
    unencodable(places[0])
oracle.finish()
