"""Promise: a Hugging Face folder whose config.json is missing, cut off or no object is refused in one sentence that names it, and nothing is written;
what Python's json reads beyond JSON (NaN, Infinity, a key twice) is read. --recipe none converts any of them."""
import json
import os
import struct
import subprocess
import tempfile

GGX = os.environ["GGX"]


def ggx(folder, out, *more):
    if os.path.exists(out):
        os.remove(out)
    return subprocess.run([GGX, folder, "-o", out, "--quiet", *more], capture_output=True, text=True)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder, out = os.path.join(scratch, "model"), os.path.join(scratch, "out.gguf")
        os.mkdir(folder)
        header = json.dumps({"a.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
        with open(os.path.join(folder, "model.safetensors"), "wb") as file:
            file.write(len(header).to_bytes(8, "little") + header + struct.pack("<4f", 1, 2, 3, 4))
        with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
            file.write("{}")
        config = os.path.join(folder, "config.json")
        for text in (None, "", "[]", '{"archit', '{"a": 1,}'):
            if text is not None:
                with open(config, "w", encoding="utf-8") as file:
                    file.write(text)
            done = ggx(folder, out)
            assert done.returncode == 7 and not os.path.exists(out), (text, done)
            assert "config.json" in done.stderr and "--recipe none" in done.stderr and done.stderr.count("\n") == 1, (text, done.stderr)
            assert ggx(folder, out, "--recipe", "none").returncode == 0 and os.path.exists(out), text
        for more in ('"x": NaN', '"x": [0.0, Infinity]', '"x": -Infinity', '"x": 1, "x": 2'):
            with open(config, "w", encoding="utf-8") as file:
                file.write('{"architectures": ["NobodyForCausalLM"], %s}' % more)
            done = ggx(folder, out)
            assert done.returncode == 7 and "NobodyForCausalLM" in done.stderr, (more, done.stderr)
    print("ok")


main()
