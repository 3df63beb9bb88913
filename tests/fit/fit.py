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
        flow.check(row["memory"] == row["weights"] + wanted, "memory is weights and cache")


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


with tempfile.TemporaryDirectory() as top:
    headers_only(top)
    sizes(top, os.path.join(os.environ["GGX_SOURCE"], "tests/sample/tiny-digits.weights"), "ggml")
    real = oracle.case("golden/09-stories260k/expect/09-stories260k-f32.gguf")
    if real:
        sizes(top, real, "gguf")
        cache(real)
        picks(real)
oracle.finish()
