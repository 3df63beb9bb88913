"""Promise: the tokenizer that vocab-bpe and vocab-wordpiece make of a folder gives the ids that transformers' AutoTokenizer gives, on
llama.cpp's reference text and on texts of many scripts: for each pre-tokenizer, normalizer and class that the table knows."""
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

import oracle

tokenizers, transformers = oracle.modules("tokenizers", "transformers")
import warnings

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
ENCODE = sys.argv[1]
SEED = 20260711

CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}"
         r"\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
KIMI = r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+|\p{N}{1,3}|\s+(?!\S)|\s+|."
POSSESSIVE = r"\p{N}{1,3}+|\p{L}++|[^\p{L}\p{N}]?+"
DEEPSEEK = [r"[\r\n]", r"\s?\p{L}+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", r"[一-龥ࠀ-一가-퟿]+"]


def texts():
    rng = random.Random(SEED)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference.txt"), encoding="utf-8", newline="") as file:
        out = [file.read()]
    out += ["", " ", "a", "\n", "Hello, world! It's 12345 o'clock", "\u00e9 e\u0301 \u1e69 s\u0323\u0307 \uac01 \u1100\u1161\u11a8 \ufb01 \u2460 \u00bd",
            "<s>x</s> <|end|>  y<|end|> [MASK] z  NEW new New", "\u212b \u0130 \u017f'\u017f 'S ' s", "can't CAN'T \u2019t l\u2019eau", "  two  spaces ", "\t\ttabs\r\n\r\n"]
    blocks = [(0x20, 0x7f), (0x20, 0x7f), (0xa0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x5d0, 0x5eb), (0x620, 0x700), (0x900, 0xa00), (0xe00, 0xe80),
              (0x1780, 0x17fa), (0x1e00, 0x1f00), (0x2000, 0x2070), (0x2100, 0x2200), (0x3000, 0x3130), (0x4e00, 0x4f00), (0xac00, 0xad00), (0xff00, 0xff60),
              (0x1f300, 0x1f650), (0x9, 0xe)]
    for _ in range(60):
        text = ""
        for _ in range(rng.randrange(1, 12)):
            low, high = rng.choice(blocks)
            # Characters of later versions of Unicode are punctuation to some libraries and unassigned to others.
            text += "".join(c for c in (chr(rng.randrange(low, high)) for _ in range(rng.randrange(1, 9))) if unicodedata.ucd_3_2_0.category(c) != "Cn" or ord(c) > 0x1f000)
            text += rng.choice(["", " ", "  ", "\n", "<|end|>", "NEW"])
        out.append(text)
    return out


def corpus(rng):
    words = ["".join(rng.choice("abcdefghijklmnop") for _ in range(rng.randrange(1, 7))) for _ in range(80)]
    words += ["I've", "it's", "3.3", "333", "apple", "multiple", "emojis", "concatenated", "\u043d\u0435\u0449\u043e", "\u00e9t\u00e9", "\u6211\u60f3\u5728", "......", "\n\n", "  "]
    return [" ".join(rng.choices(words, k=9)) for _ in range(120)]


def trained(model, normalizer=None, pre=None, post=None, decoder=None, special=("<s>", "</s>", "<unk>"), added=(), **options):
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre is not None:
        tokenizer.pre_tokenizer = pre
    trainer = {models.BPE: trainers.BpeTrainer, models.WordPiece: trainers.WordPieceTrainer, models.WordLevel: trainers.WordLevelTrainer}[type(model)]
    alphabet = {} if trainer is trainers.WordLevelTrainer else {"initial_alphabet": options.pop("alphabet", pre_tokenizers.ByteLevel.alphabet())}
    tokenizer.train_from_iterator(corpus(random.Random(SEED)), trainer(vocab_size=420, special_tokens=list(special), show_progress=False, **alphabet, **options))
    if added:
        tokenizer.add_tokens(list(added))
    if post is not None:
        tokenizer.post_processor = post(tokenizer)
    if decoder is not None:
        tokenizer.decoder = decoder
    return tokenizer


def template(tokenizer):
    return processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A $B", special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("<s>", "</s>")])


def sequence_of(patterns, digits=True):
    return pre_tokenizers.Sequence([*[pre_tokenizers.Split(Regex(p), "isolated") for p in patterns], *([pre_tokenizers.Digits(True)] if digits else []),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


LEVEL = lambda **k: pre_tokenizers.ByteLevel(**k)
SPLIT = lambda regex, behavior="isolated", invert=False: pre_tokenizers.Sequence(
    [pre_tokenizers.Split(Regex(regex), behavior, invert), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
ADDED = (AddedToken("<|end|>", lstrip=True, normalized=False), AddedToken("New", single_word=True), AddedToken("\u00e9\u00df", rstrip=True), AddedToken("[MASK]", lstrip=True, rstrip=True, special=True))


def made():
    """Tokenizers by the name of what they try."""
    bpe = lambda **k: models.BPE(**k)
    byte_words = [f"<0x{b:02X}>" for b in range(256)]
    yield "gpt2", trained(bpe(), pre=LEVEL(add_prefix_space=False), post=lambda t: processors.ByteLevel(trim_offsets=False))
    yield "prefix", trained(bpe(), pre=LEVEL(add_prefix_space=True), added=ADDED)
    for name, regex in (("cl100k", CL100K), ("o200k", O200K), ("kimi", KIMI), ("possessive", POSSESSIVE), ("simple", r"\w+|\s|\d{,2}|[[:punct:]]+"),
                        ("nested", r"[a-c[x-z]]+|[\p{L}&&[^a-m]]+")):
        yield name, trained(bpe(ignore_merges=True), pre=SPLIT(regex), post=template, added=ADDED, normalizer=normalizers.NFC())
    yield "deepseek", trained(bpe(), pre=sequence_of(DEEPSEEK), added=ADDED)
    for behavior in ("removed", "contiguous", "merged_with_previous", "merged_with_next"):
        for invert in (False, True):
            yield f"{behavior}-{invert}", trained(bpe(), pre=SPLIT(r"\p{N}|\s", behavior, invert))
    for form in ("NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"):
        yield form, trained(bpe(), normalizer=getattr(normalizers, form)(), pre=LEVEL(add_prefix_space=False), added=ADDED)
    yield "stripped", trained(bpe(), normalizer=normalizers.Sequence([normalizers.NFD(), normalizers.Strip(), normalizers.Replace(Regex(r" {2,}"), "_"), normalizers.Prepend("x")]),
                              pre=LEVEL(add_prefix_space=False), added=ADDED)
    yield "level", trained(bpe(), normalizer=normalizers.ByteLevel(), pre=pre_tokenizers.Split(Regex("\u0120"), "merged_with_next"))
    yield "digits", trained(bpe(), pre=pre_tokenizers.Sequence([pre_tokenizers.Digits(False), pre_tokenizers.Punctuation(), LEVEL(add_prefix_space=False)]))
    yield "fixed", trained(bpe(), pre=pre_tokenizers.Sequence([pre_tokenizers.FixedLength(length=3), LEVEL(use_regex=False)]))
    yield "char", trained(bpe(), pre=pre_tokenizers.Sequence([pre_tokenizers.CharDelimiterSplit("."), pre_tokenizers.WhitespaceSplit(), LEVEL(add_prefix_space=False)]))
    for scheme in ("always", "first", "never"):
        for split in (True, False):
            yield f"metaspace-{scheme}-{split}", trained(bpe(byte_fallback=True, unk_token="<unk>", fuse_unk=True), pre=pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split),
                                                         special=("<s>", "</s>", "<unk>", *byte_words), added=ADDED, post=template, alphabet=[])
    for fuse in (True, False):
        yield f"unk-{fuse}", trained(bpe(unk_token="<unk>", fuse_unk=fuse), pre=pre_tokenizers.Whitespace(), alphabet=[])
    yield "no-unk", trained(bpe(), pre=pre_tokenizers.Whitespace(), alphabet=[])
    yield "suffix", trained(bpe(end_of_word_suffix="</w>", unk_token="<unk>"), pre=pre_tokenizers.BertPreTokenizer(), end_of_word_suffix="</w>", alphabet=[])
    yield "gemma", trained(bpe(byte_fallback=True, unk_token="<unk>", fuse_unk=True), normalizer=normalizers.Replace(" ", "\u2581"),
                           pre=pre_tokenizers.Split(" ", "merged_with_previous"), special=("<s>", "</s>", "<unk>", *byte_words), alphabet=[])
    for lower in (True, False):
        yield f"bert-{lower}", trained(models.WordPiece(unk_token="<unk>", max_input_chars_per_word=20), normalizer=normalizers.BertNormalizer(lowercase=lower),
                                       pre=pre_tokenizers.BertPreTokenizer(), post=lambda t: processors.BertProcessing(("</s>", 1), ("<s>", 0)), alphabet=[])
    yield "wordlevel", trained(models.WordLevel(unk_token="<unk>"), pre=pre_tokenizers.Whitespace())


def ours(folder, lines):
    done = subprocess.run([ENCODE, folder], input="".join(t.encode().hex() + "\n" for t in lines), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def compare(name, folder, lines, encode):
    found = ours(folder, lines)
    assert len(found) == len(lines), (name, found[:2])
    for text, line in zip(lines, found):
        wanted = " ".join(map(str, encode(text)))
        assert line == wanted, f"{name}: {text!r}\n  ours {line}\n  want {wanted}"


def write(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file)


def library(scratch):
    """The steps themselves, against the library: no class is named, so the file is taken as it is."""
    lines = texts()
    count = 0
    for name, tokenizer in made():
        folder = os.path.join(scratch, name)
        os.makedirs(folder)
        tokenizer.save(os.path.join(folder, "tokenizer.json"))
        compare(name, folder, lines, lambda text: tokenizer.encode(text).ids)
        count += 1
    return count


CONFIGS = [
    ("qwen2", "Qwen2Tokenizer"), ("qwen2", "LlamaTokenizerFast"), ("qwen2", None), ("qwen3", "Qwen2Tokenizer"), ("qwen3_5", None), ("gpt2", "GPT2Tokenizer"),
    ("gpt2", None), ("gpt2", "PreTrainedTokenizerFast"), ("gpt_neox", None), ("gpt_neox", "GPTNeoXTokenizerFast"), ("llama", "LlamaTokenizer"), ("llama", "PreTrainedTokenizerFast"),
    ("llama", None), ("mistral", "LlamaTokenizer"), ("cohere", None), ("cohere", "CohereTokenizerFast"), ("roberta", None), ("gemma", "GemmaTokenizer"), ("phi3", "LlamaTokenizer"),
    ("starcoder2", "GPT2TokenizerFast"), ("unheard_of", "PreTrainedTokenizerFast"), ("olmo2", "GPT2Tokenizer"), ("falcon", "PreTrainedTokenizerFast"), ("bloom", "BloomTokenizerFast"),
    ("stablelm", "GPTNeoXTokenizer"), ("mamba", "GPTNeoXTokenizer"), ("deepseek_v3", "LlamaTokenizerFast"), ("smollm3", "PreTrainedTokenizerFast")
]
EXTRAS = [{}, {"add_prefix_space": True}, {"add_bos_token": True, "bos_token": "<s>"}, {"bos_token": "<s>", "eos_token": "</s>", "additional_special_tokens": ["NEW"]},
          {"added_tokens_decoder": {"0": {"content": "<s>", "special": True, "lstrip": True, "rstrip": False, "normalized": False, "single_word": False},
                                    "421": {"content": "<|end|>", "special": False, "lstrip": False, "rstrip": True, "normalized": False, "single_word": False}}}]


def automatic(scratch):
    """The classes, against AutoTokenizer: every class with tokenizers of other splits than its own."""
    lines = texts()[:20]
    sources = {n: t for n, t in made() if n in ("gpt2", "cl100k", "metaspace-first-False", "bert-True")}
    count = refused = 0
    for name, tokenizer in sources.items():
        pairs = [("bert", None), ("bert", "BertTokenizer"), ("distilbert", "DistilBertTokenizer"), ("mpnet", None), ("nomic_bert", "BertTokenizer")] if name.startswith("bert") else CONFIGS
        for model_type, cls in pairs:
            for extra in EXTRAS if name == "gpt2" else EXTRAS[-2:]:
                folder = os.path.join(scratch, f"auto-{count + refused}-{name}")
                os.makedirs(folder)
                tokenizer.save(os.path.join(folder, "tokenizer.json"))
                write(folder, "config.json", {"model_type": model_type, "architectures": ["X"]})
                write(folder, "tokenizer_config.json", {**({"tokenizer_class": cls} if cls else {}), **extra})
                try:
                    auto = transformers.AutoTokenizer.from_pretrained(folder)
                    wanted = [auto.encode(t) for t in lines]
                except Exception as error:
                    refused += 1
                    continue
                by_text = dict(zip(lines, wanted))
                compare(f"{name} {model_type} {cls} {extra} ({type(auto).__name__})", folder, lines, by_text.get)
                count += 1
    assert count > 200, (count, refused)
    folder = os.path.join(scratch, "auto-0-gpt2")
    write(folder, "config.json", {"model_type": "whisper"})
    write(folder, "tokenizer_config.json", {"tokenizer_class": "WhisperTokenizer"})
    assert ours(folder, ["a"])[0].startswith("!!how transformers' WhisperTokenizer splits text is not known"), "a class that is not known"
    return f"{count} folders, {refused} that AutoTokenizer refuses"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(library(scratch), "tokenizers", flush=True)
        print(automatic(scratch))
    oracle.finish()
