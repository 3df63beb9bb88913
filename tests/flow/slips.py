"""Promises: what goes wrong before a conversion is said with the name of the file at fault, and before the work is done: a word that is
neither verb nor model, a manifest that could not be written, an importance matrix that is none, a plugin that is not used."""
import glob
import json
import os
import shutil
import struct
import subprocess
import tempfile

import flow

SYSTEM = os.path.join(os.environ["GGX_BUILD"], "lib", "ggx")


def words(folder):
    said = flow.run("frob", code=3)
    flow.check("frob is neither a verb nor a file" in said, said)
    flow.check("neither a verb nor" in flow.run("frob", "-o", "x.gguf", code=3), "with -o")
    flow.check("did you mean plan?" in flow.run("plam", code=3), "a slip in a verb")
    said = flow.run("./frob", "-o", "x.gguf", code=3)
    flow.check("./frob" in said and "verb" not in said, said)
    with open(os.path.join(folder, "frob"), "w") as f:
        f.write("x")
    said = flow.run("frob", code=2, cwd=folder)
    flow.check("-o FILE" in said, said)


def manifests(folder):
    model, out = os.path.join(folder, "m.safetensors"), os.path.join(folder, "out.gguf")
    flow.write_safetensors(model, [("a", [64, 64])])
    common = [model, "--recipe", "none", "-o", out, "--manifest"]
    said = flow.run(*common, os.path.join(folder, "none", "m.json"), code=3)
    flow.check("none/" in said and "manifest" in said, said)
    said = flow.run(*common, os.path.join(model, "m.json"), code=1)
    flow.check("manifest" in said and "m.safetensors" in said, said)
    os.mkdir(os.path.join(folder, "inner"))
    flow.check("is a folder" in flow.run(*common, os.path.join(folder, "inner"), code=2), "a folder's name")
    if os.geteuid():
        os.chmod(os.path.join(folder, "inner"), 0o500)
        flow.run(*common, os.path.join(folder, "inner", "m.json"), code=4)
    flow.check(not os.path.exists(out), "the output was made before the manifest failed")
    flow.check(sorted(os.listdir(folder)) == ["inner", "m.safetensors"], os.listdir(folder))


def matrices(folder):
    model, other = os.path.join(folder, "m.safetensors"), os.path.join(folder, "other.safetensors")
    flow.write_safetensors(model, [("a.w", [64, 256])])
    flow.write_safetensors(other, [("b.w", [64, 256])])
    flow.write_safetensors(os.path.join(folder, "keyless.safetensors"), [("a.w.in_sum2", [1, 256]), ("a.w.counts", [1, 1])])
    sound = os.path.join(folder, "sound.dat")
    for path, name, count in ((os.path.join(folder, "wrong.dat"), b"a.w", 7), (sound, b"z.w", 256)):
        with open(path, "wb") as f:
            f.write(struct.pack("<ii", 1, len(name)) + name + struct.pack("<ii", 1, count) + bytes(4 * count))
    with open(os.path.join(folder, "cut.gguf"), "wb") as f:
        f.write(b"GGUF\3\0\0\0" + b"\xff" * 30)
    with open(os.path.join(folder, "noise"), "wb") as f:
        f.write(os.urandom(4096))
    plan = ["plan", model, "--recipe", "none", "--writer", "gguf", "--type", "q4_0", "--imatrix"]
    for name, code in (("other.safetensors", 7), ("cut.gguf", 7), ("noise", 8), ("none", 3), ("wrong.dat", 7), ("keyless.safetensors", 7)):
        said = flow.run(*plan, os.path.join(folder, name), code=code)
        flow.check(name in said and "m.safetensors" not in said, said)
    said = flow.run(*plan[:-3], "--type", "iq2_xxs", "--imatrix", sound, code=2)
    flow.check("sound.dat" in said, said)


def plugins(folder):
    place = os.path.join(folder, "plugins")
    os.mkdir(place)
    for path in glob.glob(os.path.join(SYSTEM, "ggx-writer-gguf.*")):
        shutil.copy(path, place)
    model, out = os.path.join(folder, "m.safetensors"), os.path.join(folder, "out.gguf")
    flow.write_safetensors(model, [("a", [64, 64])])
    command = [flow.GGX, model, "--recipe", "none", "-o", out, "--plugin-path", place]

    def run(code=0):
        done = subprocess.run(command, capture_output=True, text=True)
        flow.check(done.returncode == code, done.stderr)
        return done.stderr

    manifest = os.path.join(place, "ggx-writer-gguf.json")
    text = json.load(open(manifest))
    flow.check("is used in place of" in run(), "a good plugin of one's own")
    for broken in ({**text, "id": "writer-other"}, {**text, "provides": []}):
        with open(manifest, "w") as f:
            json.dump(broken, f)
        said = run()
        flow.check(said.count("\n") == 1 and place in said and "refused" in said, said)
        flow.check("used in its place: " + os.path.join(SYSTEM, "ggx-writer-gguf.so") in said, said)
    for path in glob.glob(os.path.join(place, "*")):
        os.rename(path, path.replace("writer-gguf", "writer-new"))
    flow.check("nothing takes its place" in run(), "a plugin that none stands in for")


with tempfile.TemporaryDirectory() as top:
    for test in (words, manifests, matrices, plugins):
        inner = os.path.join(top, test.__name__)
        os.mkdir(inner)
        test(inner)
print("ok")
