"""Promise: what recipe hf-classes says of transformers' configuration classes is what the classes say: for each model type whose architectures a recipe
takes, the defaults of the keys, and the kinds that a key may have.

classes.py --write     writes the recipe's tables from the classes
"""
import dataclasses
import glob
import json
import os
import re
import sys
import types
import typing

import oracle

oracle.modules("transformers")
import transformers  # noqa: E402
from transformers.models.auto import configuration_auto, modeling_auto  # noqa: E402

RECIPES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "plugins", "recipes")
FILE = os.path.join(RECIPES, "hf-classes.json")
KINDS = {int: "int", float: "float", bool: "bool", str: "string", list: "list", tuple: "list", dict: "map", type(None): "null"}
COMMON = {f.name for f in dataclasses.fields(transformers.PretrainedConfig)}


def architectures():
    """Those that recipes name."""
    found = set()
    for path in set(glob.glob(os.path.join(RECIPES, "*.json"))) - {FILE}:
        with open(path, encoding="utf-8") as file:
            found |= set(re.findall(r"'([A-Za-z0-9_]+(?:For[A-Z]\w+|Model|LMHeadModel|EncoderModel))'", str(json.load(file).get("when"))))
    assert len(found) > 60
    return found


def model_types():
    found, known = set(), architectures()
    for name, table in vars(modeling_auto).items():
        if name.endswith("MAPPING_NAMES"):
            for model_type, made in table.items():
                if known & set(made if isinstance(made, (tuple, list)) else [made]):
                    found.add(model_type)
    for model_type in list(found):  # the text models of those that have towers
        inner = (getattr(configuration_auto.CONFIG_MAPPING[model_type], "sub_configs", None) or {}).get("text_config")
        if getattr(inner, "model_type", None) in configuration_auto.CONFIG_MAPPING:
            found.add(inner.model_type)
    return sorted(found)


def kinds(annotation):
    """The kinds of JSON values, or None where anything goes."""
    if isinstance(annotation, str) or annotation in (typing.Any, typing.Union):
        return None
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        parts = [kinds(a) for a in typing.get_args(annotation)]
        return None if None in parts else " ".join(dict.fromkeys(" ".join(parts).split()))
    if typing.get_origin(annotation) is typing.Literal:
        return kinds(type(typing.get_args(annotation)[0]))
    base = typing.get_origin(annotation) or annotation
    if typing.is_typeddict(base):
        return "map"
    return KINDS.get(base)


def plain(value):
    return isinstance(value, (int, float, str)) and value == value and abs(value if isinstance(value, (int, float)) else 0) < 1e300


def tables():
    """model type → key → kinds, and → default; a key that stands for another one has no default, because either may be there."""
    allowed, defaults = {}, {}
    for model_type in model_types():
        made = configuration_auto.CONFIG_MAPPING[model_type]
        alias = getattr(made, "attribute_map", {})
        allowed[model_type], defaults[model_type] = {}, {}
        for field in dataclasses.fields(made):
            if field.name in COMMON - {"tie_word_embeddings", "rope_parameters"}:
                continue
            said = kinds(field.type)
            if said:
                allowed[model_type][field.name] = said
            if plain(field.default) and field.name not in {*alias, *alias.values()}:
                defaults[model_type][field.name] = field.default
    return {"class_kinds": allowed, "class_defaults": defaults}


def text(made):
    head = {
        "id": "hf-classes",
        "about": "What transformers' configuration classes take and say by themselves; for other recipes to extend",
    }
    note = "Made by tests/families/classes.py --write from transformers' classes (Apache-2.0): for each model type and key the kinds of value that it may have, and its default."
    parts = [f'    "note": {json.dumps(note)}']
    for name, of_types in made.items():
        parts.append(f'    "{name}": {{\n' + ",\n".join(f"      {json.dumps(t)}: {json.dumps(keys)}" for t, keys in of_types.items()) + "\n    }")
    return json.dumps(head, indent=2)[:-2] + ',\n  "values": {\n' + ",\n".join(parts) + "\n  }\n}\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        made = text(tables())
        with open(FILE, "w", encoding="utf-8") as file:
            file.write(made)
    else:
        with open(FILE, encoding="utf-8") as file:
            there, is_now = json.load(file)["values"], tables()
        for name, made in is_now.items():
            assert len(made) > 50 and there[name] == made, (name, [t for t in made if there[name].get(t) != made[t]])
        oracle.finish()
