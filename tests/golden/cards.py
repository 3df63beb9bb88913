"""Promise: what a model's card, its config.json, generation_config.json and folder say of it, and what a file of --metadata says instead, stands in a
GGUF file as llama.cpp's converter writes it: the same keys with the same values in the same order. Seeded made-up cards, in many ways to write
YAML, go through ggx and through the converter's own code (gguf.Metadata of its source). What that refuses, ggx refuses in one sentence."""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import oracle

GGX = os.environ["GGX"]
SOURCE = os.path.join(os.environ.get("GGX_ORACLES", ""), "llama.cpp", "gguf-py")
CARDS = int(os.environ.get("GGX_CARDS", "200"))
WEB = "https:" + "//"
PARAMETERS = [24, 1_250_000, 999_500, 6_830_000, 7_249_999]

NAMES = ["tiny-llama", "Meta-Llama-3-8B-Instruct", "phi-2", "Mistral-7B-v0.1", "bloom-7b1", "qwen1.5-MoE-A2.7B", "gemma", "x", "gpt2-medium", "", "a b c", "Model-v2.1-chat",
         "foo-1.2M-bar", "Mixtral-8x7B", "stories-260K", "Hermes-2-Pro-q4_k", "model_name-it", "Yi-34B-200K", "-dashes--", "3B", "iter3-7M", "vision", "llama-LORA-6.8M", "don't-1M"]
ORGS = ["", "acme", "openai-community", ".", "..", "Big Org", "EleutherAI", "0-hero", "x_y"]
WORDS = ["text", "en", "no", "de", "llama", "code", "C++", "🤗 transformers", "été", "a: b", "#tag", "it's", '"q"', "- x", "yes", "null", "~", "1.0", "2024-05-06", "=", "<<", "on", "0x1f", "1_000",
         "12:30:45", "0o17", "1e3", "1.5e+3", ".5", "-.inf", ".nan", "007", "08", "+1", "[x]", "{y}", "*a", "&b", "!c", "|", ">", "%d", "@e", "`f`", "a#b", "a #b", "tab\tbed", " lead", "trail ", "", "?", "? x", ":", "a:", "multi\nline", "x,y"]
FIELDS = ["name", "author", "version", "organization", "description", "finetune", "basename", "size_label", "url", "doi", "uuid", "repo_url"]
CARD_KEYS = FIELDS + ["model_" + f for f in FIELDS] + ["model_creator", "model_type", "license", "license_name", "license_link", "tags", "pipeline_tag", "languages", "language", "base_model", "base_models",
                                                        "base_model_sources", "datasets", "dataset", "dataset_sources", "library_name", "widget", "model-index", "inference"]


PARTS = ["7B", "1.2m", "8x7b", "A3B", "7b1", "260k", "0_5B", "128k", "v1", "V2.5", "iter3", "2024", "3.1", "q4_k_m", "IQ2_XS", "f16", "bf16", "FP32", "small", "XL", "xxl", "Medium", "chat", "Instruct", "it", "lora",
         "Base", "llama", "GPT", "gpt2", "möbel", "模型", "École", "über", "straße", "ßa", "ñandú", "šč", "ŉa", "я-модель", "Привет", "ﬁn", "ǆx", "ªb", "ɐa", "été\u00a0né", "模型chat", "αθήνα", "ΐa", "აბ", "ﬀ1b", "a_b", "x.y", "don't", "1st", "v", "B", "6.8M", "7.25M", "900K"]


def hub_name(rng):
    kind = rng.randrange(8)
    name = rng.choice(NAMES) if rng.random() < 0.4 else rng.choice(["-", "-", "-", "--", "_"]).join(rng.choice(PARTS) for _ in range(rng.randrange(1, 6)))
    if kind < 4:
        return f"{rng.choice(ORGS)}/{name}"
    if kind == 4:
        return rng.choice([WEB + "huggingface.co/", WEB.replace("s", "") + "huggingface.co/", "ssh://git@host/", WEB + "example.org/", WEB + "huggingface.co/a/"]) + f"{rng.choice(ORGS)}/{name}" + rng.choice(["", "", "/", "/tree/main"])
    return name


def related(rng):
    kind = rng.randrange(6)
    if kind == 0:
        return hub_name(rng)
    if kind == 1:
        return {f: rng.choice(WORDS) for f in rng.sample(FIELDS, 4)}
    if kind == 2:
        return rng.choice([None, [], 5, True, {"a": 1}])
    return [rng.choice([hub_name(rng), hub_name(rng), hub_name(rng), {"name": rng.choice(WORDS), "repo_url": None, "doi": "x"}, 7, None]) for _ in range(rng.choice([0, 1, 2, 3, 40]))]


def value(rng, key):
    if key.startswith(("base_model", "dataset")):
        return related(rng)
    if key in ("tags", "languages", "language", "pipeline_tag", "license"):
        return rng.choice([rng.choice(WORDS), [rng.choice(WORDS) for _ in range(rng.randrange(5))], None, rng.choice([[1, 2], ["a", None], 3, [True], {"x": 1}])] if rng.random() < 0.1 else
                          [rng.choice(WORDS), [rng.choice(WORDS) for _ in range(rng.randrange(5))]])
    if key in ("widget", "model-index", "inference"):
        return rng.choice([[{"text": "Hi", "n": [1, {"deep": [2.5, None]}]}], {"a": {"b": False}}, False, 0.5])
    if rng.random() < 0.06:
        return rng.choice([1, 1.0, True, None, 0, False, 0.0, [], ["a"], ""])
    return rng.choice([rng.choice(WORDS), rng.choice(NAMES), f"{rng.choice(ORGS)} {rng.choice(WORDS)}"])


def by_hand(rng, card):
    """YAML as people write it: plain scalars without regard to what they mean."""
    lines = []
    for key, v in card.items():
        if isinstance(v, str) and "\n" not in v:
            lines.append(f"{key}: {v}")
        elif isinstance(v, list) and v and all(isinstance(x, str) and "\n" not in x for x in v):
            if rng.random() < 0.3:
                lines.append(f"{key}: [{', '.join(v)}]")
            else:
                lines += [f"{key}:"] + [rng.choice(["- ", "  - "]) + x if i == 0 else "" for i, x in enumerate(v[:1])]
                indent = lines[-1][:len(lines[-1]) - len(lines[-1].lstrip())]
                lines += [f"{indent}- {x}" for x in v[1:]]
        elif isinstance(v, str):
            lines += [f"{key}: {rng.choice(['|', '>', '|-', '>+'])}"] + ["  " + part for part in v.split("\n")]
        else:
            lines.append(f"{key}: {json.dumps(v, ensure_ascii=False)}")
        if rng.random() < 0.1:
            lines.append(rng.choice(["# a comment", "", "\t", "lists: &anchor [a, b]", "again: *anchor", "x: &y {name: n}", "z:\n  <<: *y", "same: 1\nsame: 2"]))
    return "\n".join(lines) + "\n"


def write_card(rng, yaml):
    card = {key: value(rng, key) for key in rng.sample(CARD_KEYS, rng.randrange(1, 12))}
    head = by_hand(rng, card) if rng.random() < 0.5 else yaml.dump(
        card, sort_keys=False, default_flow_style=rng.choice([None, False, True]), allow_unicode=rng.random() < 0.7, width=rng.choice([20, 80, 1000]), indent=rng.choice([2, 4]),
        default_style=rng.choice([None, None, None, '"', "'"]), explicit_start=rng.random() < 0.05)
    text = "---\n" + head + rng.choice(["---\n", "---\n", "---\n# Prose\n---\nmore\n", "---", "", "... \n---\n", "--- \n"])
    if rng.random() < 0.05:
        text = rng.choice(["", "# no head\n", " ---\nname: x\n---\n", "---\n---\n", "---\n- a\n---\n", "---\nplain\n---\n", "\ufeff---\nname: x\n---\n"])
    return text.replace("\n", rng.choice(["\n", "\n", "\n", "\r\n", "\r", "\u2028"])) if rng.random() < 0.2 else text


def sampling(rng):
    real = ["top_p", "min_p", "xtc_probability", "xtc_threshold", "temperature", "penalty_repeat", "repetition_penalty", "mirostat_tau", "mirostat_eta"]
    whole = ["top_k", "penalty_last_n", "mirostat", "max_length", "eos_token_id"]
    settings = {k: rng.choice([0.7, 1.0, 1, 0.1, None]) for k in rng.sample(real, 4)} | {k: rng.choice([50, 0, -1, None]) for k in rng.sample(whole, 3)}
    if rng.random() < 0.2:
        settings["sequence"] = rng.choice(["top_k;temp", "", None])
    return rng.choice(["{", "", "[1"]) if rng.random() < 0.05 else json.dumps(settings)


def override(rng):
    keys = ["general." + k for k in ["name", "author", "version", "organization", "finetune", "basename", "description", "quantized_by", "size_label", "license.name", "license.link", "license", "url", "doi",
                                     "uuid", "repo_url", "source.url", "source.doi", "source.uuid", "source.repo_url", "unknown"]]
    given = {k: rng.choice(["given", "", None, "Given Name-7B"]) for k in rng.sample(keys, 5)}
    if rng.random() < 0.3:
        given["general.tags"] = rng.choice([["one", "two"], [], None, "zwei ü"])
    if rng.random() < 0.3:
        given["general.base_models"] = rng.choice([[{"name": "B", "organization": "O"}], [], None, [{"version": "1"}, {"url": "u"}], "ab", ["Org/Model"], ["a name"], 7])
    if rng.random() < 0.3:
        given["general.datasets"] = rng.choice([[{"name": "D", "author": None}], None, "ab", ["x", {"doi": "y"}]])
    if rng.random() < 0.3:
        given["general.sampling.temp"] = rng.choice([0.25, None])
        given["general.sampling.top_k"] = rng.choice([7, None])
    return given


def reference(gguf, folder, parameters, metadata_file):
    """Keys, types and packed values as the converter would write them; None when it ends with an error."""
    writer = gguf.GGUFWriter(path=None, arch="tiny")
    try:
        from pathlib import Path
        found = gguf.Metadata.load(Path(metadata_file) if metadata_file else None, Path(folder), None, parameters)
        if found.name is None:
            found.name = os.path.basename(folder)
        if found.size_label is None:
            found.size_label = gguf.size_label(parameters, parameters, 0, 0)
        writer.add_type(gguf.GGUFType.MODEL)
        found.set_gguf_meta_model(writer)
        return [(key, bytes(writer._pack_val(v.value, v.type, add_vtype=True, sub_type=v.sub_type))) for key, v in writer.kv_data[0].items()]
    except Exception as error:  # noqa: BLE001 the converter would end with a traceback
        return error


def read_header(path):
    """The key/values of a GGUF file, each with its packed bytes."""
    with open(path, "rb") as file:
        data = file.read()
    count, at, found = struct.unpack_from("<Q", data, 16)[0], 24, []
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def skip(kind, at):
        if kind == 8:
            return at + 8 + struct.unpack_from("<Q", data, at)[0]
        if kind == 9:
            inner, n = struct.unpack_from("<IQ", data, at)
            at += 12
            for _ in range(n):
                at = skip(inner, at)
            return at
        return at + sizes[kind]

    for _ in range(count):
        size = struct.unpack_from("<Q", data, at)[0]
        key = data[at + 8:at + 8 + size].decode()
        begin = at + 8 + size
        at = skip(struct.unpack_from("<I", data, begin)[0], begin + 4)
        found.append((key, data[begin:at]))
    return found


def make_weights(path, parameters):
    head = json.dumps({"w": {"dtype": "F32", "shape": [parameters], "data_offsets": [0, 4 * parameters]}}).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        file.truncate(8 + len(head) + 4 * parameters)


def write(path, text):
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def compare(gguf, yaml, scratch, seed, weights):
    rng = random.Random(seed)
    folder = os.path.join(scratch, str(seed), rng.choice([n for n in NAMES if n.strip("-")]))
    os.makedirs(folder)
    parameters = rng.choice(PARAMETERS)
    os.symlink(weights[parameters], os.path.join(folder, "model.safetensors"))
    config = {"architectures": ["Tiny"]}
    if rng.random() < 0.6:
        config["_name_or_path"] = rng.choice([hub_name(rng), hub_name(rng), "", "./x", "/a/b/c", None])
    write(os.path.join(folder, "config.json"), json.dumps(config))
    if rng.random() < 0.95:
        write(os.path.join(folder, "README.md"), write_card(rng, yaml))
    if rng.random() < 0.5:
        write(os.path.join(folder, "generation_config.json"), sampling(rng))
    metadata = None
    if rng.random() < 0.4:
        metadata = os.path.join(scratch, str(seed), "metadata.json")
        write(metadata, json.dumps(override(rng)))
    wanted = reference(gguf, folder, parameters, metadata)
    out = os.path.join(scratch, str(seed), "out.gguf")
    words = [GGX, folder, "-o", out, "--quiet", "--recipe", os.path.join(scratch, "card.json")] + (["--metadata", metadata] if metadata else [])
    done = subprocess.run(words, capture_output=True, text=True)
    if isinstance(wanted, Exception):
        assert done.returncode in (0, 7), (seed, done)
        if done.returncode:
            assert done.stderr.count("\n") == 1 and not os.path.exists(out), (seed, done)
        return "refused" if done.returncode else f"milder than the converter ({type(wanted).__name__})"
    arrays = [v for k, v in wanted if k in ("general.tags", "general.languages") and struct.unpack_from("<I", v, 4)[0] != 8]
    if arrays and done.returncode == 7:
        return "refused: numbers among the tags or languages, of which the converter makes an array of numbers"
    assert done.returncode == 0, f"seed {seed}: ggx refuses what the converter takes: {done.stderr}"
    found = read_header(out)
    assert found == wanted, f"seed {seed}:\nggx      {found}\nreference {wanted}"
    return "equal"


def refusals(scratch, weights):
    """A file of --metadata that is not there, no JSON, no object, or of no use."""
    folder, out = os.path.join(scratch, "plain"), os.path.join(scratch, "plain.gguf")
    os.makedirs(folder)
    os.symlink(weights, os.path.join(folder, "model.safetensors"))
    write(os.path.join(folder, "config.json"), "{}")
    given = os.path.join(scratch, "given.json")
    for text, recipe, code, words in ((None, "card.json", 3, "given.json"), ("{", "card.json", 7, "given.json: JSON, line 1"), ("[]", "card.json", 7, "no object"), ("{}", None, 2, "no use for --metadata")):
        if text is not None:
            write(given, text)
        done = subprocess.run([GGX, folder, "-o", out, "--metadata", given, "--recipe", os.path.join(scratch, recipe) if recipe else "none"], capture_output=True, text=True)
        assert done.returncode == code and words in done.stderr and not os.path.exists(out), (text, done)


def main():
    yaml, = oracle.modules("yaml")
    if not os.path.isdir(SOURCE):
        oracle.skip("the converter's source is not here; tests/setup.sh all installs it")
    sys.path.insert(0, SOURCE)
    gguf, = oracle.modules("gguf")
    import logging
    logging.disable(logging.CRITICAL)
    first, last = (int(sys.argv[1]), int(sys.argv[1]) + 1) if len(sys.argv) > 1 else (0, CARDS)
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        write(os.path.join(scratch, "card.json"), json.dumps({"id": "card", "extends": "hf-card", "values": {"architecture": "tiny"}, "tensors": [{"from": "{name...}", "to": "{name}"}]}))
        weights = {n: os.path.join(scratch, f"{n}.safetensors") for n in PARAMETERS}
        for n, path in weights.items():
            make_weights(path, n)
        refusals(scratch, weights[PARAMETERS[0]])
        for seed in range(first, last):
            result = compare(gguf, yaml, scratch, seed, weights)
            results[result] = results.get(result, 0) + 1
    for result, n in sorted(results.items()):
        print(f"{n} {result}")
    assert len(sys.argv) > 1 or results.get("equal", 0) > CARDS // 2, results
    oracle.finish()


main()
