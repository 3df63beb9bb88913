"""reader-safetensors against the safetensors package: what it reads of real, made and damaged files, and what it refuses."""
import glob
import json
import os
import random
import struct
import sys
import tempfile

import oracle

safetensors, np = oracle.modules("safetensors", "numpy")
import safetensors.numpy
import reader_list

# The format's text forbids these, the package lets them pass (it keeps the last of equal keys, and takes any white space first).
STRICTER = ("occurs twice", "is given twice", "does not begin with '{'", "twice")
# What the package's index of tensors can hold and a ggx_tensor cannot.
NARROWER = ("axes", "do not end on a byte", "does not know", "a tensor's name is")


def theirs(data):
    """name → (dtype, shape, bytes) in the order of the data, or None when the package refuses."""
    try:
        return {name: (t["dtype"], tuple(t["shape"]), bytes(t["data"])) for name, t in safetensors.deserialize(data)}
    except Exception:
        return None


def same(name, data, listing, wanted, ordered=True):
    assert set(listing.tensors) == set(wanted), f"{name}: {list(listing.tensors)} {list(wanted)}"
    for key, tensor in listing.tensors.items():
        dtype, shape, content = wanted[key]
        assert (tensor.type, tensor.shape, tensor.data) == (dtype.lower(), shape, content), f"{name}: {key}"
    header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
    notes = {k: v.encode() for k, v in (header.pop("__metadata__", None) or {}).items() if k and "\0" not in k}
    assert listing.kvs == notes, f"{name}: {listing.kvs}"
    if ordered:
        assert list(listing.tensors) == sorted(listing.tensors, key=lambda k: tuple(header[k]["data_offsets"])), name


def check_file(program, path):
    with open(path, "rb") as file:
        data = file.read()
    wanted = theirs(data)
    try:
        listing = reader_list.read(program, path)
    except reader_list.Refused as refused:
        assert wanted is None or any(w in str(refused) for w in STRICTER + NARROWER), f"{path}: {refused}"
        return None
    assert wanted is not None, f"{path}: the package refuses it"
    same(path, data, listing, wanted)
    return listing


def check_real(program):
    paths = []
    for folder in ("real", "golden"):
        root = oracle.case(folder)
        paths += sorted(glob.glob(os.path.join(root or "/nowhere", "**", "*.safetensors"), recursive=True))
    for path in paths:
        listing = check_file(program, path)
        assert listing and listing.score == 100, path
    return len(paths)


def check_made(program, folder):
    """What the package itself writes, in every type that numpy has."""
    rng = np.random.default_rng(1)
    tensors = {}
    for code in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", "c8"):
        for shape in ((), (0,), (3, 0, 2), (5,), (2, 3), (1, 2, 1, 2, 1)):
            raw = rng.integers(0, 256, int(np.prod(shape)) * np.dtype(code).itemsize, np.uint8)
            tensors[f"{code}.{'x'.join(map(str, shape))}.é\"\n"] = (raw % 2 if code == "?" else raw).view(code).reshape(shape)
    path = os.path.join(folder, "made.safetensors")
    safetensors.numpy.save_file(tensors, path, {"format": "np", "näme\t": "välue"})
    listing = check_file(program, path)
    assert listing and len(listing.tensors) == len(tensors)
    with safetensors.safe_open(path, "np") as opened:
        assert list(listing.tensors) == opened.offset_keys()
        assert {k: v.decode() for k, v in listing.kvs.items()} == opened.metadata()
    for name, array in tensors.items():
        assert listing.tensors[name].array().tobytes() == array.tobytes(), name


def check_corpus(program, folder):
    root = os.path.join(os.environ["GGX_SOURCE"], "tests", "corpus", "reader_safetensors")
    read = 0
    for name in sorted(os.listdir(root)):
        with open(os.path.join(root, name), "rb") as file:
            data = file.read()
        if data[0] & 1:
            continue
        path = os.path.join(folder, "corpus.safetensors")
        with open(path, "wb") as file:
            file.write(data[1:])
        read += check_file(program, path) is not None
    assert read >= 7, read


def check_damaged(program, folder):
    """Both sides must agree on files with a few bytes changed, cut or moved."""
    rng = random.Random(7)
    tensor = {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}
    header = json.dumps({"__metadata__": {"a": "b"}, "x": tensor, "y": dict(tensor, dtype="U8", shape=[4], data_offsets=[12, 16])})
    good = struct.pack("<Q", len(header)) + header.encode() + bytes(16)
    path, read, refused = os.path.join(folder, "damaged.safetensors"), 0, 0
    for _ in range(500):
        data = bytearray(good)
        for _ in range(rng.choice((1, 1, 1, 2))):
            at = rng.randrange(8, 8 + len(header))
            data[at] = rng.choice(b' {}[]",:0123456789-.eUFI\\') if rng.random() < 0.9 else rng.randrange(256)
        if rng.random() < 0.1:
            del data[rng.randrange(len(data)):]
        with open(path, "wb") as file:
            file.write(data)
        if check_file(program, path):
            read += 1
        else:
            refused += 1
    assert read > 8 and refused > 200, (read, refused)


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        check_made(program, folder)
        check_corpus(program, folder)
        check_damaged(program, folder)
    print(check_real(program), "real files")
    oracle.finish()


main()
