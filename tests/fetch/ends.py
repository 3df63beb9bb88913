"""Promise: from a name of the catalogue to a quantized file in one command, on real input: fetched over several connections, verified, converted, and the
same to the byte as what the reference tools made of the same files. A GPT-2 checkpoint of TensorFlow and a Darknet network by ggx's own catalogue,
whose hosts alone are replaced by the test's, a trained network, and a repository of the hub."""
import glob
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

import oracle

oracle.modules("numpy")
if not oracle.case("golden"):
    oracle.skip("the reference cases are not here")
import common
import flow
import hub_server
from common import check

GOLDEN = oracle.case("golden")
SOURCE = os.environ["GGX_SOURCE"]
top = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def path(*names):
    return os.path.join(top.name, *names)


def files_of(folder, prefix=""):
    out = {}
    for root, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(root, name), "rb") as f:
                out[prefix + os.path.relpath(os.path.join(root, name), folder)] = f.read()
    return out


def case_of(name):
    with open(os.path.join(GOLDEN, name, "case.json"), encoding="utf-8") as f:
        return json.load(f)


def network_of(name):
    """The yolov3-tiny.weights of a case, made by its own generator."""
    case = case_of(name)
    words = shlex.split(case["command"].split(";")[0])
    os.mkdir(path(name))
    subprocess.run([sys.executable, os.path.join(GOLDEN, name, words[1]), *words[2:]], check=True, cwd=path(name))
    with open(path(name, words[-1]), "rb") as f:
        data = f.read()
    right = [o["sha256"] for o in case["outputs"] if ".correct." in o["name"]] or [case["outputs"][0]["sha256"]]
    return data, right[0]


# ggx's data, with a catalogue whose addresses are this test's.
yolo = sorted(os.path.basename(p) for p in glob.glob(os.path.join(GOLDEN, "05-*")))[-1]
network, network_wanted = network_of(yolo)
trained = oracle.case("real/darknet/yolo-fastest-1.1")
stories = os.path.join(GOLDEN, "09-stories260k", "in", "stories260K")
gpt = os.path.join(GOLDEN, "01-gpt2-ckpt", "in")
hub = hub_server.Hub({**files_of(stories), "pytorch_model.bin": bytes(1 << 20)})
for size in ("117M", "124M"):
    hub.files.update(files_of(gpt, f"gpt-2/models/{size}/"))
    hub.files.update({f"gpt-2/models/{size}/model.ckpt.meta": b"graph", f"gpt-2/models/{size}/vocab.bpe": b"#version: 0.2\n"})
hub.files.update(files_of(trained, "trained/"))
hub.files["media/files/yolov3-tiny.weights"] = network
cfg = oracle.case("real/darknet/cfg-only/yolov3-tiny.cfg")
with open(cfg, "rb") as f:
    hub.files["pjreddie/darknet/master/cfg/yolov3-tiny.cfg"] = f.read()
shared = os.path.join(os.path.dirname(os.path.dirname(flow.GGX)), "share", "ggx")
data = path("data")
os.makedirs(os.path.join(data, "catalog"))
for name in os.listdir(shared):
    if name != "catalog":
        os.symlink(os.path.join(shared, name), os.path.join(data, name))
own = {}
for file in glob.glob(os.path.join(SOURCE, "plugins", "catalog", "*.json")):
    own.update(json.load(open(file))["models"])
models = {n: own[n] for n in ("gpt-2-117M", "yolov3-tiny")}
models.update({own[n]["same"]: own[own[n]["same"]] for n in list(models) if "same" in own[n]})


def local(address):
    """The same path on this test's server."""
    return hub.base + "/files/" + address.split("//", 1)[1].split("/", 1)[1]


# What is published of the originals is replaced by what is true of the files here.
for entry in models.values():
    if "same" in entry:
        continue
    entry["from"] = local(entry["from"])
    for i, file in enumerate(entry["files"]):
        file = entry["files"][i] = {"name": file} if isinstance(file, str) else file
        if "from" in file:
            file["from"] = local(file["from"])
        content = hub.files[file.get("from", entry["from"] + file["name"])[len(hub.base + "/files/"):]]
        for key in ("sha1", "git"):
            file.pop(key, None)
        file.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
weights = os.path.join(trained, "yolo-fastest-1.1.weights")
models["trained"] = {"from": hub.base + "/files/trained/yolo-fastest-1.1.weights", "sha256": flow.digest(weights)}
models["stories"] = {"from": "hf://org/model"}
with open(os.path.join(data, "catalog", "test.json"), "w") as f:
    json.dump({"models": models}, f)
clean = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and "proxy" not in k.lower()}
environment = {**clean, "GGX_DATA": data, "HF_ENDPOINT": hub.base, "HF_HUB_CACHE": path("cache"), "XDG_CACHE_HOME": path("xdg"), "HOME": path("home"),
               "no_proxy": "127.0.0.1"}


def ggx(*words, code=0):
    done = subprocess.run([flow.GGX, *map(str, words)], capture_output=True, text=True, timeout=300, env=environment, cwd=top.name)
    check(done.returncode == code, f"{words}: exit {done.returncode}, expected {code}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def same(out, wanted, what):
    check(flow.digest(out) == wanted, f"{what}: {flow.digest(out)}, expected {wanted}")
    os.remove(out)


WAY = ("--connections", 4)
out = path("out.bin")

# GPT-2: what the script makes, and what its quantize tool's type makes of that.
case = case_of("01-gpt2-ckpt")
for output in case["outputs"]:
    kind = output["name"][len("ggml-model-"):-len(".bin")]
    ggx("gpt-2-117M", "-o", out, "--type", kind, "--writer", "ggml", *WAY)
    same(out, output["sha256"], output["name"])
made = os.path.join(GOLDEN, "01-gpt2-ckpt", "expect", "ggml-model-f16.bin")
for kind in ("q4_0", "q5_1", "q8_0"):
    ggx(made, "-o", path("two.bin"), "--type", kind, "--recipe", "gpt-2-bin")
    ggx("gpt-2-117M", "-o", out, "--writer", "ggml", "--type", kind, "--via", "f16", *WAY)
    same(out, flow.digest(path("two.bin")), f"gpt-2-117M {kind}")

# Darknet: the case's own .gguf; then a network that somebody trained.
ggx("yolov3-tiny", "-o", path("out.gguf"), *WAY)
same(path("out.gguf"), network_wanted, "yolov3-tiny")
for name, local, plan in (("yolov3-tiny", path(yolo, "yolov3-tiny.weights"), cfg), ("trained", weights, weights[:-len("weights")] + "cfg")):
    words = ("--reader", "darknet", "--writer", "ggml-q4", "-O", "darknet.cfg=" + plan)
    ggx(local, *words, "-o", path("two.bin"))
    ggx(name, *words[:None if name == "trained" else 4], "-o", out, *WAY) # the catalogue's has its cfg
    same(out, flow.digest(path("two.bin")), f"{name} q4")
said = ggx("fetch", "yolov3-tiny")
check(said.count("as published") == 2, said)

# The hub: what the converter makes of the folder; quantized as it arrives, too. The pytorch file beside is not asked for.
case = case_of("09-stories260k")
ggx("fetch", "stories", "-o", path("stories260K"))
check(not os.path.exists(path("stories260K", "pytorch_model.bin")), "a second form of the weights")
for output in case["outputs"]:
    kind = output["name"][len("09-stories260k-"):-len(".gguf")]
    if kind in ("f32", "f16", "q8_0"):
        ggx(path("stories260K"), "-o", path("out.gguf"), "--type", kind)
        same(path("out.gguf"), output["sha256"], output["name"])
for kind in ("q8_0", "q4_k_m"):
    ggx("hf://org/model", "-o", path("out.gguf"), "--type", kind)
    ggx("hf://org/model", "-o", path("streamed.gguf"), "--type", kind, "--stream")
    same(path("streamed.gguf"), flow.digest(path("out.gguf")), f"stories {kind}, again")

# One other byte of any of them, and there is no output.
shutil.rmtree(path("cache"))
shutil.rmtree(path("xdg"))
for name in ("yolov3-tiny", "stories"):
    hub.faults = {"flip": 1_500 if name == "yolov3-tiny" else 70_000}
    ggx(name, "-o", path("none.gguf"), *WAY, code=6)
    check(not os.path.exists(path("none.gguf")), f"{name}: an output of damaged bytes")
hub.faults = {}
print("ok")
