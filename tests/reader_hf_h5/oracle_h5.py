"""What h5py says about a file, in the terms of reader-hf-h5."""
import h5py
import numpy as np

TYPES = {("f", 8): "f64", ("f", 4): "f32", ("f", 2): "f16", ("c", 8): "c64", ("c", 16): "c128", ("b", 1): "bool"}


def type_of(dtype):
    base = h5py.check_enum_dtype(dtype)
    if base is not None:
        dtype = np.dtype(dtype.str)
    if dtype.kind in "iu":
        return f"{dtype.kind}{8 * dtype.itemsize}"
    return TYPES.get((dtype.kind, dtype.itemsize))


def text(value):
    return value.encode() if isinstance(value, str) else bytes(value)


def names(group, key):
    """A Keras list of names, split or not."""
    if key in group.attrs:
        return [text(n).decode() for n in group.attrs[key]]
    found, part = [], 0
    while f"{key}{part}" in group.attrs:
        found += [text(n).decode() for n in group.attrs[f"{key}{part}"]]
        part += 1
    return found


def has_names(group):
    return "layer_names" in group.attrs or "layer_names0" in group.attrs


def tensors(file):
    """name → dataset, in the order that the reader gives: Keras's own, then the others in any order."""
    root = file if has_names(file) else file.get("model_weights")
    named, used = {}, set()
    if root is not None and isinstance(root, h5py.Group) and has_names(root):
        for layer in names(root, "layer_names"):
            for weight in names(root[layer], "weight_names"):
                dataset = root[layer][weight]
                if dataset.name in used:
                    continue
                used.add(dataset.name)
                named[weight if weight not in named else f"{layer}/{weight}"] = dataset
    others = {}

    def visit(group, prefix):
        for key in group:
            child = group[key]
            path = prefix + key
            if isinstance(child, h5py.Group):
                visit(child, path + "/")
            elif isinstance(child, h5py.Dataset) and "/" + path not in used:
                others[path] = child

    visit(file, "")
    return named, others


def compare(file, listing):
    """Asserts that the listing has exactly what h5py finds; gives the number of tensors compared."""
    named, others = tensors(file)
    kept = {n: d for n, d in {**named, **others}.items() if type_of(d.dtype) and d.shape is not None}
    assert list(listing.tensors)[:len(named)] == list(named), "order of the layers' weights"
    assert set(listing.tensors) == set(kept), set(listing.tensors) ^ set(kept)
    for name, dataset in kept.items():
        got = listing.tensors[name]
        assert (got.type, got.shape) == (type_of(dataset.dtype), dataset.shape), (name, got.type, got.shape)
        wanted = dataset[()]
        base = np.dtype(dataset.dtype.str) if h5py.check_enum_dtype(dataset.dtype) else dataset.dtype
        wanted = np.ascontiguousarray(wanted, base)
        same = np.ascontiguousarray(got.array().astype(got.array().dtype.newbyteorder("<"))).tobytes() == \
            np.ascontiguousarray(wanted.astype(wanted.dtype.newbyteorder("<"))).tobytes()
        assert same, f"{name}: the values differ"
        assert bool(got.flags & 1) == name.startswith(("optimizer_weights/", "optimizer/")), name
    return len(kept)


def compare_attributes(file, listing):
    """Scalars and lists of numbers and strings on the root group."""
    count = 0
    for key, value in file.attrs.items():
        stored = file.attrs.get_id(key)
        if h5py.check_string_dtype(stored.dtype) or stored.dtype.kind == "S":
            wanted = text(value) if stored.shape == () else [text(v) for v in np.ravel(value)]
        elif stored.dtype.kind in "iufb" and type_of(stored.dtype) not in (None, "f16"):
            wanted = np.ravel(value).tolist() if stored.shape else np.asarray(value).item()
        else:
            continue
        if len(stored.shape) > 1:
            continue
        assert key in listing.kvs, key
        got = listing.kvs[key]
        if isinstance(wanted, list) and wanted and isinstance(wanted[0], bytes):
            wanted, got = [w.rstrip(b"\0") for w in wanted], [g.rstrip(b"\0") for g in got]
        assert got == wanted, (key, got, wanted)
        count += 1
    return count
