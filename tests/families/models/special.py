"""Special tokens: where the converter finds them, in which order it writes them, and what the tokenizer adds to a text."""
import json
import os

from transformers import GraniteConfig

import tiny

SMALL = dict(vocab_size=350, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64)
TOKENS = ("<s>", "</s>", "<unk>", "<pad>", "<|im_end|>", "<cls>")


def template(*pieces):
    """A post-processor: tokens, and a $ for the text."""
    def items(names):
        return [{"Sequence": {"id": n[1], "type_id": 0}} if n[0] == "$" else {"SpecialToken": {"id": n, "type_id": 0}} for n in names]
    pair = [p.replace("$A", "$B") for p in pieces]
    return {"type": "TemplateProcessing", "single": items(pieces), "pair": items(list(pieces) + pair),
            "special_tokens": {p: {"id": p, "ids": [TOKENS.index(p)], "tokens": [p]} for p in pieces if p[0] != "$"}}


def special(folder, config=(), post=None, normalizer=None, **values):
    tiny.model(folder, GraniteConfig(**SMALL))
    tiny.edit(folder, **{"bos_token_id": None, "eos_token_id": None, "pad_token_id": None, **dict(config)})
    tiny.byte_level(folder, special=TOKENS)
    made = {"tokenizer_class": "PreTrainedTokenizerFast", **values}
    tiny.write(folder, "tokenizer_config.json", {k: v for k, v in made.items() if v is not None})
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        tokenizer = json.load(file)
    tokenizer["post_processor"], tokenizer["normalizer"] = post, normalizer
    tiny.write(folder, "tokenizer.json", tokenizer)


BOTH = dict(bos_token="<s>", eos_token="</s>")

VARIANTS = {
    "both": lambda folder: special(folder, {"bos_token_id": 5}, **BOTH, unk_token="<unk>", pad_token="<pad>"),
    "config-only": lambda folder: special(folder, {"eos_token_id": 1, "bos_token_id": 0, "pad_token_id": 3}),
    "config-behind": lambda folder: special(folder, {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 3}, eos_token="</s>", unk_token="<unk>"),
    "config-list": lambda folder: special(folder, {"bos_token_id": 0, "eos_token_id": [1, 4]}, pad_token="<pad>"),
    "flags": lambda folder: special(folder, **BOTH, add_bos_token=True, add_eos_token=False),
    "flags-and-bytes": lambda folder: special(folder, post={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, **BOTH, add_bos_token=True),
    "leading": lambda folder: special(folder, post=template("<s>", "$A"), **BOTH),
    "leading-other": lambda folder: special(folder, post=template("<cls>", "$A"), **BOTH),
    "leading-neither": lambda folder: special(folder, post=template("<pad>", "$A"), **BOTH, cls_token="<cls>"),
    "leading-alone": lambda folder: special(folder, post=template("<s>", "$A"), eos_token="</s>"),
    "trailing": lambda folder: special(folder, post=template("<s>", "$A", "</s>"), **BOTH),
    "trailing-other": lambda folder: special(folder, post=template("<s>", "$A", "<|im_end|>"), **BOTH),
    "sequence": lambda folder: special(folder, post={"type": "Sequence", "processors": [
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, template("<s>", "$A")]}, **BOTH),
    "texts": lambda folder: special(folder, post=template("<s>", "$A", "</s>"), **{k: {"__type": "AddedToken", "content": v, "special": True} for k, v in BOTH.items()}),
    "roberta": lambda folder: special(folder, post={"type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 1], "trim_offsets": True, "add_prefix_space": False}, **BOTH),
    "lower": lambda folder: special(folder, normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}, {"type": "StripAccents"}]}, **BOTH),
}
