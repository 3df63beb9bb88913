"""reader-hf-h5 gives what h5py gives, on files of every version, layout, filter and type that h5py writes."""
import os
import sys
import tempfile

import oracle

np, h5py = oracle.modules("numpy", "h5py")
import oracle_h5
import reader_list

MANY = 1000 if os.environ.get("GGX_SANITIZE") else 10000  # datasets, and attributes; a sanitized program takes thirty times as long
LIBVERS = ["earliest", "v108", "v110", "v112", "v114", "latest"]
DTYPES = ["<f4", ">f4", "<f8", ">f8", "<f2", ">f2", "i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8", "u1", "<u2", ">u2", "<u4",
          ">u4", "<u8", ">u8", "?", "<c8", ">c8", "<c16"]
FILTERS = [{}, {"compression": "gzip"}, {"shuffle": True}, {"fletcher32": True}, {"compression": "gzip", "shuffle": True},
           {"compression": "gzip", "shuffle": True, "fletcher32": True}]


def values(rng, shape, dtype):
    count = int(np.prod(shape, dtype=int))
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, count).astype(dtype).reshape(shape)
    if dtype.kind in "fc":
        return rng.normal(size=count).astype(dtype).reshape(shape)
    raw = rng.integers(0, 256, count * dtype.itemsize, dtype=np.uint8)
    raw[raw % 3 == 0] = 0  # so that something compresses
    return raw.view(dtype).reshape(shape)


def check(program, path, files):
    listing = reader_list.read(program, path)
    assert listing.score == 100
    with h5py.File(path) as file:
        files["tensors"] += oracle_h5.compare(file, listing)
        files["attributes"] += oracle_h5.compare_attributes(file, listing)
    files["files"] += 1
    os.unlink(path)
    return listing


def layouts(rng, file, dtype, name):
    """Each layout and each index of chunks once."""
    data = values(rng, (5, 7), dtype)
    file[name + ".contiguous"] = data
    file[name + ".scalar"] = values(rng, (), dtype)
    file[name + ".empty"] = values(rng, (0, 3), dtype)
    file.create_dataset(name + ".unwritten", (3, 4), dtype)
    if np.dtype(dtype).kind != "b":
        file.create_dataset(name + ".filled", (3, 4), dtype, fillvalue=np.array(3).astype(dtype)[()])
        sparse = file.create_dataset(name + ".sparse", (9, 9), dtype, chunks=(2, 4), fillvalue=np.array(2).astype(dtype)[()])
        sparse[3:5, 1:3] = values(rng, (2, 2), dtype)
    for i, options in enumerate(FILTERS):
        file.create_dataset(f"{name}.single.{i}", data=data, chunks=(5, 7), **options)
        file.create_dataset(f"{name}.fixed.{i}", data=data, chunks=(2, 3), **options)
        file.create_dataset(f"{name}.bounded.{i}", data=data, chunks=(2, 3), maxshape=(11, 9), **options)
        file.create_dataset(f"{name}.grows0.{i}", data=data, chunks=(2, 3), maxshape=(None, 7), **options)
        file.create_dataset(f"{name}.grows1.{i}", data=values(rng, (3, 5, 4), dtype), chunks=(2, 2, 3), maxshape=(3, None, 10),
                            **options)
        file.create_dataset(f"{name}.grows2.{i}", data=data, chunks=(1, 3), maxshape=(None, None), **options)
        shrunk = file.create_dataset(f"{name}.shrunk.{i}", data=data, chunks=(2, 3), maxshape=(None, None), **options)
        shrunk.resize((3, 4))


def early(file, name, data, chunks, maxshape=None):
    """Space for all chunks at once, without filters: chunks without an index."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(chunks)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple(data.shape, maxshape or data.shape)
    dataset = h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(data.dtype), space, plist)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, data)


def compact(file, name, data):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple(data.shape)
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(data.dtype), space, plist).write(h5py.h5s.ALL, h5py.h5s.ALL, data)


def check_types_and_layouts(program, folder, files):
    for n, libver in enumerate(LIBVERS):
        rng = np.random.default_rng(n)
        path = os.path.join(folder, "t.h5")
        with h5py.File(path, "w", libver=libver) as file:
            for dtype in DTYPES:
                layouts(rng, file, dtype, dtype)
            data = values(rng, (6, 10), "<f4")
            early(file, "implicit", data, (2, 3))
            early(file, "implicit.bounded", data, (4, 3), (8, 20))
            compact(file, "compact", data)
            compact(file, "compact.big", data.astype(">i2"))
        check(program, path, files)


def check_scale_offset(program, folder, files):
    """Integers in as few bits as they need, floats with some decimals; with a fill value, with other filters, at both byte orders."""
    for n, libver in enumerate(["earliest", "latest"]):
        rng = np.random.default_rng(n)
        path = os.path.join(folder, "s.h5")
        with h5py.File(path, "w", libver=libver) as file:
            for dtype in ("i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8", "u1", "<u2", ">u2", "<u4", ">u4", "<u8", ">u8"):
                kind, top = np.dtype(dtype), np.iinfo(np.dtype(dtype)).max
                for span in (0, 1, 5, 100, top // 2, top):
                    low = max(int(np.iinfo(kind).min), -span) if kind.kind == "i" else 0
                    data = rng.integers(low, span, (7, 11), dtype=kind.newbyteorder("="), endpoint=True).astype(kind)
                    for name, more in (("", {}), (".filled", {"fillvalue": 3}), (".packed", {"compression": "gzip", "shuffle": True})):
                        file.create_dataset(f"{dtype}.{span}{name}", data=data, chunks=(3, 4), scaleoffset=0, **more)
                file.create_dataset(f"{dtype}.bits", data=(data & 15 if kind.kind == "u" else data % 15), chunks=(3, 4), scaleoffset=4)
            for dtype in ("<f4", ">f4", "<f8", ">f8"):
                for scale in (1, 2, 5):
                    data = (rng.normal(size=(9, 5)) * 100).astype(dtype)
                    file.create_dataset(f"{dtype}.{scale}", data=data, chunks=(4, 5), scaleoffset=scale)
                    file.create_dataset(f"{dtype}.{scale}.filled", data=data, chunks=(4, 5), scaleoffset=scale, fillvalue=7.5, compression="gzip")
                file.create_dataset(f"{dtype}.same", data=np.full((9, 5), 1.25, dtype), chunks=(4, 5), scaleoffset=3)
        check(program, path, files)


def check_many_chunks(program, folder, files):
    """Indexes of several levels and pages."""
    for n, libver in enumerate(["earliest", "v110", "latest"]):
        rng = np.random.default_rng(n)
        path = os.path.join(folder, "c.h5")
        with h5py.File(path, "w", libver=libver) as file:
            for count in (1, 4, 5, 100, 1024, 1025, 5000):
                data = values(rng, (count, 2), "<i2")
                for name, maxshape in [("fixed", None), ("grows", (None, 2)), ("both", (None, None))]:
                    file.create_dataset(f"{name}.{count}", data=data, chunks=(1, 2), maxshape=maxshape)
                    file.create_dataset(f"{name}.gzip.{count}", data=data, chunks=(1, 2), maxshape=maxshape, compression="gzip",
                                        compression_opts=1)
            holes = file.create_dataset("fixed.holes", (9000,), "i1", chunks=(1,), fillvalue=5)
            grows = file.create_dataset("grows.holes", (200000,), "i1", chunks=(1,), maxshape=(None,), fillvalue=5)
            for at in (0, 1, 1023, 1024, 3000, 8999):
                holes[at] = 1
            for at in (0, 3, 4, 19, 20, 5000, 131000, 132000, 140001, 150002, 165003, 180004, 199999):
                grows[at] = 1
        check(program, path, files)


def check_groups(program, folder, files):
    """Few and many children, few and many attributes, long names, deep groups."""
    for n, libver in enumerate(LIBVERS):
        rng = np.random.default_rng(n)
        for count in (1, 8, 9, 300, MANY if n in (0, 5) else 40):
            path = os.path.join(folder, "g.h5")
            with h5py.File(path, "w", libver=libver, track_order=count % 2 == 0) as file:
                for i in range(count):
                    file[f"d{i}" + "é" * (i % 40)] = np.float32(i)
                    group = file.create_group(f"g{i % 20}", track_order=bool(i % 3)) if i < 20 else file[f"g{i % 20}"]
                    group[f"x{i}"] = rng.normal(size=3).astype("f4")
                file["/".join(["deep"] * 25)] = np.arange(4)
                file["alias"] = file["d0"]
                if libver != "earliest":
                    file.attrs["large"] = np.arange(30000)
                    file.attrs["larger"] = np.arange(20000.0)
                for i in range(count if n == 5 else min(count, 300)):  # the old layout keeps all attributes in the object's header
                    file.attrs[f"a{i}"] = [np.int16(i), f"text {i}", [1.5, i], np.bytes_(b"fix" * (i % 5)), "", True,
                                           np.array(i, ">u4"), ["list", "of", "words" * (i % 300)]][i % 8]
            check(program, path, files)


def check_keras_names(program, folder, files):
    """Lists of names: fixed, of variable length, split in parts; weights of the same name in two layers."""
    for n, libver in enumerate(["earliest", "latest"]):
        for style in ("fixed", "variable", "split"):
            path = os.path.join(folder, "k.h5")
            with h5py.File(path, "w", libver=libver) as file:
                root = file if style != "variable" else file.create_group("model_weights")
                layers = [f"layer_{i}" + "n" * 60 for i in range(40)]

                def put(group, key, words):
                    if style == "variable":
                        group.attrs[key] = words
                    elif style == "fixed" or len(words) < 10:
                        group.attrs[key] = np.array([w.encode() for w in words], "S") if words else np.array([], "f8")
                    else:
                        for part in range(4):
                            group.attrs[f"{key}{part}"] = np.array([w.encode() for w in words[part::4]], "S")

                put(root, "layer_names", layers)
                for i, layer in enumerate(layers):
                    group = root.create_group(layer)
                    weights = [] if i % 7 == 0 else ["shared/kernel:0" if i % 5 == 0 else f"{layer}/kernel:0", f"{layer}/bias:0"]
                    put(group, "weight_names", weights)
                    for weight in weights:
                        group[weight] = np.full((2, 3), i, "f4")
                file["optimizer_weights/Adam/m"] = np.zeros(3)
                file["stray"] = np.ones(2)
            check(program, path, files)


def check_user_block(program, folder, files):
    for size in (512, 1024):
        path = os.path.join(folder, "u.h5")
        with h5py.File(path, "w", userblock_size=size) as file:
            file["w"] = np.arange(9, dtype="f4")
            file.create_dataset("z", data=np.arange(99), chunks=(7,), compression="gzip")
        check(program, path, files)


def refused(program, path, part, status=-8):
    try:
        reader_list.read(program, path)
    except reader_list.Refused as error:
        assert error.status == status and part in str(error), error
    else:
        raise AssertionError(f"taken, though: {part}")


def check_refusals(program, folder, files):
    path = os.path.join(folder, "r.h5")
    for part, make in [
            ("soft link", lambda f: f.__setitem__("s", h5py.SoftLink("/w"))),
            ("external link", lambda f: f.__setitem__("e", h5py.ExternalLink("other.h5", "/w"))),
            ("external storage", lambda f: f.create_dataset("x", (4,), "f4", external=[("other.bin", 0, 16)])),
            ("filter 32000", lambda f: f.create_dataset("x", data=np.arange(100), compression="lzf")),
            ("virtual", lambda f: f.create_virtual_dataset("v", h5py.VirtualLayout((4,), "f4"))),
            ("holds itself", lambda f: f.create_group("g").__setitem__("again", f["/"])),
            ("dimensions", lambda f: f.__setitem__("d", np.zeros((1,) * 9, "f4")))]:
        with h5py.File(path, "w", libver="latest" if part == "virtual" else "earliest") as file:
            file["w"] = np.arange(4, dtype="f4")
            make(file)
        refused(program, path, part)


def check_others(program, folder, files):
    """Datasets that are no numbers are passed over."""
    path = os.path.join(folder, "o.h5")
    for libver in LIBVERS:
        with h5py.File(path, "w", libver=libver) as file:
            file["w"] = np.arange(4, dtype="f4")
            file["text"] = "hello"
            file["texts"] = np.array([b"a", b"bc"])
            file["pairs"] = np.zeros(3, [("x", "f4"), ("y", "i4")])
            file["vlen"] = h5py.Empty("f4")
            file["ref"] = file["w"].ref
            file["type"] = np.dtype("f8")
            file.create_dataset("committed", data=np.ones(3), dtype=file["type"])
            file["enum"] = np.array([1, 2], h5py.enum_dtype({"A": 1, "B": 2}, "i2"))
        listing = check(program, path, files)
        assert set(listing.tensors) == {"w", "committed", "enum"}, set(listing.tensors)


if __name__ == "__main__":
    total = {"files": 0, "tensors": 0, "attributes": 0}
    with tempfile.TemporaryDirectory() as where:
        for step in (check_types_and_layouts, check_scale_offset, check_many_chunks, check_groups, check_keras_names, check_user_block,
                     check_refusals, check_others):
            step(sys.argv[1], where, total)
    print(total)
    oracle.finish()
