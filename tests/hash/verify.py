"""Promises: signatures are good when minisign says so, and only then; a manifest says what sha256sum says; inputs that a manifest
contradicts are refused before anything is written."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "flow"))
import flow
import oracle


def minisign(*words):
    return subprocess.run(["minisign", *words], input="\n", capture_output=True, text=True).returncode


def change(path, at, new=None):
    data = bytearray(open(path, "rb").read())
    data[at] = data[at] ^ 1 if new is None else new
    with open(path, "wb") as f:
        f.write(data)


def agree(file, signature, public, good, what):
    """ggx and minisign, asked the same."""
    theirs = minisign("-V", "-q", "-m", file, "-x", signature, "-p", public) == 0
    flow.check(theirs == good, f"minisign: {what}")
    flow.run("verify", file, "-S", signature, "-K", public, code=0 if good else 6)
    text = open(public).read().splitlines()[1]
    flow.run("verify", file, "--signature", signature, "--key", text, "--json", code=0 if good else 6)


def signatures(folder):
    path = lambda name: os.path.join(folder, name)
    for name in "ab":
        minisign("-G", "-W", "-p", path(name + ".pub"), "-s", path(name + ".sec"))
    for form in ([], ["-l"]):
        for size in (0, 1, 200_000):
            with open(path("f"), "wb") as f:
                f.write(os.urandom(size))
            minisign("-S", *form, "-s", path("a.sec"), "-m", path("f"), "-x", path("f.sig"), "-t", "made for a test")
            agree(path("f"), path("f.sig"), path("a.pub"), True, "what was signed")
            shutil.copy(path("f"), path("g"))
            with open(path("g"), "ab") as f:
                f.write(b"x")
            agree(path("g"), path("f.sig"), path("a.pub"), False, "a longer file")
            agree(path("f"), path("f.sig"), path("b.pub"), False, "another key")
            if size:
                shutil.copy(path("f"), path("g"))
                change(path("g"), size // 2)
                agree(path("g"), path("f.sig"), path("a.pub"), False, "a changed byte")
            text = open(path("f.sig")).read()
            with open(path("h.sig"), "w") as f:
                f.write(text.replace("made for a test", "made for a joke"))
            agree(path("f"), path("h.sig"), path("a.pub"), False, "a changed trusted comment")
    shown = flow.run("verify", path("f"), "-S", path("f.sig"), "-K", path("a.pub"))
    flow.check("trusted comment: made for a test" in shown, "the trusted comment is shown")
    flow.run("verify", path("f"), "-S", path("f"), "-K", path("a.pub"), code=8)
    flow.run("verify", path("f"), "-S", path("a.pub"), "-K", path("a.pub"), code=7)
    flow.run("verify", path("f"), "-S", path("f.sig"), code=2)
    flow.run("verify", path("f"), "-S", path("f.sig"), "-K", path("f.sig"), code=2)


def lists(folder):
    path = lambda name: os.path.join(folder, name)
    for name, size in (("one", 10), ("two", 3_000_000)):
        with open(path(name), "wb") as f:
            f.write(os.urandom(size))
    sums = subprocess.run(["sha256sum", "one", "two"], cwd=folder, capture_output=True, text=True).stdout
    with open(path("SHA256SUMS"), "w") as f:
        f.write(sums)
    flow.check(flow.run("verify", folder, "--manifest", path("SHA256SUMS")) == "one: ok\ntwo: ok\n", "a list of sha256sum")
    flow.run("verify", path("two"), "--sha256", sums.split()[2])
    flow.run("verify", path("two"), "--sha256", sums.split()[0], code=6)
    flow.run("verify", path("two"), "--sha256", "12", code=2)
    change(path("two"), 2_999_999)
    said = flow.run("verify", folder, "--manifest", path("SHA256SUMS"), code=6)
    flow.check("two is not the file" in said, "which one differs")
    flow.run("verify", path("one"), "--manifest", path("SHA256SUMS"))
    os.remove(path("two"))
    flow.run("verify", folder, "--manifest", path("SHA256SUMS"), code=3)
    with open(path("SHA256SUMS"), "w") as f:
        f.write(sums.replace("one", "../one"))
    flow.run("verify", folder, "--manifest", path("SHA256SUMS"), code=7)
    for bad in ("", "x\n", "{}", '{"ggx_manifest": 1}', '{"ggx_manifest": 1, "inputs": [{"name": "a"}], "outputs": []}'):
        with open(path("bad"), "w") as f:
            f.write(bad)
        flow.run("verify", folder, "--manifest", path("bad"), code=7)


def manifests(folder):
    path = lambda name: os.path.join(folder, name)
    model, *recipe = flow.make(folder)
    words = [model, *recipe, "-o", path("out.gguf")]
    flow.run(*words, "--manifest", path("m.json"))
    m = json.load(open(path("m.json")))
    flow.check([f["name"] for f in m["inputs"]] == ["model.safetensors"], "the inputs are those that were read")
    flow.check(m["inputs"][0]["sha256"] == flow.digest(model), "the input's digest")
    flow.check(m["outputs"] == [{"name": "out.gguf", "bytes": os.path.getsize(path("out.gguf")),
                                 "sha256": flow.digest(path("out.gguf"))}], "the output's digest")
    flow.check(sum(m["types"].values()) == m["tensors"] and m["types"]["q4_0"] > 0, "the types add up")
    flow.check(flow.run("verify", folder, "--manifest", path("m.json")).count(": ok") == 2, "a directory with both")
    before = flow.digest(path("m.json"))
    flow.run(*words, "--manifest", path("m.json"))
    flow.check(flow.digest(path("m.json")) == before, "the same conversion, the same manifest")
    change(path("out.gguf"), 5000)
    flow.run("verify", path("out.gguf"), "--manifest", path("m.json"), code=6)
    os.remove(path("out.gguf"))
    change(model, os.path.getsize(model) - 1)
    said = flow.run(*words, "--manifest", path("m.json"), code=6)
    flow.check("is not the file of the manifest" in said, "a changed input")
    flow.check(flow.digest(path("m.json")) == before and not os.path.exists(path("out.gguf")), "something was written")
    os.rename(model, path("other.safetensors"))
    flow.run(path("other.safetensors"), *words[1:], "--manifest", path("m.json"), code=6)
    flow.run(path("other.safetensors"), *words[1:], "--manifest", path("n.json"), "--part", "0/2", code=2)
    flow.run(path("other.safetensors"), *words[1:], "--manifest", path("out.gguf"), code=2)
    flow.run(path("other.safetensors"), *words[1:], "--manifest", path("recipe.json"), code=7)
    flow.check(json.load(open(path("recipe.json"))) == flow.RECIPE, "a file that is no manifest was replaced")
    flow.check(not [n for n in os.listdir(folder) if n.startswith(".")], "something was left behind")


if not shutil.which("minisign"):
    oracle.skip("minisign; tests/setup.sh all installs it")
with tempfile.TemporaryDirectory() as top:
    for test in (signatures, lists, manifests):
        inner = os.path.join(top, test.__name__)
        os.mkdir(inner)
        test(inner)
print("ok")
