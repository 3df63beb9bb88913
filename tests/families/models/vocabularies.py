"""Vocabularies: which files of them there are, added tokens of all kinds, chat templates."""
import json
import os

from transformers import GPT2Config, LlamaConfig, Qwen2Config

import tiny

SMALL = dict(vocab_size=350, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64)
SPECIAL = {"lstrip": False, "rstrip": False, "single_word": False}


def added(content, special=False, normalized=False, **more):
    return {"content": content, "special": special, "normalized": normalized, **SPECIAL, **more}


def llama(folder, **more):
    tiny.model(folder, LlamaConfig(**{**SMALL, **more}))
    tiny.sentencepiece(folder)


def change(folder, name, **values):
    path = os.path.join(folder, name)
    old = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            old = json.load(file)
    tiny.write(folder, name, {k: v for k, v in {**old, **values}.items() if v is not None})


def pieces_as_json(folder, tokens=(), **more):
    """A tokenizer.json that transformers makes of a tokenizer.model, which goes away; with added tokens."""
    from tokenizers import AddedToken
    from transformers import AutoTokenizer
    llama(folder, **more)
    made = AutoTokenizer.from_pretrained(folder)
    made.add_tokens([AddedToken(t, special=s, normalized=False) for t, s in tokens])
    made.save_pretrained(folder)
    os.remove(os.path.join(folder, "tokenizer.model"))


def llama3(folder, **conf):
    """Byte-level merges, as Llama 3 has them."""
    tiny.model(folder, LlamaConfig(**SMALL))
    tiny.byte_level(folder, special=("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"), **conf)
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        tokenizer = json.load(file)
    tokenizer["model"]["ignore_merges"] = True
    tiny.write(folder, "tokenizer.json", tokenizer)


def qwen(folder, tokens=(), decoder=None, **conf):
    tiny.model(folder, Qwen2Config(**SMALL))
    tiny.byte_level(folder, **{"tokenizer_class": "Qwen2Tokenizer", **conf})
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        tokenizer = json.load(file)
    tokenizer["added_tokens"] += [{"id": 320 + i, **t} for i, t in enumerate(tokens)]
    tiny.write(folder, "tokenizer.json", tokenizer)
    change(folder, "tokenizer_config.json", added_tokens_decoder=decoder)


def gpt2_plain(folder):
    """vocab.json and merges.txt, no tokenizer.json."""
    tiny.model(folder, GPT2Config(vocab_size=350, n_positions=64, n_ctx=64, n_embd=32, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0))
    tiny.byte_level(folder, tokenizer_class="GPT2Tokenizer")
    tiny.two_files(folder)


ODD = [added("<|im_start|>", True), added("<tool>"), added("caf\u00e9"), added("\u2581word", normalized=True), added("[X]", True, True), added("<unused1>")]
JINJA = "{{ bos_token }}{% for m in messages %}{{ m }}{% endfor %}"


def templates(folder, given=None, **files):
    llama(folder)
    if given is not None:
        change(folder, "tokenizer_config.json", chat_template=given)
    for name, text in files.items():
        path = name.replace("__", "/").replace("_json", ".json").replace("_jinja", ".jinja")
        os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
        tiny.write(folder, path, text)


VARIANTS = {
    "llama-json": pieces_as_json,
    "llama-json-added": lambda folder: pieces_as_json(folder, [("<extra>", False), ("<|end|>", True), ("two words", False)]),
    "llama-3": llama3,
    "llama-3-prefix": lambda folder: llama3(folder, add_prefix_space=False),
    "llama-prefix": lambda folder: (llama(folder), change(folder, "tokenizer_config.json", add_prefix_space=True)),
    "code-llama": lambda folder: llama(folder, vocab_size=32016),
    "pieces-added": lambda folder: (llama(folder), tiny.write(folder, "added_tokens.json", {"<one>": 341, "t\u2581wo": 342, "<far>": 9999}), change(
        folder, "tokenizer_config.json", added_tokens_decoder={"1": added("<s>", True), "343": added("a\u2581b"), "344": added("<|x|>"), "5": added("<unused7>"), "342": added("<new>", True)})),
    "qwen-added": lambda folder: qwen(folder, ODD),
    "qwen-decoder": lambda folder: qwen(folder, [], {"320": added("<|im_start|>", True), "321": added("<tool>"), "322": added("caf\u00e9")}),
    "qwen-backend": lambda folder: qwen(folder, ODD, tokenizer_class="PreTrainedTokenizerFast"),
    "qwen-extra": lambda folder: qwen(folder, ODD[:2], additional_special_tokens=["<|im_end|>", "<tool>"], pad_token="<|pad|>"),
    "gpt2-plain": gpt2_plain,
    "template": lambda folder: templates(folder, JINJA),
    "template-empty": lambda folder: templates(folder, "", chat_template_jinja=JINJA),
    "template-named": lambda folder: templates(folder, [{"name": "default", "template": JINJA}, {"name": "tool_use", "template": "{{ tools }}"}]),
    "template-odd": lambda folder: templates(folder, [{"name": "a-b.c", "template": JINJA}, {"name": "", "template": "x"}, {"template": "y"}]),
    "template-file": lambda folder: templates(folder, chat_template_jinja=JINJA, chat_template_json='{"chat_template": "no"}'),
    "template-json": lambda folder: templates(folder, chat_template_json=json.dumps({"chat_template": JINJA})),
    "template-folder": lambda folder: templates(folder, chat_template_jinja=JINJA, additional_chat_templates__tool_use_jinja="{{ tools }}"),
}
NO_LOGITS = {name: "llama.cpp wants as many rows as there are tokens" for name in ("llama-json", "llama-json-added")}
