"""Makes classes.json: what the tokenizer classes of the installed transformers (Apache-2.0) build, whatever a tokenizer.json says, and
which model has which class. Without an argument it writes the file beside itself."""
import inspect
import json
import os
import sys

from tokenizers import AddedToken, processors
from transformers.models.auto.tokenization_auto import MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS, TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name
from transformers.tokenization_utils_tokenizers import TokenizersBackend
import transformers

SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
SEEN = ["<seen>"]
MARK = processors.TemplateProcessing(single=f"{SEEN[0]} $A", pair="$A $B", special_tokens=[(SEEN[0], 77)])


def around(step):
    """Texts in front of a sequence and behind it."""
    if not step:
        return [[], []]
    if step["type"] == "RobertaProcessing":
        return [[step["cls"][0]], [step["sep"][0]]]
    if "single" not in step:
        return [[], []]
    texts = [item["SpecialToken"]["id"] if "SpecialToken" in item else None for item in step["single"]]
    return [texts[:texts.index(None)], texts[texts.index(None) + 1:]]


def described(name):
    """A class that builds its own tokenizer, as the parts of a tokenizer.json. None: it takes the file's, or is no such class."""
    cls = tokenizer_class_from_name(name)
    if not (isinstance(cls, type) and issubclass(cls, TokenizersBackend)) or "__init__" not in cls.__dict__ or cls is TokenizersBackend:
        return None
    model = getattr(cls, "model", None)
    if not model or model.__name__ not in ("BPE", "WordPiece"):
        return {"unknown": "not of merges or pieces"}
    given = inspect.signature(cls.__init__).parameters
    special = {k: str(given[k].default) for k in SPECIAL if k in given and isinstance(given[k].default, str)}
    vocab = {t: i for i, t in enumerate(dict.fromkeys([*special.values(), "a"]))}
    merges = {"merges": []} if model.__name__ == "BPE" else {}
    built = json.loads(cls(vocab=dict(vocab), post_processor=MARK, **merges)._tokenizer.to_str())
    out = {"model": {k: v for k, v in built["model"].items() if k not in ("vocab", "merges", "dropout") and v is not None}}
    out.update({k: built[k] for k in ("normalizer", "pre_tokenizer", "decoder")})
    out["special"] = special
    kept = SEEN[0] in json.dumps(built["post_processor"])
    if not kept:
        out["around"] = around(built["post_processor"])
    if "add_prefix_space" in given:
        wanted = {p: json.loads(cls(vocab=dict(vocab), add_prefix_space=p, **merges)._tokenizer.to_str())["pre_tokenizer"] for p in (True, False)}
        if wanted[True] != wanted[False]:
            out["prefix_space"] = built["pre_tokenizer"] == wanted[True]
    try:  # are tokens that are named special made so, whatever they were added as?
        again = cls(vocab={**vocab, "b": len(vocab)}, extra_special_tokens=["b"], added_tokens_decoder={len(vocab): AddedToken("b", special=False)}, **merges)
        if again.added_tokens_decoder[len(vocab)].special:
            out["special_again"] = True
    except (KeyError, ValueError, TypeError):
        pass
    files = cls.vocab_files_names
    out["files"] = [files[k] for k in ("vocab_file", "merges_file") if files.get(k)]
    return out


# The classes whose constructor asks for what is no vocabulary of a language model.
OTHER = {"LayoutLMv2Tokenizer", "LayoutLMv3Tokenizer", "LukeTokenizer", "MarkupLMTokenizer", "NllbTokenizer", "SeamlessM4TTokenizer",
         "ReformerTokenizer", "Tipsv2Tokenizer", "NougatTokenizer", "WhisperTokenizer", "CLIPTokenizer"}
classes = {}
for name in sorted({n for n in TOKENIZER_MAPPING_NAMES.values() if n} | {"LlamaTokenizer", "DistilBertTokenizer"}):
    found = {"unknown": "no class of language models"} if name in OTHER else described(name)
    cls = tokenizer_class_from_name(name)
    if found is None and isinstance(cls, type) and not issubclass(cls, TokenizersBackend):
        found = {"unknown": "a class that does not use the file"}
    if found:
        classes[name] = found
text = [f'{{"note": "made by classes.py from transformers {transformers.__version__} (Apache-2.0)",', ' "models": {']
text.append(",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(TOKENIZER_MAPPING_NAMES.items()) if v))
text.append(' },\n "distrusted": [')
text.append(",\n".join(f"  {json.dumps(k)}" for k in sorted(MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS)))
text.append(' ],\n "classes": {')
text.append(",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(classes.items())))
text.append(" }}\n")
path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "classes.json")
with open(path, "w", encoding="utf-8") as file:
    file.write("\n".join(text))
