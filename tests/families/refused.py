"""Promise: what a recipe cannot take is refused in one sentence that names the file or tensor, the key, and the recipe (for an unknown
architecture the nearest one): an unknown architecture, a renamed tensor, an extra layer or expert, a tokenizer that is not there, values of config.json of
another kind. And ggx recipes new begins a recipe for an unknown architecture: of a known family under a foreign name it makes the known
family's file; tensors that are left over and missing are listed in it."""
import json
import os
import shutil
import subprocess
import sys

import sides
import tiny

GGX = sides.GGX
KINDS = {"n_layer": "whole number", "num_hidden_layers": "whole number", "hidden_size": "whole number", "n_embd": "whole number", "vocab_size": "whole number",
         "num_attention_heads": "whole number", "n_head": "whole number", "intermediate_size": "whole number", "num_local_experts": "whole number",
         "max_position_embeddings": "whole number", "rms_norm_eps": "a number", "layer_norm_eps": "a number", "layer_norm_epsilon": "a number",
         "rope_parameters": "an object", "tie_word_embeddings": "true or false"}
WRONG = ("two", ["x"], {"a": 1}, True)
FITS = {"an object": dict, "true or false": bool}


def refused(folder, scratch, *said):
    done = sides.ggx(folder, os.path.join(scratch, "none.gguf"), "f16")
    assert done.returncode in (7, 8), (said, done.returncode, done.stderr)
    assert done.stderr.startswith("ggx: ") and done.stderr.count("\n") == 1, done.stderr
    for word in said:
        assert word in done.stderr, (word, done.stderr)
    assert not os.path.exists(os.path.join(scratch, "none.gguf"))


def known(folder):
    """The recipe's id."""
    done = subprocess.run([GGX, "recipes", "explain", folder, "--writer", "gguf", "--json"], capture_output=True, text=True)
    return json.loads(done.stdout)["recipe"]


def check_pre(folder):
    """--pre is told to the recipe, too, when it is only explained."""
    words = [GGX, "recipes", "explain", folder, "--writer", "gguf"]
    unknown = subprocess.run(words, capture_output=True, text=True)
    told = subprocess.run([*words, "--pre", sides.PRE], capture_output=True, text=True)
    assert unknown.returncode and "how the vocabulary splits text is not known" in unknown.stderr, unknown.stderr
    assert told.returncode == 0 and not told.stderr, told.stderr
    other = subprocess.run([*words, "--pre", "gpt2"], capture_output=True, text=True)
    assert other.returncode and "--pre gpt2: llama.cpp has no such name; the nearest are gpt-2, " in other.stderr, other.stderr


def check_tensors(folder, scratch, recipe):
    from safetensors.torch import load_file, save_file
    path = os.path.join(folder, "model.safetensors")
    given = load_file(path)
    second = next(n for n in given if ".1." in n and n.endswith(".weight") and "experts" not in n and given[n].dim() == 2)

    def with_tensors(change, *said):
        tensors = dict(given)
        change(tensors)
        save_file(tensors, path, {"format": "pt"})
        refused(folder, scratch, f"recipe {recipe}", *said)

    def rename(tensors):
        tensors[second[:-6] + "wieght"] = tensors.pop(second)

    def add(old, new):
        def change(tensors):
            names = [n for n in given if old in n]
            assert names
            tensors.update({n.replace(old, new): given[n].clone() for n in names})
        return change

    bare = second.removeprefix("transformer.")
    with_tensors(rename, bare, bare[:-6] + "wieght")
    with_tensors(add(second, second.replace(".1.", ".7.")), second.replace(".1.", ".7."))
    with_tensors(lambda tensors: tensors.update({"stranger": given[second].clone()}), "'stranger'")
    norm = next(n for n in given if given[n].dim() == 1)
    for name in (second, norm):
        with_tensors(lambda tensors: tensors.update({name: given[name].int()}), f"'{name}' is of whole numbers (i32)")
    experts = 1 + max((int(n.split("experts.")[1].split(".")[0]) for n in given if "experts." in n and "shared" not in n), default=-1)
    if experts:
        with_tensors(add(f"experts.{experts - 1}.", f"experts.{experts}."), f"experts.{experts}.", "config.json, key num_", f" ({experts}): ")
    save_file(given, path, {"format": "pt"})


def check_config(folder, scratch, recipe):
    config = json.load(open(os.path.join(folder, "config.json"), encoding="utf-8"))
    tried = 0
    for key, kind in KINDS.items():
        fitting = [v for v in WRONG if not isinstance(v, FITS.get(kind, type(None)))] if config.get(key) is not None else []
        for value in fitting[tried % 2::2]:
            with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
                json.dump({**config, key: value}, file)
            refused(folder, scratch, f"config.json, key {key}: ", kind, f"recipe {recipe}")
            tried += 1
    assert tried > 9, tried
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    return config


def check_keys(folder, scratch, config, recipe):
    """What does not fit the tensors, or nothing at all, is said by its key."""
    layers = next(k for k in ("num_hidden_layers", "n_layer") if k in config)
    heads = next(k for k in ("num_attention_heads", "n_head") if k in config)

    def with_config(change, *said):
        tiny.write(folder, "config.json", {k: v for k, v in {**config, **change}.items() if v is not ...})
        refused(folder, scratch, *said)

    for key, value in ((layers, -1), (layers, 0), (heads, 0)):
        with_config({key: value}, f"config.json, key {key}: a whole number from 1 up belongs there, not {value}", f"recipe {recipe}")
    for value in (config[layers] - 1, config[layers] + 1):
        with_config({layers: value}, f"config.json, key {layers} ({value}): ", f"recipe {recipe}")
    with_config({layers: 10 ** 9}, f"config.json, key {layers}: a list of 1000000000 elements")
    if recipe == "llama":
        with_config({"vocab_size": 100}, "config.json, key vocab_size (100): tensor '", "has shape (")
        with_config({"head_dim": 0}, "config.json, key head_dim: a whole number from 1 up")
    if recipe in ("llama", "qwen2", "qwen3"):
        with_config({"hidden_size": ..., "rope_parameters": ...}, "config.json, key hidden_size (not there, 4096 is assumed): ")
        with_config({"rope_theta": "1e4", "rope_parameters": ...}, "config.json, key rope_theta: a number belongs there")
        with_config({"rope_scaling": {"rope_type": "llama3", "factor": "8"}}, "config.json, key rope_scaling.factor: a number belongs there")
    with_config({"architectures": config["architectures"][0]}, "config.json, key architectures: a list of strings belongs there", "not a string")
    with_config({"architectures": []}, "config.json, key architectures: the list is empty", "fetch the file from where the weights come from")
    tiny.write(folder, "config.json", config)


def check_packing(folder, scratch, config):
    """Weights that nobody unpacks are refused by the key, as the converter refuses them."""
    for change in ({"quant_method": "bitsandbytes", "load_in_4bit": True}, {"quant_method": "zork"},
                   {"quant_method": "compressed-tensors", "format": "zork", "config_groups": {"group_0": {"weights": {}}}}):
        tiny.write(folder, "config.json", {**config, "quantization_config": change})
        try:
            sides.reference(sides.converter(), folder, os.path.join(scratch, "theirs.gguf"), "f16")
        except NotImplementedError as error:
            assert "not yet supported" in str(error), error
        else:
            raise AssertionError(f"the converter takes {change}")
        refused(folder, scratch, "config.json, key quantization_config: ", change.get("format", change["quant_method"]), "fetch the model in full precision")
    tiny.write(folder, "config.json", config)


def check_files(folder, scratch):
    """A file that is no JSON, or holds something else, is named."""
    told = ["--pre", sides.PRE] if sides.has_pre(folder) else []
    for name, text in (("tokenizer.json", "{"), ("tokenizer.json", "[1]"), ("tokenizer_config.json", "[1]"), ("generation_config.json", "[1]")):
        path = os.path.join(folder, name)
        kept = open(path, encoding="utf-8").read() if os.path.exists(path) else None
        if kept is None and name == "tokenizer.json":
            continue
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([GGX, folder, "-o", os.path.join(scratch, "none.gguf"), "--quiet", *told], capture_output=True, text=True)
        assert done.returncode == 7 and name in done.stderr and done.stderr.count("\n") == 1, (name, text, done.stderr)
        os.remove(path)
        if kept is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(kept)


def check_tokenizer(folder, scratch, recipe):
    away = os.path.join(scratch, "away")
    os.mkdir(away)
    for name in os.listdir(folder):
        if name.startswith(("tokenizer", "vocab")):
            shutil.move(os.path.join(folder, name), away)
    refused(folder, scratch, "beside the model", "tokenizer", "; fetch it from where the weights come from", f"recipe {recipe}")
    for name in os.listdir(away):
        shutil.move(os.path.join(away, name), folder)
    os.rmdir(away)


def check_tekken(folder, scratch):
    """The converter takes a vocabulary in tekken.json alone only where mistral-common is installed, whatever else is there."""
    path = os.path.join(folder, "tekken.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write("{}")
    assert not os.path.exists(os.path.join(folder, "tokenizer.json"))
    try:
        sides.reference(sides.converter(), folder, os.path.join(scratch, "theirs.gguf"), "f16")
    except ImportError as error:
        assert "mistral-common" in str(error), error
    else:
        raise AssertionError("the converter takes it: docs/models.md says otherwise")
    refused(folder, scratch, "tekken.json alone", "tokenizer.json", "recipe llama")
    os.remove(path)


def foreign(folder, config, **more):
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump({**config, "architectures": ["ZorkForCausalLM"], **more}, file)


def check_new(folder, scratch, config, recipe, near=True):
    """Under a foreign name: refused with the nearest, and the recipe that ggx begins makes the file that the family's own makes."""
    fresh, ours, theirs = (os.path.join(scratch, n) for n in ("fresh.json", "ours.gguf", "theirs.gguf"))
    assert sides.ggx(folder, theirs, "f16").returncode == 0
    done = subprocess.run([GGX, "recipes", "new", folder, "--writer", "gguf"], capture_output=True, text=True)
    assert done.returncode == 2 and f"recipe {recipe} is for this model already" in done.stderr, done.stderr
    foreign(folder, config)
    refused(folder, scratch, "config.json, key architectures: ", "'ZorkForCausalLM'", "the nearest, ", "--recipe none", "ggx recipes new")
    if os.path.exists(fresh):
        os.remove(fresh)
    done = subprocess.run([GGX, "recipes", "new", folder, "--writer", "gguf", "-o", fresh], capture_output=True, text=True)
    assert done.returncode == 0 and fresh in done.stdout, done.stderr
    assert subprocess.run([GGX, "recipes", "new", folder, "--writer", "gguf", "-o", fresh], capture_output=True).returncode == 2  # it is there
    if recipe in ("llama", "qwen2", "qwen3"):  # nothing but the tensors leads there: the plainest of those that take them
        foreign(folder, config, model_type="zork")
        refused(folder, scratch, f"the nearest, {recipe}, takes ", " tensors")
        foreign(folder, config)
    made = json.load(open(fresh, encoding="utf-8"))
    assert made["when"] == "= config('architectures')[0] == 'ZorkForCausalLM'" and made["id"] == "zorkforcausallm"
    done = subprocess.run([GGX, "recipes", "check", fresh], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if not near:
        return made
    assert made["extends"] == recipe and made["tensors"] == [] and "without" not in made, made
    assert made["values"]["architecture"] == sides.told(theirs)[0]["general.architecture"], made
    done = sides.ggx(folder, ours, "f16", "--recipe", fresh)
    assert done.returncode == 0, done.stderr
    assert open(ours, "rb").read() == open(theirs, "rb").read()
    return made


def check_left_over(folder, scratch, config, recipe):
    from safetensors.torch import load_file, save_file
    path = os.path.join(folder, "model.safetensors")
    given = load_file(path)
    extra = {f"model.layers.{i}.zork.{e}.gate.weight": next(iter(given.values())).clone() for i in range(2) for e in range(3)}
    gone = [n for n in given if "input_layernorm" in n]
    assert gone
    save_file({**{n: t for n, t in given.items() if n not in gone}, **extra}, path, {"format": "pt"})
    fresh, out = os.path.join(scratch, "fresh.json"), os.path.join(scratch, "out.gguf")
    os.remove(fresh)
    assert subprocess.run([GGX, "recipes", "new", folder, "--writer", "gguf", "-o", fresh], capture_output=True).returncode == 0
    made = json.load(open(fresh, encoding="utf-8"))
    assert made["extends"] == recipe and [r["from"] for r in made["tensors"]] == ["model.layers.{i}.zork.{j}.gate.weight"], made
    assert "left over: 6" in made["tensors"][0]["note"]
    assert len(made["without"]) == 1 and "input_layernorm" in made["without"][0] and made["without"][0] in made["note"], made
    done = sides.ggx(folder, out, "f16", "--recipe", fresh)
    assert done.returncode == 0, done.stderr
    names = set(sides.told(out)[1])
    assert set(extra) <= names and not any(n.endswith("attn_norm.weight") for n in names)
    save_file(given, path, {"format": "pt"})


def check_shared(folder, scratch, config):
    """Tensors that only a rule took which is left out have rules of their own."""
    from safetensors.torch import load_file, save_file
    path = os.path.join(folder, "model.safetensors")
    given = load_file(path)
    tensors = {n.replace(".q_proj.", ".query."): t for n, t in given.items()}
    assert set(tensors) != set(given)
    save_file(tensors, path, {"format": "pt"})
    fresh, out = os.path.join(scratch, "fresh.json"), os.path.join(scratch, "out.gguf")
    os.remove(fresh)
    foreign(folder, config, model_type="zork")
    assert subprocess.run([GGX, "recipes", "new", folder, "--writer", "gguf", "-o", fresh], capture_output=True).returncode == 0
    made = json.load(open(fresh, encoding="utf-8"))
    named = {r["from"] for r in made["tensors"]}
    assert {f"model.layers.{{i}}.self_attn.{p}.weight" for p in ("query", "k_proj", "v_proj")} <= named, made
    assert "model.layers.{i}.self_attn.{which}_proj.weight" in made["without"], made
    done = sides.ggx(folder, out, "f16", "--recipe", fresh)
    assert done.returncode == 0, done.stderr
    header, made = sides.told(out)
    assert {n for n in tensors if ".query." in n or ".k_proj." in n} <= set(made), made
    assert header["general.architecture"] == "zork" and "zork.block_count" in header, header
    save_file(given, path, {"format": "pt"})
    foreign(folder, config)


def check_twice(scratch):
    """A tensor that is another one in another shard."""
    from models import files, qwen
    from safetensors.torch import load_file, save_file
    folder = sides.fresh(scratch, "twice", lambda f: files.twice(f, qwen.qwen3))
    path = os.path.join(folder, "model-00001-of-00003.safetensors")
    given = load_file(path)
    with open(os.path.join(folder, "model.safetensors.index.json"), encoding="utf-8") as file:
        where = json.load(file)["weight_map"]
    name = next(n for n in given if where[n] != os.path.basename(path))
    save_file({**given, name: given[name] + 1}, path, {"format": "pt"})
    refused(folder, scratch, os.path.basename(path), f"tensor '{name}' is in two shards")


def check_qwens(module, scratch):
    """Experts are counted by a key; and of Qwen3 under a foreign name the nearest is Qwen3, not what is made for its rerankers."""
    folder = sides.fresh(scratch, "qwen2moe", module.VARIANTS["qwen2moe"])
    check_tensors(folder, scratch, known(folder))
    config = tiny.config(folder)
    for value in (config["num_experts"] - 1, config["num_experts"] + 1, 0):
        tiny.write(folder, "config.json", {**config, "num_experts": value})
        refused(folder, scratch, f"config.json, key num_experts ({value}): ")
    folder = sides.fresh(scratch, "qwen3", module.VARIANTS["qwen3"])
    foreign(folder, tiny.config(folder), model_type="zork")
    refused(folder, scratch, "the nearest, qwen3, takes ")
    done = subprocess.run([GGX, "recipes", "new", folder, "--writer", "gguf"], capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout)["extends"] == "qwen3", done


def check_ranks(scratch):
    """Qwen 1: Qwen-VL's special tokens are others, and those of Qwen stand behind the ranks."""
    from models import qwen1
    folder = sides.fresh(scratch, "ranks", qwen1.qwen1)
    size = tiny.config(folder)["vocab_size"]
    tiny.edit(folder, visual={"width": 16})
    refused(folder, scratch, "config.json, key visual: Qwen-VL", "recipe qwen")
    tiny.edit(folder, visual=None, vocab_size=size - 7)  # six are spare
    refused(folder, scratch, "config.json, key vocab_size: ", "the 208 special ones", "recipe qwen")
    tiny.edit(folder, vocab_size=size)
    os.remove(os.path.join(folder, "qwen.tiktoken"))
    refused(folder, scratch, "there is no qwen.tiktoken beside the model", "recipe qwen")


def check(module, name, make, scratch):
    folder = sides.fresh(scratch, name, make)
    recipe = known(folder)
    check_tensors(folder, scratch, recipe)
    config = check_config(folder, scratch, recipe)
    check_keys(folder, scratch, config, recipe)
    check_files(folder, scratch)
    check_tokenizer(folder, scratch, recipe)
    if recipe == "llama":
        check_tekken(folder, scratch)
        check_packing(folder, scratch, config)
    check_new(folder, scratch, config, recipe)
    if recipe == "llama":
        check_left_over(folder, scratch, config, recipe)
    if recipe in ("qwen2", "qwen3"):
        check_twice(scratch)
        check_qwens(module, scratch)
        check_ranks(scratch)
        foreign(folder, config, architectures=config["architectures"])
        check_pre(folder)
    if recipe == "gemma":  # Gemma 2, because its norms leave no other family near
        folder = sides.fresh(scratch, "gemma2", module.VARIANTS["gemma2"])
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            check_shared(folder, scratch, json.load(file))
    return None


if len(sys.argv) == 1:
    sys.argv += ["llama", "qwen", "gemma", "bert", "gpt2", "phi3"]
sides.each(check, first_only=True)
