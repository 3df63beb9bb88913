"""ggx-plugin-check passes sound plugins and names the broken promise of each unsound one: plugin_check.py PROGRAM FOLDER."""
import json
import os
import subprocess
import sys
import tempfile

import bad_plugins
from bad_plugins import READER, WRITER

# Fault → a part of the line that must be among those that say FAIL.
READER_FAULTS = {
    "ID_LIES": "id: found reader-other, expected reader-bad",
    "NO_SYMBOL": "symbol: found none, expected ggx_plugin_1",
    "TWO_SYMBOLS": "expected ggx_plugin_1 alone",
    "SMALL_ENVELOPE": "struct_size: found 16, expected at least 40",
    "SMALL_TABLE": "struct_size: found 40, expected at least 80",
    "NULL_TABLE": "provides[0]",
    "NULL_PROBE": "probe: found NULL, expected a function",
    "PROBE_COUNTS": "the same window scored",
    "PROBE_GREEDY": "random bytes score at most 25",
    "PROBE_OVERREADS": "probe: random bytes",
    "PROBE_WRITES": "probe: random bytes",
    "SCORE_BEYOND": "score 120 is outside 0..100",
    "ODD_STATUS": "open returned 5",
    "NO_TEXT": "the error says -7 and \"\"",
    "EXTENT_OUT": "the sample opens, every extent inside its file",
    "PUSHES_ON": "index hands on the sink's refusal, and ends",
    "ALLOC_UNCHECKED": "failed allocations end in -12",
    "ALLOC_OVERRUN": "bytes behind an allocation of host->alloc were overwritten",
    "CANCEL_IGNORED": "a canceled run ends in -11",
    "READ_FAILURE_RENAMED": "failed reads end in -13",
    "CRASHES_WHEN_CUT": "the sample cut short does no harm",
    "HANGS_WHEN_CUT": "the sample cut short does no harm",
    "FORGETS": "two instances pushed different things",
    "CLOSE_CRASHES": "close follows a failed open",
}
OTHER_FAULTS = {
    "RANGES_MEET": "two ranges meet in output 0",
    "RENDER_CHANGES": "the second render emitted other bytes",
    "NAMES_TWICE": "two tensors of one name were laid out",
    "TOTAL_TOO_SMALL": "beyond total_size",
    "OUT_OVERRUN": "quantize wrote outside its output",
    "SCRATCH_READ": "the bytes depend on what lay in output or scratch before",
    "SCRATCH_KEPT": "the bytes depend on what the last call left in scratch",
    "ROWS_KNOWN": "rows do not know each other",
    "WEIGHTS_LIE": "the importance matrix changes the bytes",
    "DEAF": "render hands on a refused emit",
}


def changed(base, path, value):
    manifest = json.loads(json.dumps(base))
    place = manifest
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return manifest


# Manifests that lie about a sound reader, and what must be said.
LIES = {
    "version": (changed(READER, ["version"], "2.0.0"), "version: found 1.0.0 in the binary, expected 2.0.0"),
    "license": (changed(READER, ["license"], "GPL-3.0-only"), "license: found MIT"),
    "id": (changed(READER, ["id"], "reader-other"), "id: found reader-bad in the binary, expected reader-other"),
    "interface": (changed(READER, ["provides", 0, "interface"], "ggx.writer/1"), "provides[0].interface: found ggx.reader/1"),
    "count": (changed(READER, ["provides"], READER["provides"] * 2), "provides: found 1 interfaces, expected 2"),
    "head_want": (changed(READER, ["provides", 0, "head_want"], 100), "head_want: found 512 in the binary, expected 100"),
    "extension": (changed(READER, ["provides", 0, "extensions"], [".bad"]), "extensions: found .bad"),
    "cut": ("{ \"id\": \"reader-bad\", ", "manifest"),
    "none": (False, "manifest: found none"),
}


def run(program, plugin, sample):
    command = [program, plugin, "--budget", "1", "--timeout", "4", "-O", "bad.unknown=1"] + (["--sample", sample] if sample else [])
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300)


def judge(name, done, expected):
    """None when the program answered as it must, else what is wrong."""
    failing = [line for line in done.stdout.splitlines() if line.startswith("FAIL: ")]
    if expected is None:
        return None if done.returncode == 0 and not failing else "%s: exit code %d, %s" % (name, done.returncode, failing)
    if done.returncode == 1 and any(expected in line for line in failing):
        return None
    return "%s: exit code %d, no FAIL line with \"%s\":\n  %s" % (name, done.returncode, expected, "\n  ".join(failing or [done.stdout]))


def cases(folder, built, sample):
    for fault in ["NOTHING", "LARGE_ENVELOPE", "LARGE_TABLE", "UNKNOWN_BESIDE"]:
        yield fault, bad_plugins.place(os.path.join(folder, "sound-" + fault), built, fault), sample, None
    for fault, expected in READER_FAULTS.items():
        yield fault, bad_plugins.place(os.path.join(folder, fault), built, fault), sample, expected
    yield "writer NOTHING", bad_plugins.place(os.path.join(folder, "others"), built, "NOTHING", WRITER), None, None
    for fault, expected in OTHER_FAULTS.items():
        yield fault, bad_plugins.place(os.path.join(folder, fault), built, fault, WRITER), None, expected
    for lie, (manifest, expected) in LIES.items():
        path = bad_plugins.place(os.path.join(folder, "lie-" + lie), built, "NOTHING", READER, manifest)
        yield "manifest " + lie, path, None, expected
    writable = bad_plugins.place(os.path.join(folder, "writable"), built, "NOTHING")
    os.chmod(writable, 0o777)
    yield "writable", writable, None, "mode: found 0777"
    for size, name in [(0, "empty"), (40, "cut"), (3000, "half")]:
        path = bad_plugins.place(os.path.join(folder, "elf-" + name), built, "NOTHING")
        os.truncate(path, size)
        yield "elf " + name, path, None, "one exported symbol"


def main():
    program, built = sys.argv[1:]
    faults, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        sample = bad_plugins.sample(os.path.join(folder, "sample.bad"))
        for name, plugin, with_sample, expected in cases(folder, built, sample):
            count += 1
            faults.append(judge(name, run(program, plugin, with_sample), expected))
        done = run(program, os.path.join(folder, "missing.so"), None)
        if done.returncode != 2:
            faults.append("a missing file: exit code %d, expected 2" % done.returncode)
    faults = [f for f in faults if f]
    print("\n".join(faults))
    print("%d plugins, %d faults" % (count, len(faults)))
    sys.exit(1 if faults else 0)


main()
