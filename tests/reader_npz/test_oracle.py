"""reader-npz against numpy: every type, order and packing, arrays in pickled dicts, real files, damaged archives."""
import collections
import glob
import io
import os
import pickle
import random
import struct
import sys
import tempfile
import zipfile

import oracle

np, = oracle.modules("numpy")
import reader_list

CODES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "c16")
SHAPES = ((), (0,), (1,), (7,), (3, 0, 2), (5, 9), (4, 3, 5), (2, 3, 4, 5), (40, 300))


def arrays():
    rng = np.random.default_rng(5)
    out = {}
    for code in CODES:
        for order in "<>":
            for shape in SHAPES:
                dtype = np.dtype(order + code)
                raw = rng.integers(0, 256, int(np.prod(shape)) * dtype.itemsize, np.uint8)
                value = (raw % 2 if code == "?" else raw).view(dtype).reshape(shape)
                name = f"{code}{'lb'[order == '>']}{'x'.join(map(str, shape))}"
                out[name] = value
                if len(shape) > 1:
                    out[name + "f"] = np.asfortranarray(value)
    return out


def same(listing, wanted, path):
    assert list(listing.tensors) == list(wanted), path
    for name, value in wanted.items():
        tensor = listing.tensors[name]
        value = np.asarray(value)
        assert tensor.shape == value.shape, f"{path}: {name}"
        kind = {"f": "f", "i": "i", "u": "u", "b": "bool", "c": "c"}[value.dtype.kind]
        assert tensor.type == (kind if kind == "bool" else f"{kind}{value.dtype.itemsize * 8}"), f"{path}: {name}"
        mine = tensor.array()
        little = value.astype(value.dtype.newbyteorder("<"))
        assert mine.astype(mine.dtype.newbyteorder("<")).tobytes() == little.tobytes(), f"{path}: {name}"


def check_made(program, folder):
    made = arrays()
    for save, access in ((np.savez, 0), (np.savez_compressed, 2)):
        path = os.path.join(folder, "made.npz")
        save(path, **made)
        for options in ({}, {"npz.verify": 1}):
            listing = reader_list.read(program, path, options=options)
            same(listing, made, path)
            assert listing.score == 100
            assert {t.access for t in listing.tensors.values()} == {access}
    for name, value in made.items():
        path = os.path.join(folder, name + ".npy")
        if name.startswith(("f4", "?b", "c8b")):
            np.save(path, value)
            listing = reader_list.read(program, path)
            assert listing.score == 100
            same(listing, {name: value}, path)
    value = np.arange(12, dtype="<f4").reshape(3, 4)
    for version in ((1, 0), (2, 0), (3, 0)):
        path = os.path.join(folder, "version.npy")
        with open(path, "wb") as file:
            np.lib.format.write_array(file, value, version)
        same(reader_list.read(program, path), {"version": value}, path)


def npy(value):
    out = io.BytesIO()
    np.save(out, value)
    return out.getvalue()


def check_zips(program, folder):
    """Other writers' ways: zip64, descriptors after the data, comments, members that are no arrays, a zip without CRCs."""
    value, path = np.arange(1000, dtype="<f4"), os.path.join(folder, "zip.npz")
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.comment = b"PK\5\6" + bytes(40)
            archive.writestr("readme.txt", "no array")
            with archive.open("a.npy", "w", force_zip64=True) as member:
                member.write(npy(value))
        same(reader_list.read(program, path), {"a": value}, path)

        class Stream(io.RawIOBase):
            """Cannot seek, so that zipfile writes descriptors."""
            def __init__(self):
                self.data = bytearray()

            def writable(self):
                return True

            def write(self, data):
                self.data += data
                return len(data)

        out = Stream()
        with zipfile.ZipFile(out, "w", method) as archive:
            archive.writestr("a.npy", npy(value))
            archive.writestr("b.npy", npy(value * 2))
        with open(path, "wb") as file:
            file.write(out.data)
        same(reader_list.read(program, path), {"a": value, "b": value * 2}, path)
        data = bytearray(out.data)  # no CRCs: zeros in the directory (the local headers have none anyway)
        at = 0
        while (at := data.find(b"PK\1\2", at)) >= 0:
            data[at + 16:at + 20] = bytes(4)
            at += 4
        with open(path, "wb") as file:
            file.write(data)
        same(reader_list.read(program, path), {"a": value, "b": value * 2}, path)


def refused(program, path, word, options=None):
    try:
        reader_list.read(program, path, options=options)
    except reader_list.Refused as error:
        assert word in str(error), f"{path}: {error}"
        return
    raise AssertionError(f"{path} was read; wanted: {word}")


def check_refused(program, folder):
    path = os.path.join(folder, "bad.npz")

    def write(data):
        with open(path, "wb") as file:
            file.write(data)

    def archive(method=zipfile.ZIP_STORED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as made:
            made.writestr("a.npy", npy(np.arange(64, dtype="<f4")))
            made.writestr("b.npy", npy(np.arange(64, dtype="<f4") * 3))
        return bytearray(out.getvalue())

    for value, word in ((np.array([{}], object), "objects"), (np.array(["a"]), "no array"), (np.array([b"a"]), "no array"),
                        (np.zeros(2, "V2"), "bfloat16"), (np.zeros(2, "M8[s]"), "no array"),
                        (np.zeros(2, [("x", "f4")]), "records"), (np.zeros((1,) * 9), "8 axes"),
                        (np.zeros(1, np.longdouble), "no numbers")):
        np.savez(path, value)
        refused(program, path, word)
    good = archive()
    directory = good.index(b"PK\1\2")
    second = good.index(b"PK\1\2", directory + 1)
    for at, value, word in ((directory + 8, 1, "encrypted"), (6, 1, "something else"), (8, 8, "something else"),
                            (directory + 10, 99, "something else"), (30, ord("c"), "something else"),
                            (directory + 46, ord("c"), "something else"), (18, 1, "something else"), (14, 1, "something else"),
                            (directory + 20, 1, "something else"), (directory, 0, "magic"), (0, 0, "header is not where"),
                            (len(good) - 22 + 10, 1, "volumes"), (len(good) - 22 + 4, 1, "volumes"),
                            (len(good) - 22 + 12, 5, "does not end"), (len(good) - 22 + 16, 5, "does not end"),
                            (second + 42, 0, "header is not where"), (second + 42, 1, "header is not where")):
        bad = bytearray(good)
        bad[at] = value
        write(bad)
        refused(program, path, word)
    write(b"x" + good)
    refused(program, path, "put in front")
    write(good + b"x")
    refused(program, path, "no end record")
    twice = bytearray(good)
    twice[good.index(b"b.npy")] = ord("a")
    twice[good.index(b"b.npy", second)] = ord("a")
    write(twice)
    refused(program, path, "occurs twice")
    bad = bytearray(good)
    bad[directory - 1] ^= 1
    write(bad)
    reader_list.read(program, path, options={"npz.verify": False})
    refused(program, path, "CRC", {"npz.verify": 1})
    refused(program, path, "CRC")  # what is small is checked unasked
    good = archive(zipfile.ZIP_DEFLATED)
    directory = good.index(b"PK\1\2")
    for size, word, options in ((100, "inside its header", None), (200, "cut short", None), (383, "cut short", None),
                                (1000, "fewer bytes", {"npz.verify": 1}), (1 << 31, "more than deflate can", None)):
        bad = bytearray(good)
        bad[directory + 24:directory + 28] = bad[22:26] = struct.pack("<I", size)
        write(bad)
        refused(program, path, word, options)
    bad = bytearray(good)
    bad[directory + 16] ^= 1
    bad[14] ^= 1
    write(bad)
    refused(program, path, "CRC")  # deflated data are read through to their end


def flatten(value, name):
    """Arrays of numbers in an object array as np.load gives it, by dotted name; the naming of the documentation, said once more."""
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind == "O":
            items = [("", value.item())] if value.ndim == 0 else [(str(i), v) for i, v in enumerate(value.flat)]
        elif value.dtype.kind in "fiubc":
            yield name, value
            return
        else:
            return
    elif isinstance(value, dict):
        items = [(str(k), v) for k, v in value.items()]
    elif isinstance(value, (list, tuple)):
        items = [(str(i), v) for i, v in enumerate(value)]
    else:
        return
    for word, item in items:
        yield from flatten(item, ".".join(part for part in (name, word) if part))


class Custom:
    pass


def check_objects(program, folder):
    path = os.path.join(folder, "objects.npy")
    rng = np.random.default_rng(8)
    shared = rng.normal(size=(3, 4)).astype("f4")
    net = {"conv1": {"weights": np.asfortranarray(rng.normal(size=(2, 3, 4)).astype("f4")), "biases": np.arange(4.0)},
           "big": np.arange(6, dtype=">i4").reshape(2, 3), "half": shared.astype("f2"), "turned": shared.T, "same": shared, "again": shared,
           "scalar": np.float32(1.5), "zero-d": np.array(7, "i8"), "none": np.zeros((0, 3)), "flags": np.array([True, False]),
           "complex": np.array([1 + 2j]), "list": [np.ones(2), {"x": np.zeros(1, "u2")}], 3: np.ones(1), "name": "net", "step": 5, "nothing": None,
           "text": np.array(["a", "bc"]), "objects": np.array([np.ones(2), np.zeros(3), None], object)}
    for protocol in (2, 3, 4):
        value = np.array(net, object)
        with open(path, "wb") as file:
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(value))
            pickle.dump(value, file, protocol=protocol)
        if protocol == 2:  # Python 3 writes bytes of that protocol as a call of _codecs.encode; Python 2 (facenet's) as they are
            refused(program, path, "_codecs.encode")
            continue
        same(reader_list.read(program, path), dict(flatten(np.load(path, allow_pickle=True), "")), path)
    np.save(path, net)
    same(reader_list.read(program, path), dict(flatten(net, "")), "np.save of a dict")
    for save in (np.savez, np.savez_compressed):
        other = os.path.join(folder, "objects.npz")
        save(other, plain=shared, net=np.array(net, object), words=np.array(["a"]), days=np.zeros(2, "M8[D]"), empty=np.array([{}], object),
             last=np.arange(3))
        wanted = {"plain": shared, **dict(flatten(net, "net")), "last": np.arange(3)}
        same(reader_list.read(program, other), wanted, "an archive with objects and words in it")
        same(reader_list.read(program, other, options={"npz.verify": 1}), wanted, "the same, verified")
    for value, word in ((Custom(), "Custom"), (collections.OrderedDict(a=np.ones(1)), "collections.OrderedDict"), ({(1, 2): np.ones(1)}, "key"),
                        ({"a": np.zeros(2, [("x", "f4")])}, "no numbers"), ({"a": np.longdouble(1)}, "does not know"), (["a", 1, None], "no array"),
                        ({"a": {"b": np.ones(1)}, "a.b": np.ones(1)}, "occurs twice"), ({"a": np.ones((1,) * 9)}, "8 axes"), (np.ma.ones(3), "numpy.ma")):
        with open(path, "wb") as file:
            np.lib.format.write_array(file, np.array({"it": value}, object), allow_pickle=True)
        refused(program, path, word)


def check_damaged_objects(program, folder):
    """Bytes of the pickle turned and cut: refused or read, and never as more than was there."""
    rng, path, read = random.Random(6), os.path.join(folder, "flip.npy"), 0
    out = io.BytesIO()
    np.save(out, {"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.zeros(2, "i2")})
    good = out.getvalue()
    for at in range(len(good)):
        for bad in (good[:at], good[:at] + bytes((good[at] ^ 1 << rng.randrange(8),)) + good[at + 1:]):
            with open(path, "wb") as file:
                file.write(bad)
            try:
                listing = reader_list.read(program, path)
                assert len(bad) == len(good) and len(listing.tensors) <= 2
                read += 1
            except (reader_list.Refused, UnicodeDecodeError):
                continue
    assert 20 < read < 300, read


def check_twins(program, pth):
    """The same network as a pickled dict of numpy's and as PyTorch's state dict: convolutions and matrices turned, values equal."""
    for theirs, ours in (("det1.npy", "pnet.pt"), ("det2.npy", "rnet.pt")):
        left, right = oracle.case("real/npz/facenet_det/" + theirs), oracle.case("real/pth/facenet_mtcnn/" + ours)
        if not (left and right):
            continue
        mine = {k.lower().replace("-", "_"): t.array() for k, t in reader_list.read(program, left).tensors.items()}
        other = {k: t.array() for k, t in reader_list.read(pth, right).tensors.items()}
        assert len(mine) == len(other) > 10
        for name, value in other.items():
            layer, part = name.replace("dense", "conv").split(".")
            twin = mine[layer + "." + {"weight": "alpha" if "prelu" in layer else "weights", "bias": "biases"}[part]]
            assert twin.T.shape == value.shape and (twin.T == value).all(), name
    print("the same weights in both formats")


def check_damaged(program, folder):
    """A flipped byte is refused, or changes data that no CRC was asked for; never a crash, never another shape of the archive."""
    rng, path, read = random.Random(3), os.path.join(folder, "flip.npz"), 0
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as made:
            made.writestr("a.npy", npy(np.arange(12, dtype="<f4").reshape(3, 4)))
        good = out.getvalue()
        for at in range(0, len(good), 1 if len(good) < 300 else 2):
            bad = bytearray(good)
            bad[at] ^= 1 << rng.randrange(8)
            with open(path, "wb") as file:
                file.write(bad)
            try:
                listing = reader_list.read(program, path)
                assert len(listing.tensors) <= 1
                read += 1
            except reader_list.Refused:
                pass
            except UnicodeDecodeError:
                read += 1
        for size in range(0, len(good), 7):
            with open(path, "wb") as file:
                file.write(good[:size])
            try:
                reader_list.read(program, path)
            except reader_list.Refused:
                continue
            raise AssertionError(f"{size} of {len(good)} bytes were read")
    assert read > 10


def check_real(program):
    root, count = oracle.case("real/npz"), 0
    for path in sorted(glob.glob(os.path.join(root or "/nowhere", "**", "*.np[zy]"), recursive=True)):
        loaded = np.load(path, allow_pickle=True, encoding="latin1")
        wanted = dict(flatten(loaded, "")) if isinstance(loaded, np.ndarray) else dict(loaded)
        same(reader_list.read(program, path), wanted, path)
        count += 1
    print(f"{count} real files")


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        check_made(program, folder)
        check_zips(program, folder)
        check_refused(program, folder)
        check_objects(program, folder)
        check_damaged(program, folder)
        check_damaged_objects(program, folder)
    check_real(program)
    if len(sys.argv) > 2:
        check_twins(program, sys.argv[2])
    oracle.finish()


main()
