"""Promise: GGX_PLUGINS="a;b" builds, installs and lists those plugins and nothing more; each plugin builds with no other beside it;
and a few are enough for a conversion. packaging.py CMAKE GENERATOR COMPILER LIBDIR

The core is compiled once, in one tree that is configured anew for each selection: its plugins are removed in between."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

CMAKE, GENERATOR, COMPILER, LIBDIR = sys.argv[1:]
SOURCE, BUILD = os.environ["GGX_SOURCE"], pathlib.Path(os.environ["GGX_BUILD"])
SAMPLE = pathlib.Path(SOURCE, "tests", "sample", "tiny-digits.weights")
FEW = ["quant-legacy", "reader-darknet", "writer-ggml"]


def run(*command, code=0):
    """Runs a program that must end with `code`, and gives what it printed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600)
    if done.returncode != code:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}, expected {code}\n{done.stdout}{done.stderr}")
    return done.stdout if code == 0 else done.stderr


def check(condition, what):
    if not condition:
        sys.exit("FAIL: " + what)


def plugins_in(folder):
    return sorted(path.stem.removeprefix("ggx-") for path in folder.glob("ggx-*.so"))


def build(folder, wanted):
    """Builds and installs with GGX_PLUGINS=wanted, and checks what is there. Gives the prefix."""
    tree, prefix = folder / "build", folder / "prefix"
    shutil.rmtree(tree / LIBDIR, ignore_errors=True)
    shutil.rmtree(prefix, ignore_errors=True)
    run(CMAKE, "-S", SOURCE, "-B", tree, "-G", GENERATOR, f"-DCMAKE_C_COMPILER={COMPILER}", "-DCMAKE_C_FLAGS=-Werror",
        "-DCMAKE_BUILD_TYPE=Quick", f"-DCMAKE_INSTALL_LIBDIR={LIBDIR}", "-DBUILD_TESTING=OFF", f"-DGGX_PLUGINS={';'.join(wanted)}")
    run(CMAKE, "--build", tree)
    run(CMAKE, "--install", tree, "--prefix", prefix)
    installed = prefix / LIBDIR / "ggx"
    check(plugins_in(installed) == wanted, f"GGX_PLUGINS={wanted} installed {plugins_in(installed)}")
    manifests = sorted(path.stem.removeprefix("ggx-") for path in installed.glob("ggx-*.json"))
    check(manifests == wanted, f"GGX_PLUGINS={wanted} installed the manifests of {manifests}")
    listed = json.loads(run(prefix / "bin" / "ggx", "plugins", "--json"))["plugins"]
    check(sorted(p["id"] for p in listed if p["state"] == "usable") == wanted, f"ggx plugins lists {listed}")
    return prefix


def main():
    every = plugins_in(BUILD / LIBDIR / "ggx")
    check(set(FEW) < set(every), f"the whole build has only {every}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for plugin in every:
            build(folder, [plugin])
        said = run(CMAKE, "-G", GENERATOR, "-S", SOURCE, "-B", folder / "build", "-DGGX_PLUGINS=reader-nothing", code=1)
        check("reader-nothing" in said and "reader-darknet" in said, f"an unknown plugin: {said}")
        prefix = build(folder, FEW)
        ggx, out = prefix / "bin" / "ggx", folder / "out.bin"
        run(ggx, "--writer", "ggml-q4", SAMPLE, "-o", out, "--quiet")
        check(out.stat().st_size > 0, "the conversion with a few plugins gave nothing")
        said = run(ggx, SAMPLE, "-o", folder / "out.gguf", code=2)
        check("gguf" in said, f"what is left out is not named: {said}")
        check(run(ggx, SAMPLE, "-o", out, "--type", "q4_k", code=3).find("q4_k") > 0, "a type that is left out is not named")
    print(f"ok: {len(every)} plugins alone, and {' '.join(FEW)} together")


if __name__ == "__main__":
    main()
