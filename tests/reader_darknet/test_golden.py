"""yolov3-tiny with each header: the tensors that the reader lists are, in order, those of ggml's yolov3-tiny script.

The script numbers convolutions only, wants vectors as (1, n, 1, 1) and stores weights as f16; that much is done here with numpy, and then
every tensor's sha256 must be the golden file's. For the 0.1.0 header, which the script misreads, its output on the same values behind the
header that it expects."""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import oracle

(np,) = oracle.modules("numpy")


def check(program, case, version, golden, cfg, folder):
    weights = os.path.join(folder, "yolov3-tiny.weights")
    made_by = os.path.join(case, "gen_yolov3.py")
    subprocess.run([sys.executable, made_by, "505", *version, weights], check=True)
    lines = subprocess.run([program, cfg, weights], check=True, capture_output=True, text=True).stdout.splitlines()
    listed = [line.split(" ") for line in lines if line.startswith("tensor ")]
    with open(os.path.join(case, "expect", golden), encoding="utf-8") as file:
        expected = json.load(file)["tensors"]
    assert len(listed) == len(expected) == 59, lines[:3]
    layers = {}
    for (_, name, offset, nbytes, shape, _), want in zip(listed, expected):
        layer, part = name.split("_", 1)
        number = layers.setdefault(layer, len(layers))
        assert "l%d_%s" % (number, part) == want["name"], (name, want["name"])
        axes = [int(n) for n in shape.split(",")]
        assert want["ne"] == (axes[::-1] if part == "weights" else [1, 1, axes[0], 1]), name
        values = np.fromfile(weights, "<f4", int(nbytes) // 4, offset=int(offset))
        stored = values.astype("<f2") if part == "weights" else values
        assert hashlib.sha256(stored.tobytes()).hexdigest() == want["sha256"], name


def main():
    cases = {
        "010": (("0", "1", "0"), "yolov3-tiny.correct.gguf.manifest.json"),
        "020": (("0", "2", "0"), "yolov3-tiny.gguf.manifest.json"),
        "025": (("0", "2", "5"), "yolov3-tiny.gguf.manifest.json"),
    }
    cfg = oracle.case("real/darknet/cfg-only/yolov3-tiny.cfg")
    for name, (version, golden) in cases.items():
        case = oracle.case("golden/05-yolov3-tiny-" + name)
        if case and cfg:
            with tempfile.TemporaryDirectory() as folder:
                check(sys.argv[1], case, version, golden, cfg, folder)
            print("header %s: 59 tensors" % ".".join(version))
    oracle.finish()


if __name__ == "__main__":
    main()
