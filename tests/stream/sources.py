"""Promises: by their names in a catalogue, a TensorFlow checkpoint, a Darknet network, a sharded folder of safetensors and a PyTorch file come out
the same to the byte streamed as downloaded first; no byte of the weights is fetched twice; peak disk is the output; a digest of the catalogue
that is not the bytes', a changed CRC and another value where a recipe peeked are refused."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import common
import flow
import server

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "support"))
import oracle

top = tempfile.TemporaryDirectory()
folder, data, catalogs = (os.path.join(top.name, n) for n in ("out", "cache", "catalogs"))
os.mkdir(folder)
os.mkdir(catalogs)
out = os.path.join(folder, "out")
hub = server.Server({})
environment = {**{k: v for k, v in os.environ.items() if not k.startswith("HF_")}, "HF_ENDPOINT": hub.base, "no_proxy": "127.0.0.1",
               "HF_HUB_CACHE": data, "XDG_CACHE_HOME": data, "GGX_CATALOG": catalogs}
FILES = hub.base + "/files/"


def run(*words, code=0):
    done = subprocess.run([flow.GGX, *map(str, words)], capture_output=True, text=True, env=environment)
    flow.check(done.returncode == code, f"{words}: exit {done.returncode}, expected {code}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def publish(name, **entry):
    with open(os.path.join(catalogs, "models.json"), "w") as f:
        json.dump({"models": {name: entry}}, f)


def sha256(b):
    return hashlib.sha256(b).hexdigest()


def facts(files):
    return [{"name": n, "bytes": len(b), "sha256": sha256(b)} for n, b in files.items()]


def disk():
    total = 0
    for name in os.listdir(folder):
        try:
            total += os.stat(os.path.join(folder, name)).st_blocks * 512
        except FileNotFoundError:
            pass
    return total


def same(name, extension, words, weights):
    """Streamed and downloaded; gives the output's digest."""
    a, b = f"{out}.{extension}", os.path.join(top.name, f"local.{extension}")
    run(name, *words, "-o", b)
    wanted = flow.digest(b)
    subprocess.run(["rm", "-rf", data], check=True)
    plan = json.loads(run("plan", name, *words, "-o", a, "--stream", "--json"))
    flow.check(plan["stream"]["possible"], plan["stream"])
    before, peak = hub.sent, 0
    hub.rate = 24 << 20
    child = subprocess.Popen([flow.GGX, name, *map(str, words), "-o", a, "--stream", "-q"], env=environment)
    while child.poll() is None:
        peak = max(peak, disk())
        time.sleep(0.004)
    hub.rate = 0
    flow.check(child.returncode == 0, f"{name}: exit {child.returncode}")
    flow.check(flow.digest(a) == wanted, f"{name}: streamed is not downloaded")
    size = os.path.getsize(a)
    flow.check(os.listdir(folder) == [os.path.basename(a)] and peak <= size + (64 << 10), f"{name}: {peak} bytes on the disk for {size}")
    flow.check(not os.path.exists(data), f"{name}: something is in the cache")
    flow.check(hub.sent - before < weights + (3 << 20), f"{name}: {hub.sent - before} bytes were fetched for {weights}")
    os.remove(a)
    os.remove(b)
    return wanted


def read(path):
    with open(path, "rb") as f:
        return f.read()


def folder_of(path):
    return {n: read(os.path.join(path, n)) for n in sorted(os.listdir(path)) if not n.startswith(".")}


def shards():
    """Three shards with their index."""
    names = [("a", [1024, 1024]), ("b", [512, 2048]), ("c", [2048, 256]), ("d", [7])]
    files, where = {}, {}
    for i, part in enumerate((names[:1], names[1:2], names[2:])):
        file = f"model-{i + 1:05}-of-00003.safetensors"
        path = os.path.join(top.name, file)
        flow.write_safetensors(path, part)
        files[file] = read(path)
        where |= {n: file for n, _ in part}
    files["model.safetensors.index.json"] = json.dumps({"metadata": {}, "weight_map": where}).encode()
    files["config.json"] = b'{"model_type": "none"}'
    return files


files = shards()
hub.files, hub.published = dict(files), dict(files)
WORDS = ["--recipe", "none", "--writer", "gguf", "--memory", "24M", "--type", "q8_0"]
for name in ("hf://org/model", "shards"):
    publish("shards", **{"from": FILES, "files": facts(files)})
    same(name, "gguf", WORDS, sum(map(len, files.values())))
for name in files:  # any of them may be the wrong one
    wrong = facts(files)
    for entry in wrong:
        if entry["name"] == name:
            entry["sha256"] = "0" * 64
    publish("shards", **{"from": FILES, "files": wrong})
    used = name.endswith(".safetensors") or "index" in name
    if used:
        said = run("shards", *WORDS, "-o", out + ".gguf", "--stream", code=6)
        flow.check("not what was published" in said and name in said and os.listdir(folder) == [], said)
publish("shards", **{"from": FILES, "files": [{**e, "bytes": e["bytes"] + 1} for e in facts(files)]})
flow.check("in the catalogue" in run("shards", *WORDS, "-o", out + ".gguf", "--stream", code=6), "a size that is not the server's")

# SHA-1 of the catalogue beside the hub's SHA-256, and against it; taken up with both.
one = "model-00001-of-00003.safetensors"
publish("both", **{"from": "hf://org/model/" + one, "sha1": hashlib.sha1(files[one]).hexdigest()})
same("both", "gguf", WORDS, len(files[one]))
publish("both", **{"from": "hf://org/model/" + one, "sha1": "0" * 40})
flow.check("its sha1 is" in run("both", *WORDS, "-o", out + ".gguf", "--stream", code=6), "the catalogue's SHA-1")
flow.check("not that of the catalogue" in run("both", *WORDS, "-o", out + ".gguf", code=6), "the same, downloaded")
publish("both", **{"from": "hf://org/model/" + one, "sha256": "0" * 64})
flow.check("another sha256 than the catalogue" in run("both", *WORDS, "-o", out + ".gguf", "--stream", code=6), "SHA-256 of both")

# Where a recipe peeks at a value, the pass that counts has to find the same one.
recipe = os.path.join(top.name, "peeks.json")
with open(recipe, "w") as f:
    json.dump({"id": "peeks", "about": "A key from a tensor's element", "tensors": [{"from": "{name}", "to": "{name}"}],
               "outputs": {"gguf": {"header": {"general.architecture": {"str": "x"}, "x.scale": {"f32": "= peek('a', 100000)"}}}}}, f)
PEEK = ["--recipe", recipe, "--writer", "gguf", "--memory", "24M"]
same(FILES + one, "gguf", PEEK, len(files[one]))
hub.faults = {"flip": 400_000 + 8 + int.from_bytes(files[one][:8], "little")}
said = run(FILES + one, *PEEK, "-o", out + ".gguf", "--stream", code=6)
flow.check("other bytes than when the header was read" in said and os.listdir(folder) == [], said)
hub.faults = {}

# TensorFlow: OpenAI's layout, from the reference case.
case = oracle.case("golden/01-gpt2-ckpt")
if case:
    source = os.path.join(case, "in")
    files = folder_of(source)
    hub.files = dict(files)
    publish("tiny-gpt-2", **{"from": FILES, "files": facts(files), "recipe": "gpt-2"})
    digest = same("tiny-gpt-2", "bin", ["--type", "f16"], sum(map(len, files.values())))
    wanted = [o["sha256"] for o in json.loads(read(os.path.join(case, "case.json")))["outputs"]]
    flow.check(digest in wanted or not wanted, f"not the reference's bytes: {digest}")
    same("tiny-gpt-2", "bin", ["--type", "q4_0"], sum(map(len, files.values())))

# One with tensors that are checked as they are read, and some of them transposed; a damaged one is refused by its CRC, for want of a digest.
sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "corpus"))
import make_tf

TABLE = [0] * 256
for n in range(256):
    c = n
    for _ in range(8):
        c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    TABLE[n] = c


def crc32c(b):
    crc = 0xFFFFFFFF
    for byte in b:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


make_tf.crc32c = crc32c  # the corpus's own goes bit by bit
E, V, C = 320, 1100, 64
shapes = {"model/wte": (V, E), "model/wpe": (C, E), "model/ln_f/g": (E,), "model/ln_f/b": (E,)}
for i in range(1):
    h = f"model/h{i}/"
    for norm in ("ln_1", "ln_2"):
        shapes |= {h + norm + "/g": (E,), h + norm + "/b": (E,)}
    for part, rows, columns in (("attn/c_attn", E, 3 * E), ("attn/c_proj", E, E), ("mlp/c_fc", E, 4 * E), ("mlp/c_proj", 4 * E, E)):
        shapes |= {h + part + "/w": (1, rows, columns), h + part + "/b": (columns,)}
blob, rows = b"", [(b"", make_tf.number(1, 1))]
for seed, name in enumerate(sorted(shapes)):
    count = 1
    for n in shapes[name]:
        count *= n
    b = flow.floats(count, seed)
    rows.append((name.encode(), make_tf.entry(1, shapes[name], len(blob), b)))
    blob += b
words = [chr(33 + i % 90) * (1 + i // 90) for i in range(V)]
files = {"checkpoint": b'model_checkpoint_path: "model.ckpt"\nall_model_checkpoint_paths: "model.ckpt"\n',
         "encoder.json": json.dumps({w: i for i, w in enumerate(words)}).encode(),
         "hparams.json": json.dumps({"n_vocab": V, "n_ctx": C, "n_embd": E, "n_head": 4, "n_layer": 1}).encode(),
         "model.ckpt.data-00000-of-00001": blob, "model.ckpt.index": make_tf.table(rows), "vocab.bpe": b"#version: 0.2\n"}
hub.files = dict(files)
publish("gpt-2-shaped", **{"from": FILES, "files": sorted(files), "recipe": "gpt-2"})
same("gpt-2-shaped", "bin", ["--type", "q4_0"], sum(map(len, files.values())))
bad = bytearray(blob)
bad[len(blob) - 1000] ^= 1
hub.files["model.ckpt.data-00000-of-00001"] = bytes(bad)
said = run("gpt-2-shaped", "--type", "q4_0", "-o", out + ".bin", "--stream", code=6)
flow.check("CRC of tensor" in said and os.listdir(folder) == [], said)

# Darknet: weights and cfg from two places.
case, cfg = oracle.case("golden/05-yolov3-tiny-020"), oracle.case("real/darknet/cfg-only/yolov3-tiny.cfg")
if case and cfg:
    oracle.modules("numpy")
    weights = os.path.join(top.name, "yolov3-tiny.weights")
    subprocess.run([sys.executable, os.path.join(case, "gen_yolov3.py"), "505", "0", "2", "0", weights], check=True)
    files = {"yolov3-tiny.weights": read(weights), "yolov3-tiny.cfg": read(cfg)}
    hub.files = dict(files)
    entries = facts(files)
    entries[1]["from"] = FILES + "yolov3-tiny.cfg"
    publish("tiny", **{"from": FILES, "files": entries, "model": "yolov3-tiny.weights", "recipe": "yolov3-tiny"})
    digest = same("tiny", "gguf", ["--memory", "64M"], sum(map(len, files.values())))
    flow.check(digest == json.loads(read(os.path.join(case, "case.json")))["outputs"][0]["sha256"], "not the reference's bytes")
    same("tiny", "gguf", ["--type", "q8_0"], sum(map(len, files.values())))
oracle.finish()
