"""Promises: ggx fit's sizes are those that conversions write; its cache is what the header's keys say; it reads headers only; what it
picks fits, and nothing larger does."""
import json
import os
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "flow"))
import flow
import oracle


def fit(*words):
    return json.loads(flow.run("fit", "--json", *words))


def sizes(folder, model, writer, *words):
    """Every type that can be made, made."""
    rows = [r for r in fit(model, "--writer", writer, *words)["types"] if "why" not in r]
    flow.check(len(rows) > 15, f"only {len(rows)} types")
    for row in rows[::3]: # the sizes come from one function, and the slow types take long
        out = os.path.join(folder, "out")
        named = ["--type", row["type"]] if row["type"] else []
        flow.run(model, "--writer", writer, "-o", out, "-q", *words, *named)
        flow.check(os.path.getsize(out) == row["bytes"] == row["disk"], f"{row['type']}: {os.path.getsize(out)} bytes, not {row['bytes']}")
        weights = sum(t["nbytes"] for t in json.loads(flow.run("inspect", "--json", out))["tensors"]) if writer == "gguf" else row["weights"]
        flow.check(weights == row["weights"], f"{row['type']}: {weights} bytes of weights")
        os.remove(out)
    return rows


def cache(model):
    """The formula once more, from the header as another reader gives it."""
    gguf, = oracle.modules("gguf")
    fields = gguf.GGUFReader(model).fields
    value = lambda key: fields[key].contents() if key in fields else None
    arch = value("general.architecture")
    layers, heads, width = (value(f"{arch}.{k}") for k in ("block_count", "attention.head_count", "embedding_length"))
    pairs = value(f"{arch}.attention.head_count_kv") or heads
    key = value(f"{arch}.attention.key_length") or width // heads
    held = value(f"{arch}.attention.value_length") or key
    limit = value(f"{arch}.context_length")
    for context in (1, 64, 1 << 20):
        positions = min(context, limit)
        wanted = 2 * positions * layers * pairs * (key + held)
        row = fit(model, "--context", context)["types"][0]
        flow.check((row["context"], row["cache"]) == (positions, wanted), f"{context} positions: {row['cache']}, not {wanted}")
        widest = max((heads + 1) * -(-positions // 256) * 256, len(value("tokenizer.ggml.tokens")), 2 * value(f"{arch}.feed_forward_length"))
        flow.check(row["compute"] == 4 * min(512, positions) * (widest + 4 * width), f"{context} positions: {row['compute']} for computing")
        flow.check(row["memory"] == row["weights"] + wanted + row["compute"], "memory is weights, cache and compute")


def computes(model):
    """What llama.cpp itself says it computes with."""
    import ctypes
    import re
    import llama
    library, said = llama.Library(), []
    log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, _: said.append(text.decode(errors="replace")))
    library.dll.llama_log_set(log, None)
    with llama.Model(library, model) as loaded:
        for context in (64, 256, 512):
            said.clear()
            made = loaded.context(n_ctx=context)
            theirs = float(re.search(r"compute buffer size = +([\d.]+) MiB", "".join(said))[1]) * (1 << 20)
            library.llama_free(made)
            ours = fit(model, "--context", context)["types"][0]["compute"]
            flow.check(0.9 < ours / theirs < 1.1, f"{context} positions: {ours}, and llama.cpp says {theirs}")
    library.dll.llama_log_set(library.log, None)


def picks(model):
    rows = [r for r in fit(model)["types"] if "why" not in r and r["type"]]
    plain = next(r["bytes"] for r in fit(model)["types"] if r["type"] is None)
    for limit in sorted({r["memory"] for r in rows})[::8]:
        for words in (["--ram", limit], ["--vram", limit], ["--ram", limit // 2, "--vram", limit - limit // 2]):
            chosen = flow.run("fit", model, "--pick", *words).strip()
            best = max(r["bytes"] for r in rows if r["memory"] <= limit and r["bytes"] <= plain)
            flow.check(next(r["bytes"] for r in rows if r["type"] == chosen) == best, f"{chosen} is not the best of {limit}")
    smallest = min(rows, key=lambda r: r["bytes"])
    flow.check("nothing fits" in flow.run("fit", model, "--pick", "--ram", smallest["memory"] - 1, code=3), "less than the least")
    flow.run("fit", model, "--pick", "--disk", smallest["bytes"] - 1, code=3)
    flow.check(flow.run("fit", model, "--pick", "--disk", smallest["bytes"]).strip() in
               [r["type"] for r in rows if r["bytes"] == smallest["bytes"]], "the disk for the least")


def prefers_plain(model):
    """Of equals the plain type; a mixture for experts is none of a dense model, and a copy is what the model is already."""
    rows = {r["type"]: r for r in fit(model)["types"]}
    flow.check("no tensors" in rows["mxfp4_moe"]["why"] and "as they are" in rows["copy"]["why"], "mixtures that do nothing here")
    made = [r["type"] for r in rows.values() if "why" not in r]
    flow.check("q4_k_m" in made and "q8_0" in made and made.index("q8_0") < made.index("q6_k"), f"{made}")
    flow.check(flow.run("fit", model, "--pick").strip() not in ("copy", "mxfp4_moe"), "a plain type")
    flow.check(flow.run("fit", model, "--pick", "--disk", rows["q8_0"]["bytes"]).strip() == "q8_0", "q8_0 of its equals")
    flow.check("number of positions" in flow.run("fit", model, "--context", 0, code=2), "positions are no bytes")


def refuses(folder):
    """Where the conversion is refused by its recipe, so is the question what fits: the same sentence, the same code."""
    model = os.path.join(folder, "unknown")
    os.mkdir(model)
    flow.write_safetensors(os.path.join(model, "model.safetensors"), [("model.a.weight", [64, 64])])
    with open(os.path.join(model, "config.json"), "w", encoding="utf-8") as f:
        json.dump({"architectures": ["StrangerForCausalLM"], "model_type": "stranger"}, f)
    said = flow.run(model, "-o", os.path.join(folder, "never.gguf"), code=7)
    flow.check("StrangerForCausalLM" in said, said)
    for words in ([], ["--pick"], ["--json"], ["--writer", "gguf"]):
        flow.check(flow.run("fit", model, *words, code=7) == said, f"fit {words}")
    told = flow.run("fit", model, "--recipe", "none", "--writer", "gguf")
    flow.check(told.startswith("writer gguf, recipe none\n"), told)
    flow.check("no.such" in flow.run("fit", model, "--writer", "no.such", code=3), "no such writer")


def headers_only(folder):
    """A model of 100 GiB that is nothing but a header and a hole."""
    model = os.path.join(folder, "huge.safetensors")
    shape = [51200, 32768]
    size = 4 * shape[0] * shape[1]
    header = {f"t{i}": {"dtype": "F32", "shape": shape, "data_offsets": [i * size, (i + 1) * size]} for i in range(16)}
    text = json.dumps(header).encode()
    with open(model, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + 16 * size)
    rows = {r["type"]: r for r in fit(model, "--recipe", "none", "--writer", "gguf", "--disk", "1T")["types"]}
    flow.check(rows["q8_0"]["weights"] == 16 * size // 4 // 32 * 34, "a model larger than any disk here")
    flow.check(not fit(model, "--recipe", "none", "--disk", "1G")["pick"], "the disk is too small")


def variants(folder, model):
    """A repository with one model three times, once in parts, and other forms of it: a line each, from headers alone."""
    sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "stream"))
    import server

    def read(name):
        with open(os.path.join(folder, name), "rb") as f:
            return f.read()

    local = os.path.join(folder, "local")
    os.mkdir(local)
    for name, words in (("m-f32.gguf", []), ("m-q8_0.gguf", ["--type", "q8_0"]), ("m-q4_0.gguf", ["--type", "q4_0"])):
        flow.run(model, "-o", os.path.join(local, name), "-q", *words)
    flow.run(model, "-o", os.path.join(local, "parts.gguf"), "-q", "--split-max-tensors", 20)
    files = {n: read(os.path.join("local", n)) for n in os.listdir(local)} | {"config.json": b"{}", "notes.md": b"notes"}
    padding = bytes(3 << 20)  # behind what headers say: no reader looks there
    for name in ("m-f32.gguf", "m-q8_0.gguf", "m-q4_0.gguf"):
        files[name] += padding
    parts = sorted(n for n in files if n.startswith("parts-"))
    flow.check(len(parts) > 1, f"{parts}")
    hub = server.Server(files)
    env = {**os.environ, "HF_ENDPOINT": hub.base, "no_proxy": "127.0.0.1"}
    run = lambda *words: flow.run("fit", "hf://org/model", *words, env=env)
    told = json.loads(run("--json"))
    total = sum(map(len, files.values()))
    flow.check(hub.sent < total // 2, f"{hub.sent} bytes of {total} were fetched")
    names = ["m-f32.gguf", "m-q4_0.gguf", "m-q8_0.gguf", parts[0]]
    flow.check([v["name"] for v in told["variants"]] == names, f"{[v['name'] for v in told['variants']]}")
    small = len(files["config.json"]) + len(files["notes.md"])
    for v in told["variants"]:
        mine = parts if v["name"] == parts[0] else [v["name"]]
        flow.check(v["download"] == sum(len(files[n]) for n in mine) + small, f"{v}")
        alone = next(r for r in fit(os.path.join(local, v["name"]))["types"] if r["type"] is None)
        flow.check((v["weights"], v["cache"], v["compute"]) == (alone["weights"], alone["cache"], alone["compute"]), f"{v} and {alone}")
    flow.check(told["made_of"] == "m-f32.gguf" and told["types"], "types of the largest")
    flow.check(all(t["disk"] == t["bytes"] + told["download"] for t in told["types"] if "why" not in t), "the download counts as disk")
    by = {v["name"]: v for v in told["variants"]}
    flow.check(run("--pick").strip() == "hf://org/model/m-f32.gguf", "the most exact")
    flow.check(run("--pick", "--ram", by["m-q8_0.gguf"]["memory"]).strip() == "hf://org/model/m-q8_0.gguf", "what fits")
    flow.check(run("--pick", "--ram", 1 << 10, "--vram", by["m-q4_0.gguf"]["memory"]).strip().endswith("m-q4_0.gguf"), "what fits the card")
    said = run("--ram", by["m-q4_0.gguf"]["memory"], "--vram", "1M")
    flow.check(all(n in said for n in names) and "LAYERS ON CARD" in said and "of 5" in said, said)

    # Other forms beside: the model is converted from the first; disk is what comes and what comes out, or with --stream the latter.
    flow.write_safetensors(os.path.join(folder, "model.safetensors"), [("a", [1024, 1024])])
    files = {"model.safetensors": read("model.safetensors"), "pytorch_model.bin": bytes(5000), "m-q4_0.gguf": files["m-q4_0.gguf"], "config.json": b'{"model_type": "llama"}'}
    hub.files, hub.published, before = files, files, hub.sent
    words = ["--recipe", "none", "--writer", "gguf", "--reader", "safetensors", "--json"]
    told = json.loads(run(*words))
    flow.check([v["form"] for v in told["variants"]] == ["safetensors", "pytorch", "gguf"], f"{told['variants']}")
    flow.check(told["variants"][2]["cache"] == by["m-q4_0.gguf"]["cache"], f"{told['variants'][2]}")
    flow.check(told["download"] == len(files["model.safetensors"]) + len(files["config.json"]) == told["variants"][0]["download"], f"{told['download']}")
    flow.check(hub.sent - before < 2 << 20, "more than headers")
    q8 = next(t for t in told["types"] if t["type"] == "q8_0")
    tight = json.loads(run(*words, "--disk", q8["bytes"] + 100))
    flow.check(next(t for t in tight["types"] if t["type"] == "q8_0")["fits"] == "streamed", "only with --stream")


with tempfile.TemporaryDirectory() as top:
    headers_only(top)
    refuses(top)
    sizes(top, os.path.join(os.environ["GGX_SOURCE"], "tests/sample/tiny-digits.weights"), "ggml")
    real = oracle.case("golden/09-stories260k/expect/09-stories260k-f32.gguf")
    if real:
        sizes(top, real, "gguf")
        cache(real)
        computes(real)
        picks(real)
        prefers_plain(real)
        variants(top, real)
oracle.finish()
