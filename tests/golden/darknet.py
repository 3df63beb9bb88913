"""Promise: every trained Darknet network becomes a .bin and a GGUF whose numbers are the network's.

The .bin is read by the independent reader in tests/support, quantized tensors are dequantized through the npm build of ggml and must
lie within half a quantization step of the source; the GGUF must open in ggml's gguf_init_from_file and in PyPI's gguf with the same
tensors. And while ggx runs, it maps no library but its own and the system's."""
import ctypes
import glob
import os
import re
import subprocess
import sys
import tempfile
import time

import oracle

np, gguf = oracle.modules("numpy", "gguf")
import ggml_base
import ggml_bin

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "reader_darknet"))
import darknet_numpy

if ggml_base.load() is None:
    oracle.skip("the npm build of ggml is not installed; tests/setup.sh all installs it")
GGX = os.environ["GGX"]


def check_bin(weights, network, source, folder):
    out = os.path.join(folder, "out.bin")
    subprocess.run([GGX, "--reader", "darknet", "--writer", "ggml-q4", weights, "-o", out, "--quiet"], check=True, stderr=subprocess.DEVNULL)
    model = ggml_bin.read(out, ggml_bin.DARKNET)
    assert [model.header[k] for k in ("width", "height", "channels", "ftype")] == [network.width, network.height, network.channels, 2002]
    assert list(model.tensors) == list(source), "names or their order"
    quantized = 0
    for name, array in source.items():
        tensor = model.tensors[name]
        got = tensor.array().reshape(array.shape)
        if tensor.code == 0:
            assert got.tobytes() == array.tobytes(), name
        elif tensor.code == 1:
            assert (got == array.astype(np.float16).astype(np.float32)).all(), name
        else:
            assert tensor.code == 2 and tensor.shape[-1] % 32 == 0 and tensor.shape[0] == array.shape[0], name
            blocks = array.reshape(-1, 32)
            step = np.abs(blocks).max(axis=1, keepdims=True) / 8
            # a q4_0 block is -8..7 steps: the far end of the other sign is one whole step away, everything else half of one
            assert (np.abs(got.reshape(-1, 32) - blocks) <= 1.01 * step + 1e-7).all(), name
            assert np.sqrt(np.mean((got - array) ** 2)) <= 0.12 * np.sqrt(np.mean(array ** 2)) + 1e-9, name
            quantized += 1
    assert quantized, "no tensor was quantized"
    return quantized


def check_gguf(weights, source, folder):
    out = os.path.join(folder, "out.gguf")
    subprocess.run([GGX, weights, "-o", out, "--quiet"], check=True)
    python = {t.name: t for t in gguf.GGUFReader(out).tensors}
    assert list(python) == list(source)
    for name, array in source.items():
        kind, data = python[name].tensor_type, python[name].data
        expected = array.astype(np.float16) if kind == gguf.GGMLQuantizationType.F16 else array
        assert data.tobytes() == expected.tobytes(), name
        assert (kind == gguf.GGMLQuantizationType.F16) == (name.endswith("_weights") and array.ndim > 1), name
    lib = ggml_base.load()
    context = lib.gguf_init_from_file(out.encode(), ggml_base.InitParams(True, None))
    assert context, "ggml does not open it"
    for i, name in enumerate(source):
        assert lib.gguf_get_tensor_name(context, i).decode() == name
        assert lib.gguf_get_tensor_offset(context, i) + lib.gguf_get_data_offset(context) == python[name].data_offset
    lib.gguf_free(context)


def check_maps(weights, folder):
    """Looks at /proc/PID/maps while a conversion runs."""
    prefix = os.path.realpath(os.path.join(os.path.dirname(GGX), ".."))
    seen = set()
    for _ in range(20):
        child = subprocess.Popen([GGX, weights, "-o", os.path.join(folder, "maps.gguf"), "--quiet", "--memory", "1M", "--sync", "4K"])
        while child.poll() is None:
            try:
                with open(f"/proc/{child.pid}/maps", encoding="utf-8", errors="replace") as file:
                    seen |= set(re.findall(r"(/\S+\.so(?:\.[0-9.]+)?)$", file.read(), re.M))
            except (FileNotFoundError, ProcessLookupError):
                break
            time.sleep(0.0005)
        assert child.wait() == 0
        if any("ggx-" in path for path in seen):
            break
    foreign = [p for p in seen if not p.startswith(prefix + "/") and not re.match(r"(/usr)?/lib(64)?/", p)]
    assert any("ggx-reader-darknet" in p for p in seen), "the plugin was never seen mapped"
    assert not foreign, f"maps {foreign}"


real = oracle.case("real/darknet")
sample = os.path.join(os.environ["GGX_SOURCE"], "tests", "sample", "tiny-digits.weights")
files = sorted(glob.glob(os.path.join(real, "*", "*.weights"))) if real else []
assert not real or len(files) >= 4
with tempfile.TemporaryDirectory() as folder:
    for weights in files + [sample]:
        network = darknet_numpy.Network(weights[: -len("weights")] + "cfg")
        source = network.read(weights)
        n = check_bin(weights, network, source, folder)
        check_gguf(weights, source, folder)
        print(f"{os.path.basename(weights)}: {len(source)} tensors, {n} of them q4_0")
    check_maps((files + [sample])[0], folder)
oracle.finish()
