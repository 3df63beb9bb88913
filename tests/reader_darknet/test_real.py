"""Every published Darknet network and the sample, converted by ggx as it is to GGUF: each float of the file in its place.

The expected values come from darknet_numpy (its own reading of cfg and weights), the result is read with PyPI's gguf."""
import glob
import os
import subprocess
import sys
import tempfile

import oracle
from darknet_numpy import Network

np, gguf = oracle.modules("numpy", "gguf")


def check(weights, folder):
    network = Network(weights[: -len("weights")] + "cfg")
    expected = network.read(weights)
    out = os.path.join(folder, os.path.basename(weights) + ".gguf")
    subprocess.run([os.environ["GGX"], weights, "-o", out, "--recipe", "none", "--type", "f32", "--quiet"], check=True)
    found = {t.name: t for t in gguf.GGUFReader(out).tensors}
    assert set(found) == set(expected), sorted(set(found) ^ set(expected))[:5]
    for name, array in expected.items():
        tensor = found[name]
        assert tensor.tensor_type == gguf.GGMLQuantizationType.F32, name
        assert tuple(int(n) for n in tensor.shape) == array.shape[::-1], (name, tensor.shape, array.shape)
        assert tensor.data.tobytes() == array.tobytes(), name
    return "%d tensors, %d floats" % (len(expected), network.floats)


def main():
    real = oracle.case(os.path.join("real", "darknet"))
    sample = os.path.join(os.environ["GGX_SOURCE"], "tests", "sample", "tiny-digits.weights")
    files = sorted(glob.glob(os.path.join(real, "*", "*.weights"))) if real else []
    assert not real or len(files) >= 4, "the reference networks are not all there"
    with tempfile.TemporaryDirectory() as folder:
        for weights in files + [sample]:
            print(os.path.basename(weights) + ": " + check(weights, folder))
    oracle.finish()


if __name__ == "__main__":
    main()
