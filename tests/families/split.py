"""Promise: a folder becomes the set of files that llama.cpp's converter makes of it, under the same names, with --split-max-size, with
--split-max-tensors, and with both; each file to the byte. And --compat takes the references that there are, and says which when it does not know one.

split.py NAME…"""
import os
import shutil
import subprocess
import sys

import sides

conversion = sides.converter()


def files(folder):
    return {name: open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder))}


def check(module, name, make, scratch):
    folder = sides.fresh(scratch, name, make)
    theirs, ours = os.path.join(scratch, "theirs"), os.path.join(scratch, "ours")
    for options, words in (({"split_max_tensors": 5}, ["--split-max-tensors", "5"]), ({"split_max_size": 50_000}, ["--split-max-size", "50K"]),
                           ({"split_max_size": 100}, ["--split-max-size", "100"]),
                           ({"split_max_tensors": 3, "split_max_size": 60_000}, ["--split-max-tensors", "3", "--split-max-size", "60000"]),
                           ({"split_max_tensors": 100_000}, ["--split-max-tensors", "100000"])):
        for kind in ("f32", "f16", "q8_0"):
            for path in (theirs, ours):
                shutil.rmtree(path, ignore_errors=True)
                os.mkdir(path)
            sides.reference(conversion, folder, os.path.join(theirs, "model.gguf"), kind, **options)
            done = sides.ggx(folder, os.path.join(ours, "model.gguf"), kind, *words)
            if done.returncode:
                return f"{words} {kind}: exit {done.returncode}: {done.stderr.strip()}"
            a, b = files(theirs), files(ours)
            if list(a) != list(b):
                return f"{words} {kind}: the files {list(a)} are {list(b)}"
            for file in a:
                if a[file] != b[file]:
                    return f"{words} {kind}: {file} differs:\n{sides.explain(os.path.join(theirs, file), os.path.join(ours, file))}"
            assert len(a) > 1 or "100000" in words
    return compat(folder, scratch)


def compat(folder, scratch):
    out, plain = os.path.join(scratch, "out.gguf"), os.path.join(scratch, "plain.gguf")
    assert sides.ggx(folder, plain, "f16").returncode == 0
    known = [n[:-5] for n in os.listdir(os.path.join(os.environ["GGX_SOURCE"], "plugins", "references"))]
    assert known
    for word in (*known, "llama.cpp"):
        done = sides.ggx(folder, out, "f16", "--compat", word)
        assert done.returncode == 0 and open(out, "rb").read() == open(plain, "rb").read(), done.stderr
    for word in ("llama.cpp@0.0.1", "stranger"):
        done = sides.ggx(folder, out, "f16", "--compat", word)
        assert done.returncode == 2 and all(n in done.stderr for n in known) and word in done.stderr, done.stderr
    return None


if len(sys.argv) == 1:
    sys.argv += ["llama", "gpt2"]
sides.each(check, first_only=True)
