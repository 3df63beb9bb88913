"""Puts the plugins of bad_reader.c and bad_others.c, with manifests that fit or lie, into folders of their own."""
import json
import os
import shutil

READER = {"id": "reader-bad", "version": "1.0.0", "license": "MIT",
          "provides": [{"interface": "ggx.reader/1", "name": "bad", "extensions": ["bad"], "head_want": 512, "tail_want": 0}]}
WRITER = {"id": "writer-bad", "version": "1.0.0", "license": "MIT",
          "provides": [{"interface": "ggx.writer/1", "name": "bad", "extensions": ["bad"]},
                       {"interface": "ggx.quant.draft/1", "type": "b8", "block_elems": 8, "block_bytes": 32}]}
FROB = {"interface": "ggx.frob/9"}

# What the binary of a fault really provides, where it is not one reader: the manifest says so too, unless the test makes it lie.
PROVIDES = {"UNKNOWN_BESIDE": READER["provides"] + [FROB], "UNKNOWN_ALONE": [FROB]}


def manifest_of(fault, base):
    manifest = json.loads(json.dumps(base))
    if base is READER:
        manifest["provides"] = PROVIDES.get(fault, manifest["provides"])
    return manifest


def place(folder, built, fault, base=READER, manifest=None):
    """Copies a built plugin and writes its manifest (a dict; text; or False for none). Returns the path of the .so."""
    os.makedirs(folder)
    os.chmod(folder, 0o755)
    path = os.path.join(folder, "ggx-%s.so" % base["id"])
    shutil.copyfile(os.path.join(built, fault, "ggx-%s.so" % base["id"]), path)
    os.chmod(path, 0o755)
    if manifest is not False:
        text = manifest if isinstance(manifest, str) else json.dumps(manifest or manifest_of(fault, base))
        with open(path[:-3] + ".json", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path[:-3] + ".json", 0o644)
    return path


def sample(path):
    """A sound checkpoint of the bad readers: 24 tensors of four floats."""
    with open(path, "wb") as file:
        file.write(b"BAD1" + bytes([24]) + bytes(range(128)) * 3)
    return path
