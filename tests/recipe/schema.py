"""Promise: plugins/recipes/schema/recipe.schema.json takes every recipe that ggx ships and every example of docs/recipes.md, and refuses
what the parser refuses for its words. The validator below knows the keywords that the schema uses, and fails on any other."""
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(os.environ["GGX_SOURCE"])
SCHEMA = json.loads((SOURCE / "plugins/recipes/schema/recipe.schema.json").read_text())
KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {"$schema", "$defs", "$ref", "title", "description", "type", "enum", "oneOf", "properties", "additionalProperties", "propertyNames",
         "required", "items", "minItems", "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "minimum", "maximum", "maxItems"}


def is_kind(value, kind):
    if kind in ("number", "integer"):
        return not isinstance(value, bool) and isinstance(value, int if kind == "integer" else (int, float))
    return isinstance(value, KINDS[kind])


def valid(value, schema):
    if isinstance(schema, bool):
        return schema
    assert not set(schema) - KNOWN, set(schema) - KNOWN
    if "$ref" in schema:
        return valid(value, SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    kinds = schema.get("type", [])
    good = not kinds or any(is_kind(value, k) for k in ([kinds] if isinstance(kinds, str) else kinds))
    good &= "enum" not in schema or value in schema["enum"]
    good &= "oneOf" not in schema or sum(valid(value, s) for s in schema["oneOf"]) == 1
    if isinstance(value, str):
        good &= re.search(schema.get("pattern", ""), value) is not None
        good &= schema.get("minLength", 0) <= len(value.encode()) <= schema.get("maxLength", 1 << 30)
    if is_kind(value, "number"):
        good &= schema.get("minimum", value) <= value <= schema.get("maximum", value)
    if isinstance(value, list):
        good &= schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 1 << 30)
        good &= all(valid(v, schema.get("items", True)) for v in value)
    if isinstance(value, dict):
        good &= set(schema.get("required", [])) <= set(value) and schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", 1 << 30)
        good &= all(valid(k, schema.get("propertyNames", True)) for k in value)
        named = schema.get("properties", {})
        good &= all(valid(v, named[k] if k in named else schema.get("additionalProperties", True)) for k, v in value.items())
    return bool(good)


BAD = [{}, {"id": "A"}, {"id": "r", "tensor": []}, {"id": "r", "specificity": 0}, {"id": "r", "tensors": [{"to": "x"}]},
       {"id": "r", "tensors": [{"from": "x", "form": "y", "to": "z"}]}, {"id": "r", "tensors": [{"from": "x", "to": "y", "at": "end"}]},
       {"id": "r", "tensors": [{"from": "x", "to": "y", "do": ["transpoze"]}]}, {"id": "r", "outputs": {"x": {"order": "up"}}},
       {"id": "r", "outputs": {"x": {"header": {"k": {"u33": 1}}}}}, {"id": "r", "values": {"a b": 1}},
       {"id": "r", "tensors": [{"from": "x", "drop": "y", "to": "z"}]}, {"id": "r", "tensors": [{"from": "", "to": "z"}]}]


def main():
    shipped = sorted((SOURCE / "plugins/recipes").glob("*.json"))
    for file in shipped:
        assert valid(json.loads(file.read_text()), SCHEMA), f"the schema refuses {file.name}"
    examples = [e for e in re.findall(r"```json\n(\{(?:(?!```).)*?\n\})\n```", (SOURCE / "docs/recipes.md").read_text(), re.S) if '"id"' in e]
    assert examples
    for example in examples:
        assert valid(json.loads(example), SCHEMA), example
    with tempfile.TemporaryDirectory() as folder:
        for recipe in BAD:
            assert not valid(recipe, SCHEMA), f"the schema takes {recipe}"
            path = Path(folder, "r.json")
            path.write_text(json.dumps(recipe))
            ran = subprocess.run([os.environ["GGX"], "recipes", "check", path], capture_output=True, text=True)
            assert ran.returncode == 2, f"the parser takes {recipe}"
    print(f"{len(shipped)} recipes, {len(examples)} examples, {len(BAD)} refusals")


main()
