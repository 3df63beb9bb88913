"""Reads a vocabulary, or any list of strings that an expression gives, through ggx: a recipe puts it into a GGUF's header."""
import json
import os
import struct
import subprocess

GGX = os.environ["GGX"]


def model(folder):
    """A checkpoint of one tensor in the folder, so that it can be opened."""
    header = json.dumps({"t": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + bytes(4))
    return folder


def header(folder, fields, scratch, *options):
    """{key: contents} of {key: {type: expression}}; a string when ggx refused."""
    import gguf
    recipe, out = os.path.join(scratch, "recipe.json"), os.path.join(scratch, "out.gguf")
    with open(recipe, "w", encoding="utf-8") as file:
        json.dump({"id": "t", "about": "a test", "tensors": [{"from": "{name...}", "to": "{name}"}],
                   "outputs": {"gguf": {"header": {k: {**v, "optional": True} for k, v in fields.items()}}}}, file)
    if os.path.exists(out):
        os.remove(out)
    done = subprocess.run([GGX, folder, "--recipe", recipe, "-o", out, "--quiet", *options], capture_output=True, text=True)
    if done.returncode:
        assert not os.path.exists(out) and done.returncode in (2, 7, 8), (done.returncode, done.stderr)
        return done.stderr
    found = gguf.GGUFReader(out).fields
    return {k: found[k].contents() for k in fields if k in found}
