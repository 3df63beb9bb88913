"""Promise: the same without reference cases and without numpy: a network of yolov3-tiny's shape is made from a seed, and its GGUF is
computed here by the standard library alone (struct's 'e' rounds to nearest, ties to even), for both lengths of header. Its layout is the one that the reference cases show
(golden/05-*, where the same conversion is compared with ggml's script)."""
import array
import hashlib
import os
import random
import struct
import subprocess
import sys
import tempfile

LAYERS = [(3, 16, 3, 1), (16, 32, 3, 1), (32, 64, 3, 1), (64, 128, 3, 1), (128, 256, 3, 1), (256, 512, 3, 1), (512, 1024, 3, 1),
          (1024, 256, 1, 1), (256, 512, 3, 1), (512, 255, 1, 0), (256, 128, 1, 1), (384, 256, 3, 1), (256, 255, 1, 0)]
CFG_TAIL = {5: "[maxpool]\nsize=2\nstride=1\n", 9: "[yolo]\nclasses=80\nmask=3,4,5\n[route]\nlayers=-4\n",
            10: "[upsample]\nstride=2\n[route]\nlayers=-1,8\n", 12: "[yolo]\nclasses=80\nmask=0,1,2\n"}


def cfg():
    text = "[net]\nwidth=416\nheight=416\nchannels=3\n"
    for n, (_, filters, size, normal) in enumerate(LAYERS):
        text += f"[convolutional]\nbatch_normalize={normal}\nfilters={filters}\nsize={size}\nstride=1\npad=1\nactivation=leaky\n"
        text += CFG_TAIL.get(n, "[maxpool]\nsize=2\nstride=2\n" if n < 6 else "")
    return text


def tensors():
    """[(name, ne, bytes as f32, is a kernel)] in the file's order; the same floats on every machine."""
    rng, out = random.Random(505), []
    block = array.array("f", (rng.gauss(0, 0.05) for _ in range(65521)))
    for n, (channels, filters, size, normal) in enumerate(LAYERS):
        for part in ["biases"] + ["scales", "rolling_mean", "rolling_variance"] * normal + ["weights"]:
            count = filters * (channels * size * size if part == "weights" else 1)
            at = rng.randrange(65521)
            values = (block[at:] + block * (count // 65521 + 1))[:count]
            if sys.byteorder == "big":
                values.byteswap()
            ne = [size, size, channels, filters] if part == "weights" else [1, 1, filters, 1]
            out.append((f"l{n}_{part}", ne, values, part == "weights"))
    return out


def gguf(model):
    """GGUF v3 as gguf-py writes it: one key, offsets padded to 32, the last payload padded too."""
    def text(s):
        return struct.pack("<Q", len(s)) + s.encode()
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(model), 1) + text("general.architecture") + struct.pack("<I", 8) + text("yolov3-tiny")
    body = b""
    for name, ne, values, kernel in model:
        head += text(name) + struct.pack("<I4QIQ", 4, *ne, 1 if kernel else 0, len(body))
        body += struct.pack(f"<{len(values)}e", *values) if kernel else values.tobytes()
        body += bytes(-len(body) % 32)
    return head + bytes(-len(head) % 32) + body


model = tensors()
expected = gguf(model)
DIGEST = "8ca6e8736cfd82e49b4e01a728e943385f99c50ec0cdd9d576326095515c47ba"
assert hashlib.sha256(expected).hexdigest() == DIGEST, "this Python computes another file: " + hashlib.sha256(expected).hexdigest()
payload = b"".join(values.tobytes() for _, _, values, _ in model)
for header in (struct.pack("<3iI", 0, 1, 0, 7), struct.pack("<3iQ", 0, 2, 0, 7), struct.pack("<3iQ", 0, 2, 5, 7)):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "net.weights"), "wb") as file:
            file.write(header + payload)
        with open(os.path.join(folder, "net.cfg"), "w", encoding="ascii") as file:
            file.write(cfg())
        subprocess.run([os.environ["GGX"], "net.weights", "-o", "out.gguf", "--quiet"], check=True, cwd=folder)
        with open(os.path.join(folder, "out.gguf"), "rb") as file:
            assert file.read() == expected, f"a header of {len(header)} bytes: other bytes"
        # One float more or less is another network's file.
        for change in (payload[:-4], payload + bytes(4)):
            with open(os.path.join(folder, "net.weights"), "wb") as file:
                file.write(header + change)
            done = subprocess.run([os.environ["GGX"], "net.weights", "-o", "no.gguf"], cwd=folder, capture_output=True, text=True)
            assert done.returncode == 7 and "cfg needs" in done.stderr and not os.path.exists(os.path.join(folder, "no.gguf")), done.stderr
print("ok")
