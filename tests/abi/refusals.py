"""Every fault of docs/abi.md, section 6: the plugin at fault is listed with the reason, never used, and the others work.

refusals.py FOLDER PROGRAM: the folder of built faults, and a program that prints the listing for directories: the host alone
(tests/abi/registry.c), or, when it is named ggx, the command line.
"""
import json
import os
import platform
import re
import struct
import subprocess
import sys
import tempfile

import bad_plugins
from bad_plugins import READER

FAULTS = []


def fault(text):
    FAULTS.append(text)
    print(text)


def changed(**keys):
    return {k: v for k, v in {**READER, **keys}.items() if v is not None}


def mapped_size(elf):
    """Bytes of a 64-bit little-endian ELF file up to the end of its last loaded segment."""
    table, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    headers = (struct.unpack_from("<IIQQQQ", elf, table + i * size) for i in range(count))
    return max(offset + length for kind, _, offset, _, _, length in headers if kind == 1)


def offer(**keys):
    return changed(provides=[{k: v for k, v in {**READER["provides"][0], **keys}.items() if v is not None}])


# Fault of the binary → the reason after "refused: FILE: "; {} stands for the id's file name without ending.
LOADED = {
    "ID_LIES": "id: found reader-other, expected reader-bad",
    "NO_SYMBOL": "symbol: found none, expected ggx_plugin_1",
    "SMALL_ENVELOPE": "struct_size: found 16, expected at least 40",
    "SMALL_TABLE": "provides[0].struct_size: found 40, expected at least 80",
    "NULL_TABLE": "provides[0].vtable: found NULL, expected a ggx.reader/1 table",
    "NULL_PROBE": "provides[0].probe: found NULL, expected a function",
}
# Manifests that lie about a sound binary.
LIES = {
    "version": (changed(version="2.0.0"), "version: found 1.0.0, expected 2.0.0"),
    "license": (changed(license="GPL-3.0-only"), "license: found MIT, expected GPL-3.0-only"),
    "count": (changed(provides=READER["provides"] + [{**READER["provides"][0], "name": "bad2"}]),
              "provides: found 1 interfaces, expected 2"),
    "interface": (changed(provides=[{"interface": "ggx.writer/1", "name": "bad", "extensions": []}]),
                  "provides[0].interface: found ggx.reader/1, expected ggx.writer/1"),
    "head_want": (offer(head_want=100), "provides[0].head_want: found 512, expected 100"),
    "tail_want": (offer(tail_want=7), "provides[0].tail_want: found 0, expected 7"),
}
# Manifests that are refused before anything is mapped: (contents, FIELD). What was found and expected is the manifest's.
MANIFESTS = {
    "id": (changed(id="reader-other"), "id: found reader-other, expected reader-bad"),
    "no-id": (changed(id=None), "id: found none, expected "),
    "no-version": (changed(version=None), "version: found none, expected "),
    "no-license": (changed(license=None), "license: found none, expected "),
    "no-provides": (changed(provides=None), "provides: found none, expected "),
    "empty-provides": (changed(provides=[]), "provides: "),
    "number": (changed(version=1), "version: found "),
    "no-name": (offer(name=None), "provides[0].name: found none, expected "),
    "name": (offer(name="Bad/../x"), "provides[0].name: found Bad/../x, expected "),
    "no-window": (offer(head_want=None), "provides[0].head_want: found none, expected "),
    "window": (offer(head_want=65537), "provides[0].head_want: found 65537, expected "),
    "negative": (offer(tail_want=-1), "provides[0].tail_want: found -1, expected "),
    "extensions": (offer(extensions="bad"), "provides[0].extensions: found "),
    "unknown-alone": (changed(provides=[{"interface": "ggx.frob/9"}]), "provides: found ggx.frob/9, expected one of ggx.reader/1"),
    "cut": ('{ "id": "reader-bad", ', "json: found "),
    "empty": (" ", "json: found "),
    "twice": ('{ "id": "reader-bad", "id": "reader-bad" }', "json: found "),
    "long": (" " * 70000, "size: found 70000 bytes, expected at most 65536"),
}


class Listing:
    def __init__(self, program, *directories):
        path = ":".join(directories)
        if os.path.basename(program) == "ggx":
            command = [program, "plugins", "--check", "--json", "--plugin-path", path]
        else:
            command = [program, path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.code = done.returncode
        try:
            self.json = json.loads(done.stdout)
        except json.JSONDecodeError:
            fault("%s: no JSON: %s%s" % (" ".join(command), done.stdout, done.stderr))
            self.json = {"plugins": [], "directories": []}

    def plugins(self, id="reader-bad", origin="option"):
        return [p for p in self.json["plugins"] if p["id"] == id and p["origin"] == origin]


def expect_refused(name, listing, file, reason, id="reader-bad"):
    found = listing.plugins(id)
    if len(found) != 1 or found[0]["state"] != "refused":
        return fault("%s: expected one refused plugin, found %s" % (name, found))
    expected = "refused: %s: %s" % (file, reason)
    if not found[0]["why"].replace("//", "/").startswith(expected):
        fault("%s: found    %s\n%s  expected %s" % (name, found[0]["why"], " " * len(name), expected))
    if not re.fullmatch(r"refused: [^\n]+: \S+: found .*, expected .+", found[0]["why"]):
        fault("%s: not of the form: %s" % (name, found[0]["why"]))
    if listing.code != 10:
        fault("%s: exit code %d, expected 10" % (name, listing.code))


def expect_usable(name, listing, states=("usable",), id="reader-bad"):
    found = listing.plugins(id)
    if len(found) != 1 or found[0]["state"] != "usable" or found[0]["why"]:
        return fault("%s: expected one usable plugin, found %s" % (name, found))
    if tuple(o["state"] for o in found[0]["provides"]) != tuple(states):
        fault("%s: entries %s, expected %s" % (name, found[0]["provides"], states))


def check_binaries(program, built, folder):
    for name, reason in LOADED.items():
        place = os.path.join(folder, name)
        plugin = bad_plugins.place(place, built, name)
        expect_refused(name, Listing(program, place), plugin, reason)
    for name, states in [("NOTHING", ["usable"]), ("LARGE_ENVELOPE", ["usable"]), ("LARGE_TABLE", ["usable"]),
                         ("UNKNOWN_BESIDE", ["usable", "unknown"])]:
        place = os.path.join(folder, name)
        bad_plugins.place(place, built, name)
        expect_usable(name, Listing(program, place), states)


def check_manifests(program, built, folder):
    for name, (manifest, reason) in LIES.items():
        place = os.path.join(folder, "lie-" + name)
        plugin = bad_plugins.place(place, built, "NOTHING", READER, manifest)
        expect_refused("lie " + name, Listing(program, place), plugin, reason)
    for name, (manifest, reason) in MANIFESTS.items():
        place = os.path.join(folder, "manifest-" + name)
        plugin = bad_plugins.place(place, built, "NOTHING", READER, manifest)
        expect_refused("manifest " + name, Listing(program, place), plugin[:-3] + ".json", reason)


def check_files(program, built, folder):
    def fresh(name, manifest=None):
        place = os.path.join(folder, "file-" + name)
        return place, bad_plugins.place(place, built, "NOTHING", READER, manifest)

    place, plugin = fresh("no-manifest", False)
    expect_refused("no manifest", Listing(program, place), plugin, "manifest: found none, expected ggx-reader-bad.json beside it")
    place, plugin = fresh("no-so")
    os.remove(plugin)
    expect_refused("no .so", Listing(program, place), plugin, "file: found none, expected the plugin that ggx-reader-bad.json describes")
    for name, change in {"garbage": b"not a plugin" * 1000, "empty": b"", "half": None, "machine": b"machine"}.items():
        place, plugin = fresh("elf-" + name)
        with open(plugin, "rb") as file:
            whole = file.read()
        if change == b"machine":  # e_machine: ELF header, offset 18
            change = whole[:18] + (b"\x28\x00" if platform.machine() != "armv7l" else b"\x3e\x00") + whole[20:]
        with open(plugin, "wb") as file:
            # Half of what is mapped: behind that a binary may have more debugging symbols than all of its code.
            file.write(whole[:mapped_size(whole) // 2] if change is None else change)
        expect_refused("elf " + name, Listing(program, place), plugin, 'load: found "')
    for name, mode in [("world", 0o757), ("group", 0o775)]:
        for ending in [".so", ".json"]:
            place, plugin = fresh(name + ending)
            os.chmod(plugin[:-3] + ending, mode)
            expect_refused(name + ending, Listing(program, place), plugin[:-3] + ending,
                           "mode: found %04o, expected no write permission for group and others (chmod go-w)" % mode)
    place, plugin = fresh("directory")
    os.remove(plugin)
    os.mkdir(plugin)
    expect_refused("a directory", Listing(program, place), plugin, "kind: found a directory, expected a regular file")
    if os.geteuid() == 0:
        for ending in [".so", ".json"]:
            place, plugin = fresh("owner" + ending)
            os.chown(plugin[:-3] + ending, 12345, 12345)
            expect_refused("owner" + ending, Listing(program, place), plugin[:-3] + ending, "owner: found uid 12345, expected 0")


def check_directories(program, built, folder):
    place = os.path.join(folder, "directory-writable")
    bad_plugins.place(place, built, "NOTHING")
    os.chmod(place, 0o777)
    listing = Listing(program, place)
    if listing.plugins():
        fault("a plugin of a writable directory is listed")
    found = [d for d in listing.json["directories"] if d["path"].rstrip("/") == place]
    if len(found) != 1 or found[0]["state"] != "refused" or "mode: found 0777, expected no write permission" not in found[0]["why"]:
        fault("a writable directory: %s" % found)
    missing = os.path.join(folder, "nowhere")
    states = [d["state"] for d in Listing(program, missing).json["directories"] if d["path"].rstrip("/") == missing]
    if states != ["missing"]:
        fault("a directory that is not there: %s" % states)


def check_neighbours(program, built, folder):
    """One refused, one shadowed and one sound plugin: the sound one works."""
    first, second = os.path.join(folder, "first"), os.path.join(folder, "second")
    bad_plugins.place(first, built, "NULL_PROBE")
    bad_plugins.place(os.path.join(folder, "tmp"), built, "NOTHING", bad_plugins.WRITER)
    for ending in [".so", ".json"]:
        os.rename(os.path.join(folder, "tmp", "ggx-writer-bad" + ending), os.path.join(first, "ggx-writer-bad" + ending))
    bad_plugins.place(second, built, "NOTHING")
    listing = Listing(program, first, second)
    expect_usable("beside a refused one", listing, ["usable", "usable"], "writer-bad")
    states = [p["state"] for p in listing.plugins()]
    if states != ["refused", "shadowed"]:
        fault("a refused plugin and a sound one of the same id later: %s, expected refused, shadowed" % states)
    states = [p["state"] for p in Listing(program, second, first).plugins()]
    if states != ["usable", "shadowed"]:
        fault("a sound plugin and a refused one of the same id later: %s, expected usable, shadowed" % states)


def check_needed(program, folder):
    """Asked for by name, a refused plugin ends the run with 10 and its reason; a name that nobody has, with 3."""
    if os.path.basename(program) == "ggx":
        return
    for place, name, code, text in [("first", "bad", 10, "provides[0].probe: found NULL"), ("second", "bad", 0, ""), ("second", "worse", 3, "worse")]:
        done = subprocess.run([program, "--get", "ggx.reader/1", name, os.path.join(folder, place)], capture_output=True, text=True)
        if done.returncode != code or text not in done.stderr:
            fault("reader %s of %s: exit code %d, %s" % (name, place, done.returncode, done.stderr))


def main():
    built, program = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        for check in [check_binaries, check_manifests, check_files, check_directories, check_neighbours]:
            check(program, built, folder)
        check_needed(program, folder)
    print("%d faults" % len(FAULTS))
    sys.exit(1 if FAULTS else 0)


main()
