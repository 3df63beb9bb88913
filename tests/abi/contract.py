"""Every plugin that was built keeps its contract: contract.py PLUGIN_CHECK FOLDER runs ggx-plugin-check on each, readers with samples."""
import glob
import json
import os
import struct
import subprocess
import sys
import tempfile

SOURCE = os.environ["GGX_SOURCE"]


def gguf_string(text):
    return struct.pack("<Q", len(text)) + text.encode()


def make_gguf(folder):
    """Two tensors, a scalar, a string and an array of strings."""
    out = b"GGUF" + struct.pack("<IQQ", 3, 2, 3)
    out += gguf_string("general.architecture") + struct.pack("<I", 8) + gguf_string("toy")
    out += gguf_string("toy.block_count") + struct.pack("<II", 4, 7)
    out += gguf_string("toy.words") + struct.pack("<IIQ", 9, 8, 2) + gguf_string("one") + gguf_string("two")
    out += gguf_string("a.weight") + struct.pack("<IQQIQ", 2, 8, 4, 0, 0)
    out += gguf_string("b.weight") + struct.pack("<IQIQ", 1, 32, 8, 128)
    out += bytes(-len(out) % 32) + bytes(range(128)) + bytes(34)
    return write(folder, "sample.gguf", out + bytes(-34 % 32))


def make_safetensors(folder):
    header = json.dumps({"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
                         "b.weight": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]}}).encode()
    header += b" " * (-len(header) % 8)
    return write(folder, "sample.safetensors", struct.pack("<Q", len(header)) + header + bytes(range(32)))


def write(folder, name, data):
    os.makedirs(os.path.join(folder, name + ".d"))  # of its own, so that samples are no neighbours
    path = os.path.join(folder, name + ".d", name)
    with open(path, "wb") as file:
        file.write(data)
    return path


SAMPLES = {
    "reader-gguf": make_gguf,
    "reader-safetensors": make_safetensors,
    "reader-darknet": lambda _: os.path.join(SOURCE, "tests", "sample", "tiny-digits.weights"),
}


def types_of(plugin):
    with open(plugin.removesuffix(".so") + ".json", encoding="utf-8") as file:
        return {offer.get("type") for offer in json.load(file)["provides"]}


def main():
    program, folder = sys.argv[1:]
    plugins = sorted(glob.glob(os.path.join(folder, "*.so")))
    quants = [p for p in plugins if "/ggx-quant-" in p]
    faults = 0
    with tempfile.TemporaryDirectory() as place:
        for plugin in plugins:
            id = os.path.basename(plugin)[4:-3]
            command = [program, plugin, "--budget", "2"]
            if id in SAMPLES:
                command += ["--sample", SAMPLES[id](place)]
            # A kernel's definition is in one of the quants.
            runs = [command]
            if id.startswith("kernels-"):
                runs = [command + ["--against", quant] for quant in quants if types_of(plugin) & types_of(quant)]
            for run in runs:
                done = subprocess.run(run, capture_output=True, text=True, errors="replace", timeout=900)
                lines = [line for line in done.stdout.splitlines() if not line.startswith("ok: ")]
                print("%s: %s" % (id, "; ".join(lines)))
                if done.returncode:
                    faults += 1
                    print("%s: exit code %d %s" % (id, done.returncode, done.stderr))
    if not plugins:
        print("no plugin was built")
        sys.exit(1 if os.environ.get("CI") else 77)
    sys.exit(1 if faults else 0)


main()
