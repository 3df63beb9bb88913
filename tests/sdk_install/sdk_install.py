"""ggx installed to a prefix, the prefix moved, the template built against it out of tree, a conversion with it; then one plugin is
deleted and the rest works. sdk_install.py CMAKE LIBDIR COMPILER"""
import glob
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

BUILD, SOURCE = os.environ["GGX_BUILD"], os.environ["GGX_SOURCE"]
CMAKE, LIBDIR, COMPILER = sys.argv[1:]
GONE = "reader-safetensors"


def run(*command, code=0, **keys):
    """Runs a program that must end with `code`, and gives what it printed: (stdout, stderr)."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600, **keys)
    if done.returncode != code:
        sys.exit("%s: exit code %d, expected %d\n%s%s" % (" ".join(command), done.returncode, code, done.stdout, done.stderr))
    return done.stdout, done.stderr


def require(condition, text):
    if not condition:
        sys.exit(text)


def install(folder):
    """With the umask of systems that give each user a group of their own; what ggx trusts must come out trusted all the same."""
    first, moved = os.path.join(folder, "first"), os.path.join(folder, "moved")
    run(CMAKE, "--install", BUILD, "--prefix", first, umask=0o002)
    os.rename(first, moved)
    for path in glob.glob(os.path.join(moved, LIBDIR, "cmake", "ggx", "*")):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        internal = ["ggx_flags"] if "Targets" in path else []
        for word in [BUILD, SOURCE, first] + internal:
            require(word not in text, "%s speaks of %s" % (os.path.basename(path), word))
    return moved


def read_gguf(path):
    """Names, reversed shapes and types of the tensors, and the payload: just what this test needs of a GGUF file."""
    with open(path, "rb") as file:
        data = file.read()
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def text():
        nonlocal at
        size = take("Q")
        at += size
        return data[at - size:at].decode()

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            element, count = take("IQ")
            return [value(element) for _ in range(count)]
        return take("BbHhIifB__QqD"[kind] if kind != 12 else "d")

    magic, _, tensors, kvs = take("4sIQQ")
    require(magic == b"GGUF", "the output is no GGUF file")
    alignment = 32
    for _ in range(kvs):
        key = text()
        kind = take("I")
        found = value(kind)
        alignment = found if key == "general.alignment" else alignment
    found = {}
    for _ in range(tensors):
        name = text()
        shape = [take("Q") for _ in range(take("I"))]
        found[name] = (shape, *take("IQ"))
    at += -at % alignment
    return {name: (shape, kind, data[at + offset:]) for name, (shape, kind, offset) in found.items()}


def check_converted(path):
    """The values that make_toy.c writes: i / 8 - 1."""
    tensors = read_gguf(path)
    require(set(tensors) == {"layer.weight", "layer.bias", "step"}, "the output has the tensors %s" % sorted(tensors))
    for name, shape in [("layer.weight", [32, 4]), ("layer.bias", [4])]:
        elems = shape[0] * (shape[1] if len(shape) > 1 else 1)
        found_shape, kind, data = tensors[name]
        require(found_shape == shape and kind == 0, "%s: shape %s, type %d" % (name, found_shape, kind))
        found = list(struct.unpack_from("<%df" % elems, data))
        require(found == [i / 8 - 1 for i in range(elems)], "%s: other values than were written" % name)


def build_template(prefix, folder):
    work = os.path.join(folder, "toy")
    shutil.copytree(os.path.join(prefix, "share", "ggx", "sdk", "template"), work)
    build = os.path.join(work, "build")
    run(CMAKE, "-G", "Ninja", "-S", work, "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix, "-DCMAKE_INSTALL_PREFIX=" + os.path.join(folder, "home"),
        "-DCMAKE_C_FLAGS=-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror", "-DGGX_PLUGIN_INSTALL_DIR=lib/ggx",
        "-DCMAKE_C_COMPILER=" + COMPILER, "-DGGX_SANITIZE=" + os.environ.get("GGX_SANITIZE", ""))
    run(CMAKE, "--build", build, umask=0o002)
    out, _ = run("nm", "-D", "--defined-only", os.path.join(build, "ggx-reader-toy.so"))
    require([line.split()[-1] for line in out.splitlines()] == ["ggx_plugin_1"], "symbols of the template: " + out)
    run("ctest", "--output-on-failure", cwd=build)  # the template's own test: contract and conversion
    check_converted(os.path.join(build, "sample.gguf"))
    run(CMAKE, "--install", build, umask=0o002)
    return build


def listing(ggx, *words):
    done = subprocess.run([ggx, "plugins", "--check", "--json", *words], capture_output=True, text=True, timeout=60)
    return {p["id"]: p for p in json.loads(done.stdout)["plugins"]}, done.returncode


def check_missing(ggx, prefix, build, folder):
    """One .so less: it is reported, needed for nothing else, and its absence named when it is asked for."""
    plugins, code = listing(ggx)
    require(code == 0 and all(p["state"] in ("usable", "ineligible") for p in plugins.values()), "not all usable: %s" % plugins)
    lib = os.path.join(prefix, LIBDIR, "ggx", "ggx-" + GONE)
    sample, output = os.path.join(build, "sample.toy"), os.path.join(folder, "again.gguf")
    convert = [ggx, "--plugin-path", build, sample, "-o", output, "--recipe", "none"]
    os.remove(lib + ".so")
    plugins, code = listing(ggx)
    expected = "file: found none, expected the plugin that ggx-%s.json describes" % GONE
    require(plugins[GONE]["state"] == "refused" and expected in plugins[GONE]["why"], "the deleted plugin: %s" % plugins[GONE])
    require(code == 10, "exit code %d with a plugin missing" % code)
    require(all(p["state"] in ("usable", "ineligible") for id, p in plugins.items() if id != GONE), "others suffer: %s" % plugins)
    run(*convert)
    check_converted(output)
    _, text = run(*convert[:3], "--reader", "safetensors", sample, "-o", output + "2", code=10)
    require(expected in text, "the refusal does not say why: " + text)
    os.remove(lib + ".json")
    _, text = run(*convert[:3], "--reader", "safetensors", sample, "-o", output + "2", code=3)
    require("safetensors" in text and "toy" in text, "the refusal does not say what there is: " + text)
    require(not os.path.exists(output + "2"), "a refused conversion left an output")


def check_places(ggx, folder, build):
    """The user directory counts only when asked for; the current directory never."""
    home = dict(os.environ, HOME=os.path.join(folder, "home", "nobody"))
    os.makedirs(os.path.join(home["HOME"], ".local"))
    shutil.move(os.path.join(folder, "home", "lib"), os.path.join(home["HOME"], ".local", "lib"))
    for words, there in [([], False), (["--user-plugins"], True)]:
        out, _ = run(ggx, "plugins", "--json", *words, env=home, cwd=build)
        require(("reader-toy" in out) == there, "the user directory with %s: reader-toy %s" % (words, "missing" if there else "found"))
    found = json.loads(run(ggx, "plugins", "--json", env=dict(os.environ, GGX_PLUGIN_PATH=build))[0])["plugins"]
    require([p["origin"] for p in found if p["id"] == "reader-toy"] == ["environment"], "GGX_PLUGIN_PATH is not obeyed")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        prefix = install(folder)
        ggx = os.path.join(prefix, "bin", "ggx")
        build = build_template(prefix, folder)
        check_places(ggx, folder, build)
        check_missing(ggx, prefix, build, folder)
    print("installed, moved, built against, converted with; one plugin deleted, the others work")


main()
