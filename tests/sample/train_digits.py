#!/usr/bin/env python3
"""Trains the sample network and saves it as Darknet does: tiny-digits.cfg, tiny-digits.weights.

The task: 16 x 16 grey images of the digits 0-9, drawn here from a 5 x 7 font at a random place and thickness, slanted, dimmed and with
noise. The network: two convolutions, the first with batch normalisation, two max pools, one connected layer, softmax. Its tensors
are chosen for tests of quantizers: rows of 9 (no block of 32 fits), of 288 (blocks of 32) and of 512 (blocks of 256 too).

Needs numpy alone and a minute; seeded. It reached 99.2 % on 2000 new images with the weights that lie here.

    train_digits.py [FOLDER]        trains and saves (default: beside this script)
    train_digits.py --check CFG     reads the saved files back and measures the accuracy on new images; fails below 95 %
"""
import os
import sys

import numpy as np

FONT = """
01110 00100 01110 01110 00010 11111 01110 11111 01110 01110
10001 01100 10001 10001 00110 10000 10000 00001 10001 10001
10011 00100 00001 00001 01010 11110 10000 00010 10001 10001
10101 00100 00110 00110 10010 00001 11110 00100 01110 01111
11001 00100 01000 00001 11111 00001 10001 01000 10001 00001
10001 00100 10000 10001 00010 10001 10001 01000 10001 00001
01110 01110 11111 01110 00010 01110 01110 01000 01110 01110
"""
SIDE, FILTERS1, FILTERS2, CLASSES = 16, 32, 32, 10
CFG = """# Digits of 16 x 16 pixels: the sample network, trained and saved by train_digits.py.
[net]
batch=1
subdivisions=1
width=16
height=16
channels=1

[convolutional]
batch_normalize=1
filters=32
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
filters=32
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[connected]
output=10
activation=linear

[softmax]
groups=1
"""


def glyphs():
    rows = [line.split() for line in FONT.split("\n") if line]
    return np.array([[[int(bit) for bit in row[digit]] for row in rows] for digit in range(10)], np.float32)


def draw(rng, count):
    """Images (count, 1, 16, 16) in 0..1 and their digits."""
    font, digits = glyphs(), rng.integers(0, 10, count)
    images = np.zeros((count, 1, SIDE, SIDE), np.float32)
    for image, digit in zip(images[:, 0], digits):
        thick = rng.integers(1, 3)
        glyph = np.kron(font[digit], np.ones((1, thick), np.float32))
        slant = rng.integers(-1, 2)
        y, x = rng.integers(1, SIDE - 7), rng.integers(2, SIDE - glyph.shape[1] - 1)
        for row in range(7):
            shift = x + (slant if row < 3 else 0)
            image[y + row, shift : shift + glyph.shape[1]] = glyph[row]
        image *= rng.uniform(0.5, 1.0)
    images += rng.normal(0, 0.15, images.shape).astype(np.float32)
    return np.clip(images, 0, 1), digits


def columns(x):
    """(n, c, h, w) → (n, h, w, c * 9): the 3 x 3 neighbourhoods, zero-padded, channel slowest as Darknet's kernels lie."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.ascontiguousarray(windows.transpose(0, 2, 3, 1, 4, 5)).reshape(*x.shape[:1], *x.shape[2:], -1)


def uncolumns(grad, shape):
    """The adjoint of columns."""
    n, c, h, w = shape
    grad = grad.reshape(n, h, w, c, 3, 3)
    padded = np.zeros((n, c, h + 2, w + 2), np.float32)
    for dy in range(3):
        for dx in range(3):
            padded[:, :, dy : dy + h, dx : dx + w] += grad[..., dy, dx].transpose(0, 3, 1, 2)
    return padded[:, :, 1:-1, 1:-1]


def pool(x):
    """2 x 2 maxima and the mask of who was the maximum."""
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
    best = blocks.max((3, 5))
    mask = blocks == best[:, :, :, None, :, None]
    return best, mask / mask.sum((3, 5), keepdims=True)


def unpool(grad, mask):
    n, c, h, _, w, _ = mask.shape
    return (mask * grad[:, :, :, None, :, None]).reshape(n, c, h * 2, w * 2).astype(np.float32)


def leaky(x):
    return np.where(x > 0, x, 0.1 * x)


def forward(p, x, training):
    """Scores (n, 10), and what the way back needs. Darknet's normalisation: (x - mean) / (sqrt(variance) + 1e-6)."""
    c1 = columns(x)
    y1 = c1 @ p["w1"].reshape(FILTERS1, -1).T
    if training:
        mean, variance = y1.mean((0, 1, 2)), y1.var((0, 1, 2))
        p["mean"] += 0.05 * (mean - p["mean"])
        p["variance"] += 0.05 * (variance - p["variance"])
    else:
        mean, variance = p["mean"], p["variance"]
    spread = np.sqrt(variance) + 1e-6
    n1 = (y1 - mean) / spread
    z1 = (n1 * p["scales"] + p["b1"]).transpose(0, 3, 1, 2)
    a1, m1 = pool(leaky(z1))
    c2 = columns(a1)
    z2 = (c2 @ p["w2"].reshape(FILTERS2, -1).T + p["b2"]).transpose(0, 3, 1, 2)
    a2, m2 = pool(leaky(z2))
    flat = a2.reshape(len(x), -1)
    return flat @ p["w3"].T + p["b3"], (c1, n1, spread, z1, m1, a1, c2, z2, m2, flat)


def backward(p, kept, grad):
    c1, n1, spread, z1, m1, a1, c2, z2, m2, flat = kept
    g = {"w3": grad.T @ flat, "b3": grad.sum(0)}
    back = unpool((grad @ p["w3"]).reshape(-1, FILTERS2, SIDE // 4, SIDE // 4), m2) * np.where(z2 > 0, 1, 0.1)
    back = back.transpose(0, 2, 3, 1).reshape(-1, FILTERS2)
    g["w2"] = (back.T @ c2.reshape(len(back), -1)).reshape(p["w2"].shape)
    g["b2"] = back.sum(0)
    back = uncolumns(back @ p["w2"].reshape(FILTERS2, -1), a1.shape)
    back = (unpool(back, m1) * np.where(z1 > 0, 1, 0.1)).transpose(0, 2, 3, 1).reshape(-1, FILTERS1)
    n1 = n1.reshape(back.shape)
    g["b1"], g["scales"] = back.sum(0), (back * n1).sum(0)
    back = back * p["scales"]
    back = (back - back.mean(0) - n1 * (back * n1).mean(0)) / spread
    g["w1"] = (back.T @ c1.reshape(len(back), -1)).reshape(p["w1"].shape)
    return g


def start(rng):
    def normal(*shape):
        return (rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)

    flat = FILTERS2 * (SIDE // 4) ** 2
    p = {"w1": normal(FILTERS1, 1, 3, 3), "w2": normal(FILTERS2, FILTERS1, 3, 3), "w3": normal(CLASSES, flat)}
    p.update(b1=np.zeros(FILTERS1, np.float32), b2=np.zeros(FILTERS2, np.float32), b3=np.zeros(CLASSES, np.float32))
    p.update(scales=np.ones(FILTERS1, np.float32), mean=np.zeros(FILTERS1, np.float32))
    p["variance"] = np.ones(FILTERS1, np.float32)
    return p


def train(steps=1500, batch=64):
    rng = np.random.default_rng(20)
    p = start(rng)
    learned = ("w1", "scales", "b1", "w2", "b2", "w3", "b3")
    speed = {k: np.zeros_like(p[k]) for k in learned}
    for step in range(steps):
        x, digits = draw(rng, batch)
        scores, kept = forward(p, x, True)
        chance = np.exp(scores - scores.max(1, keepdims=True))
        chance /= chance.sum(1, keepdims=True)
        if step % 250 == 0:
            print("step %d: loss %.3f" % (step, -np.log(chance[np.arange(batch), digits] + 1e-9).mean()))
        chance[np.arange(batch), digits] -= 1
        rate = 0.05 * (1 - step / steps)
        for key, grad in backward(p, kept, (chance / batch).astype(np.float32)).items():
            speed[key] = 0.9 * speed[key] - rate * (grad + 1e-4 * p[key])
            p[key] = (p[key] + speed[key]).astype(np.float32)
    return p, steps * batch


ORDER = ("b1", "scales", "mean", "variance", "w1", "b2", "w2", "b3", "w3")


def save(p, seen, folder):
    with open(os.path.join(folder, "tiny-digits.cfg"), "w", encoding="ascii") as file:
        file.write(CFG)
    with open(os.path.join(folder, "tiny-digits.weights"), "wb") as file:
        file.write(np.array([0, 2, 5], "<i4").tobytes() + np.array([seen], "<u8").tobytes())
        for key in ORDER:
            file.write(p[key].astype("<f4").tobytes())


def load(cfg):
    values, at, p = np.fromfile(cfg[: -len("cfg")] + "weights", "<f4", offset=20), 0, {}
    shapes = {k: v.shape for k, v in start(np.random.default_rng(0)).items()}
    for key in ORDER:
        count = int(np.prod(shapes[key]))
        p[key] = values[at : at + count].reshape(shapes[key])
        at += count
    assert at == len(values)
    return p


def accuracy(p, seed=99, count=2000):
    x, digits = draw(np.random.default_rng(seed), count)
    return float((forward(p, x, False)[0].argmax(1) == digits).mean())


def main():
    if sys.argv[1:2] == ["--check"]:
        reached = accuracy(load(sys.argv[2]))
        print("accuracy on 2000 new images: %.1f %%" % (100 * reached))
        sys.exit(reached < 0.95)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    p, seen = train()
    save(p, seen, folder)
    print("accuracy on 2000 new images: %.1f %%" % (100 * accuracy(p)))


if __name__ == "__main__":
    main()
