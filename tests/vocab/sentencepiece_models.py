"""Promise: vocab-sentencepiece hands over what SentencePiece itself reads from a model, with the tokens that are added beside it; it
keeps the contract on damaged files, and says what is wrong with them."""
import glob
import io
import json
import os
import random
import subprocess
import sys
import tempfile

import oracle

gguf, spm = oracle.modules("gguf", "sentencepiece")

import vocab

KEYS = {"model": "str", "tokens": "str", "scores": "f32", "types": "i32", "add_space_prefix": "bool", "remove_extra_whitespaces": "bool", "charsmap": "u8"}
FIELDS = {key: {kind: f"= vocab('sentencepiece', '{key}')"} for key, kind in KEYS.items()}


def train(**options):
    rng = random.Random(7)
    words = ["".join(rng.choice("abcdefghij éß漢字") for _ in range(rng.randrange(2, 9))).strip() or "a" for _ in range(120)]
    out = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=iter([" ".join(rng.choices(words, k=12)) for _ in range(80)]), model_writer=out,
                                   minloglevel=2, num_threads=1, **options)
    return out.getvalue()


def expected(data):
    """Tokens, scores and types as llama.cpp's converter takes them from the library."""
    processor = spm.SentencePieceProcessor(model_proto=data)
    ids = range(processor.vocab_size())
    kind = lambda i: (2 if processor.IsUnknown(i) else 3 if processor.IsControl(i) else 5 if processor.IsUnused(i) else 6 if processor.IsByte(i) else 1)
    return [processor.IdToPiece(i) for i in ids], [processor.GetScore(i) for i in ids], [kind(i) for i in ids]


def check_models(folder):
    models = {
        "bpe": train(model_type="bpe", vocab_size=320, byte_fallback=True, user_defined_symbols=["<|x|>", "[y]"]),
        "unigram": train(model_type="unigram", vocab_size=120, pad_id=3),
        "plain": train(model_type="char", vocab_size=16, add_dummy_prefix=False, remove_extra_whitespaces=False, normalization_rule_name="identity"),
    }
    for name, data in models.items():
        place = vocab.model(os.path.join(folder, name))
        with open(os.path.join(place, "tokenizer.model"), "wb") as file:
            file.write(data)
        found = vocab.header(place, FIELDS, folder)
        tokens, scores, types = expected(data)
        assert (found["tokens"], found["scores"], found["types"]) == (tokens, scores, types), name
        assert found["add_space_prefix"] == found["remove_extra_whitespaces"] == (name != "plain"), name
        assert ("charsmap" in found) == (name != "plain"), name
    return os.path.join(folder, "bpe")


def check_added(place, folder):
    """added_tokens.json first, tokenizer_config.json over it; a gap is filled."""
    with open(os.path.join(place, "added_tokens.json"), "w", encoding="utf-8") as file:
        json.dump({"<new\u2581one>": 320, "<two>": 321}, file)
    with open(os.path.join(place, "tokenizer_config.json"), "w", encoding="utf-8") as file:
        json.dump({"a": [1, {"b": {}}], "added_tokens_decoder": {
            "1": {"content": "<s>", "special": True, "lstrip": False}, "321": {"content": "<\u2581t\n>", "special": False},
            "323": {"content": "<|end|>", "special": False}}, "z": None}, file)
    found = vocab.header(place, FIELDS, folder)
    assert found["tokens"][320:] == ["<new\u2581one>", "< t\n>", "[PAD322]", "<|end|>"], found["tokens"][320:]
    assert found["types"][320:] == [4, 4, 5, 3] and found["types"][1] == 3
    assert found["scores"][320:] == [-1000, -1000, -10000, -1000] and found["scores"][1] == -1000


def check_refusals(place, folder):
    def refused(name, data, text):
        with open(os.path.join(place, name), "wb") as file:
            file.write(data)
        said = vocab.header(place, FIELDS, folder)
        assert isinstance(said, str) and text in said, (name, said)

    config = os.path.join(place, "tokenizer_config.json")
    refused("tokenizer_config.json", b'{"added_tokens_decoder": {"1099511627776": {"content": "x"}}}', "has id")
    refused("tokenizer_config.json", b'{"added_tokens_decoder": {"7": {"special": true}}}', "no content")
    refused("tokenizer_config.json", b'{"added_tokens_decoder": {"7": 1}}', "no object")
    refused("tokenizer_config.json", b'{"added_tokens_decoder": ' + b'{"a":' * 100, "")
    os.remove(config)
    refused("tokenizer.model", b"", "no pieces")
    refused("tokenizer.model", b"\x0a\x05\x0a\xff\xff\xff\x0f", "")
    os.remove(os.path.join(place, "tokenizer.model"))
    assert vocab.header(place, FIELDS, folder) == {}, "no file, no vocabulary, no error"


with tempfile.TemporaryDirectory() as folder:
    for name in ("bpe", "unigram", "plain"):
        os.makedirs(os.path.join(folder, name))
    place = check_models(folder)
    check_added(place, folder)
    golden = oracle.case("golden")
    count = 0
    for model in sorted(glob.glob(os.path.join(golden, "09-*/in/*/tokenizer.model"))) if golden else []:
        reference = sorted(glob.glob(os.path.join(os.path.dirname(model), "../../expect/*.gguf")))
        if not reference:
            continue
        wanted = gguf.GGUFReader(reference[0]).fields
        found = vocab.header(os.path.dirname(model), FIELDS, folder)
        if isinstance(found, str): # weights that are made by a command are not there
            continue
        n = len(found["tokens"])
        assert found["tokens"] == wanted["tokenizer.ggml.tokens"].contents()[:n] and found["scores"] == wanted["tokenizer.ggml.scores"].contents()[:n]
        assert found["types"] == wanted["tokenizer.ggml.token_type"].contents()[:n], model
        count += 1
    assert not golden or count >= 5, count
    check = subprocess.run([sys.argv[1], sys.argv[2], "--budget", "2", "--sample", place], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
    check_refusals(place, folder)
print(f"{count} reference files")
oracle.finish()
