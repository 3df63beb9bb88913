"""reader-pth against PyTorch itself: types, strides, sharing, both containers, protocols, modules, TorchScript, real files."""
import collections
import glob
import io
import os
import pathlib
import struct
import sys
import tempfile
import zipfile

import oracle

torch, = oracle.modules("torch")
import reader_list

TYPES = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16", "int64": "i64", "int32": "i32", "int16": "i16",
         "int8": "i8", "uint8": "u8", "bool": "bool", "complex64": "c64", "complex128": "c128", "uint16": "u16", "uint32": "u32",
         "uint64": "u64", "float8_e4m3fn": "f8_e4m3", "float8_e5m2": "f8_e5m2", "float8_e4m3fnuz": "f8_e4m3fnuz",
         "float8_e5m2fnuz": "f8_e5m2fnuz", "float8_e8m0fnu": "f8_e8m0", "complex32": "c32"}


def flatten(value, name=""):
    """Tensors by dotted name, scalars too; the naming of the documentation, said once more."""
    if isinstance(value, torch.Tensor):
        yield name or "tensor", value
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, (str, int)):
                yield from flatten(item, f"{name}.{int(key) if not isinstance(key, str) else key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from flatten(item, f"{name}.{i}" if name else str(i))


def bytes_of(tensor):
    return tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() \
        if tensor.numel() else b""


def turn(data, unit):
    return b"".join(data[i:i + unit][::-1] for i in range(0, len(data), unit))


def same(listing, wanted, what):
    assert list(listing.tensors) == list(wanted), f"{what}: {list(listing.tensors)[:9]} {list(wanted)[:9]}"
    for name, tensor in wanted.items():
        mine, kind = listing.tensors[name], str(tensor.dtype)[6:]
        assert mine.type == TYPES[kind], f"{what}: {name}: {mine.type} {kind}"
        assert mine.shape == tuple(tensor.shape), f"{what}: {name}: {mine.shape} {tuple(tensor.shape)}"
        unit = tensor.element_size() // (2 if tensor.is_complex() else 1)
        data = turn(mine.data, unit) if mine.order == ">" else mine.data
        assert data == bytes_of(tensor), f"{what}: {name}"


def matrix():
    out = collections.OrderedDict()
    generator = torch.Generator().manual_seed(1)
    for kind in TYPES:
        dtype = getattr(torch, kind)
        for shape in ((), (0,), (5,), (2, 3), (2, 0, 3), (3, 4, 5)):
            size = torch.empty(0, dtype=dtype).element_size()
            raw = torch.randint(0, 2 if kind == "bool" else 255, (max(1, int(torch.Size(shape).numel())) * size,), dtype=torch.uint8, generator=generator)
            tensor = raw.view(dtype)[:torch.Size(shape).numel()].reshape(shape).clone()
            out[f"{kind}.{'x'.join(map(str, shape))}"] = tensor
            if len(shape) > 1 and tensor.numel():
                out[f"{kind}.{len(shape)}t"] = tensor.transpose(0, 1)
    return out


def views():
    base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
    tied = torch.nn.Parameter(torch.ones(4, 3))
    return {"base": base, "permuted": base.permute(2, 0, 1), "cut": base[1:, ::2, 1:4], "column": base[:, :, 2], "row": base[1, 2],
            "one": base[1, 2, 3], "wide": torch.arange(3.).expand(4, 3), "all": torch.tensor(7.).expand(2, 3), "tied.a": tied, "tied.b": tied,
            "diagonal": torch.arange(16.).reshape(4, 4).diagonal(), "unfold": torch.arange(9.).unfold(0, 3, 2),
            "last": torch.arange(10, dtype=torch.int16)[7:], "ones": torch.zeros(1, 1, 1), "none": base[:0], "unit": torch.arange(6.).as_strided((1, 3), (99, 2))}


def save(value, path, **how):
    torch.save(value, path, **how)
    return path


def rezip(source, target, method, change=None):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", method) as new:
        for info in old.infolist():
            name, data = info.filename, old.read(info)
            new.writestr(name, change(name, data) if change else data)
    return target


def check_matrix(program, folder):
    path, other = os.path.join(folder, "a.pt"), os.path.join(folder, "b.pt")
    for made in (matrix(), views()):
        for how in ({}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 4}, {"pickle_protocol": 5}):
            value = made
            if not how.get("_use_new_zipfile_serialization", True):  # types newer than that container have no storage class in it
                value = {k: v for k, v in made.items() if not k.startswith(("uint16", "uint32", "uint64", "float8", "complex32"))}
            listing = reader_list.read(program, save(value, path, **how))
            assert listing.score == 100
            same(listing, dict(flatten(value)), how)
            same(reader_list.read(program, path), dict(flatten(torch.load(path, weights_only=False))), how)
        save(made, path)
        same(reader_list.read(program, rezip(path, other, zipfile.ZIP_DEFLATED)), dict(flatten(made)), "deflated")
        listing = reader_list.read(program, path, options={"pth.verify": 1})
        same(listing, dict(flatten(made)), "verified")
    sharing = listing.tensors
    assert sharing["base"].storage and sharing["base"].storage == sharing["permuted"].storage == sharing["one"].storage
    assert sharing["tied.a"].storage == sharing["tied.b"].storage != sharing["base"].storage
    assert sharing["diagonal"].storage == 0
    assert sharing["none"].storage == 0 and sharing["row"].storage == sharing["base"].storage  # an empty one between them shares nothing
    torch.serialization.set_crc32_options(False)
    same(reader_list.read(program, save(made, path), options={"pth.verify": 1}), dict(flatten(made)), "without CRCs")
    torch.serialization.set_crc32_options(True)


def check_big_endian(program, folder):
    made = {k: v for k, v in matrix().items() if k.endswith("3x4x5")}
    path, other = save(made, os.path.join(folder, "a.pt")), os.path.join(folder, "b.pt")
    units = [t.element_size() // (2 if t.is_complex() else 1) for t in made.values()]

    def change(name, data):
        if name.endswith("/byteorder"):
            return b"big"
        key = name.rpartition("/data/")[2]
        return turn(data, units[int(key)]) if key.isdigit() else data

    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        rezip(path, other, method, change)
        listing = reader_list.read(program, other)
        same(listing, made, "big-endian")
        # of types without a storage class PyTorch turns no bytes, and so reads them wrong on this machine
        theirs = {k: t for k, t in torch.load(other, weights_only=True).items() if not k.startswith(("uint16", "uint32", "uint64", "complex32"))}
        same(reader_list.Listing(100, {}, {}, {k: listing.tensors[k] for k in theirs}), theirs, "big-endian, as PyTorch reads it")


def check_structures(program, folder):
    path = os.path.join(folder, "a.pt")
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Sequential(torch.nn.Linear(4, 2)))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    value = {"epoch": 3, "best": 0.5, "name": "näme", "done": True, "sizes": [1, 2, 3], "names": ["a", "b"], "none": None, "mixed": [1, "a"],
             "big": 1 << 80, "negative": -5, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), 7: torch.ones(2),
             "set": {1, 2}, "size": torch.Size([3, 4]), "device": torch.device("cpu"), "dtype": torch.float32}
    listing = reader_list.read(program, save(value, path))
    same(listing, dict(flatten(value)), "checkpoint")
    kvs = {"epoch": 3, "best": 0.5, "name": "näme".encode(), "done": True, "sizes": [1, 2, 3], "names": [b"a", b"b"], "mixed.0": 1, "mixed.1": b"a",
           "negative": -5, "size": [3, 4]}
    assert {k: listing.kvs.get(k) for k in kvs} == kvs, listing.kvs
    assert all(t.flags == (1 if name.startswith("optimizer.") else 0) for name, t in listing.tensors.items())
    assert not any(k.startswith("optimizer") for k in listing.kvs)
    same(reader_list.read(program, path, options={"pth.select": "state_dict"}), model.state_dict(), "pth.select")
    for whole in ({}, {"_use_new_zipfile_serialization": False}):
        same(reader_list.read(program, save(model, path, **whole)), model.state_dict(), "a whole module")
    same(reader_list.read(program, save([torch.ones(1), {"a": torch.zeros(2)}], path)), {"0": torch.ones(1), "1.a": torch.zeros(2)}, "a list")
    same(reader_list.read(program, save(torch.ones(3), path)), {"tensor": torch.ones(3)}, "a tensor alone")
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.note = "attributes make another rebuild function"
    same(reader_list.read(program, save({"p": parameter}, path)), {"p": parameter}, "a parameter with attributes")


class Pipe(io.RawIOBase):
    """What cannot seek: sizes and CRCs follow the data, in descriptors."""

    def __init__(self):
        self.bytes = b""

    def writable(self):
        return True

    def write(self, data):
        self.bytes += bytes(data)
        return len(data)


def check_zips(program, folder):
    """Stored and deflated, with and without zip64 fields, with sizes in front or behind."""
    path, made = os.path.join(folder, "a.pt"), {"w": torch.randn(7, 9), "h": torch.arange(5)}
    with zipfile.ZipFile(save(made, os.path.join(folder, "b.pt"))) as old:
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            for wide in (False, True):
                for pipe in (Pipe(), None):
                    with zipfile.ZipFile(pipe or path, "w", method) as new:
                        for info in old.infolist():
                            with new.open(info.filename, "w", force_zip64=wide) as entry:
                                entry.write(old.read(info))
                    if pipe:
                        pathlib.Path(path).write_bytes(pipe.bytes)
                    same(reader_list.read(program, path), dict(flatten(torch.load(path, weights_only=True))), f"zip {method} {wide} {bool(pipe)}")


def check_tar(program, folder):
    """The form of before 0.1.10, which PyTorch still reads: as it reads it."""
    sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "corpus"))
    import make_pth as make
    classes = {"DoubleStorage": ("d", 8), "FloatStorage": ("f", 4), "HalfStorage": ("e", 2), "LongStorage": ("q", 8), "IntStorage": ("i", 4), "ShortStorage": ("h", 2),
               "CharStorage": ("b", 1), "ByteStorage": ("B", 1)}
    storages, tensors, words = [], [], {}
    for i, (cls, (code, size)) in enumerate(classes.items()):
        storages.append((1000 + i, cls, 60, struct.pack(f"<60{code}", *range(60))))
        for k, (shape, stride, first) in enumerate([((3, 4, 5), (20, 5, 1), 0), ((5, 4, 3), (1, 5, 20), 0), ((), (), 59), ((2, 3), (10, 2), 7), ((0,), (1,), 0)]):
            where = (1 << 44) + i * 100 + k
            tensors.append((where, 1000 + i, shape, stride, first))
            words[f"{cls}{k}"] = make.tensor_at(where)
    views = [(5000, 1001, 10, 20)]
    tensors.append((9, 5000, (4, 5), (5, 1), 0))
    module = make.MARK + make.name("torch.nn.modules.linear", "Linear") + make.NONE + make.NONE + make.TUPLE + make.PERSID
    parameter = make.name("torch.nn.parameter", "Parameter") + make.tensor_at(9) + b"\x85" + make.REDUCE
    parts = make.pairs(training=b"\x88", _parameters=make.pairs(weight=parameter, bias=make.NONE), _buffers=make.EMPTY_DICT, _modules=make.EMPTY_DICT)
    path = os.path.join(folder, "old.pth.tar")
    for order in (("sys_info", "pickle", "tensors", "storages"), ("storages", "tensors", "pickle")):
        with open(path, "wb") as file:
            file.write(make.tar(make.pairs(epoch=make.number(7), state_dict=make.pairs(view=make.tensor_at(9), **words)), storages, tensors, views, order))
        listing = reader_list.read(program, path)
        assert listing.score == 100 and listing.kvs == {"epoch": 7}, listing.kvs
        same(listing, dict(flatten(torch.load(path, weights_only=False))), "the old tar")
        assert listing.tensors["state_dict.view"].storage == listing.tensors["state_dict.FloatStorage0"].storage != 0
    with open(path, "wb") as file:
        file.write(make.tar(module + make.EMPTY_TUPLE + make.NEWOBJ + parts + make.BUILD, storages, tensors, views))
    same(reader_list.read(program, path), {"weight": torch.load(path, weights_only=False).weight}, "a module in the old tar")


def check_modules(program, folder):
    """Modules of torch.nn, saved whole: their state, and buffers beyond it."""
    nn, path = torch.nn, os.path.join(folder, "m.pt")
    for model in (nn.LSTM(3, 4, 2, bidirectional=True), nn.GRU(2, 3), nn.TransformerEncoderLayer(8, 2, 16), nn.TransformerEncoderLayer(8, 2, 16, activation="gelu"),
                  nn.Transformer(8, 2, 1, 1, 16), nn.MultiheadAttention(8, 2), nn.Embedding(5, 3, padding_idx=1), nn.ConvTranspose2d(2, 3, 2), nn.GroupNorm(2, 4),
                  nn.PReLU(), nn.Bilinear(2, 3, 4), nn.SyncBatchNorm(3), nn.ModuleDict({"a": nn.Linear(2, 3)}), nn.ParameterList([nn.Parameter(torch.ones(2))]),
                  nn.AdaptiveLogSoftmaxWithLoss(4, 10, [2, 5]), nn.utils.spectral_norm(nn.Linear(3, 4)), nn.utils.weight_norm(nn.Linear(3, 4))):
        torch.save(model, path)
        listing, wanted = reader_list.read(program, path), model.state_dict()
        assert set(wanted) <= set(listing.tensors), (model, set(wanted) - set(listing.tensors))
        for name, tensor in wanted.items():
            assert (listing.tensors[name].shape, listing.tensors[name].data) == (tuple(tensor.shape), bytes_of(tensor)), (model, name)


def check_pairs(program, folder):
    """float4_e2m1fn_x2: PyTorch counts pairs, ggx elements, as safetensors does."""
    path = os.path.join(folder, "a.pt")
    raw = torch.arange(24, dtype=torch.uint8).reshape(4, 6)
    save({"w": raw.view(torch.float4_e2m1fn_x2)}, path)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        listing = reader_list.read(program, rezip(path, os.path.join(folder, "b.pt"), method))
        assert (listing.tensors["w"].type, listing.tensors["w"].shape, listing.tensors["w"].data) == ("f4", (4, 12), bytes(range(24)))
    refused(program, save({"w": raw.view(torch.float4_e2m1fn_x2).t()}, path), "'w'")


def check_torchscript(program, folder):
    path = os.path.join(folder, "script.pt")
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    model.eval()
    torch.jit.trace(model, torch.ones(1, 1, 8, 8)).save(path)
    listing = reader_list.read(program, path)
    wanted = model.state_dict()
    mine = {k: t for k, t in listing.tensors.items() if not k.startswith("constants")}
    assert sorted(mine) == sorted(wanted), sorted(mine)
    for name, tensor in wanted.items():
        assert mine[name].shape == tuple(tensor.shape) and mine[name].data == bytes_of(tensor), name

    table, other = torch.arange(3.), torch.ones(2, 3, dtype=torch.float64)

    def with_constant(x):
        return x + table + other

    torch.jit.trace(with_constant, torch.ones(3)).save(path)
    constants = reader_list.read(program, path).tensors
    kept = torch.jit.load(path).code_with_constants[1].const_mapping
    assert kept and {int(k[1:]): v for k, v in kept.items()}.keys() == {int(k.split(".")[1]) for k in constants}, (kept, list(constants))
    for name, tensor in kept.items():
        assert constants[f"constants.{int(name[1:])}"].data == bytes_of(tensor), name

    class Odd(torch.nn.Module):
        """A tensor that is neither parameter nor buffer, and one in a list."""

        def __init__(self):
            super().__init__()
            self.table = torch.arange(6.)
            self.parts = [torch.ones(2), torch.zeros(3)]

        def forward(self, x):
            return x + self.table + self.parts[0].sum()

    torch.jit.script(Odd()).save(path)
    mine = reader_list.read(program, path).tensors
    assert mine["table"].data == bytes_of(torch.arange(6.)), list(mine)
    assert [mine[f"parts.{i}"].shape for i in range(2)] == [(2,), (3,)], list(mine)


def check_golden(program):
    """Folders of models, sharded and not: the tensors that PyTorch loads from their files."""
    for case in ("02-gpt2-hf-bin-sharded", "02-gpt2-hf-bin-zip", "02-gpt2-hf-bin-legacy", "02-gpt2-hf-bin-attnbias"):
        folder = oracle.case(os.path.join("golden", case, "in"))
        if not folder:
            continue
        wanted, names = {}, sorted(os.listdir(folder))
        for name in names:
            if name.endswith(".bin"):
                wanted.update(torch.load(os.path.join(folder, name), weights_only=True))
        files = [os.path.join(folder, name) for name in names]
        listing = reader_list.read(program, *files, folder=folder, source="d")
        assert listing.score == 100, case
        same(listing, wanted, case)


def refused(program, path, word):
    try:
        reader_list.read(program, path)
    except reader_list.Refused as error:
        assert word in str(error), error
        return
    raise AssertionError(f"read, wanted: {word}")


class Custom:
    """A class of nobody's list."""

    def __init__(self):
        self.x = torch.ones(1)


def check_refused(program, folder):
    path = os.path.join(folder, "a.pt")
    refused(program, save({"q": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}, path), "'q'")
    refused(program, save({"s": torch.eye(3).to_sparse()}, path), "'s'")
    refused(program, save({"s": torch.eye(3).to_sparse_csr()}, path), "'s'")
    refused(program, save({"b": torch.zeros(4, dtype=torch.uint8).view(torch.bits8)}, path), "torch bits8")
    refused(program, save({"m": torch.empty(3, device="meta")}, path), "'m'")
    refused(program, save({"c": Custom()}, path), "Custom")
    refused(program, save({"n": torch.ones((1,) * 9)}, path), "8 axes")


def check_real(program):
    root, count = oracle.case("real/pth"), 0
    for path in sorted(glob.glob(os.path.join(root or "/nowhere", "**", "*"), recursive=True)):
        if os.path.isdir(path) or "LICENSE" in path or path.endswith((".json", ".md", ".zip")):
            continue
        try:
            loaded = torch.load(path, weights_only=True, map_location="cpu")
        except Exception as error:
            try:  # TorchScript, which torch.load hands on to another loader; or broken on purpose
                loaded = {k: v for k, v in torch.jit.load(path).state_dict().items()}
            except Exception:
                refused(program, path, "")
                continue
        listing = reader_list.read(program, path)
        same(listing, dict(flatten(loaded)), path)
        count += 1
    for path in sorted(glob.glob(os.path.join(root or "/nowhere", "sb3", "**", "*.zip"), recursive=True)):
        with zipfile.ZipFile(path) as archive:
            for name in ("policy.pth", "policy.optimizer.pth"):
                loaded = torch.load(io.BytesIO(archive.read(name)), weights_only=True)
                same(reader_list.read(program, path, options={"pth.member": name}), dict(flatten(loaded)), path)
                count += 1
    print(f"{count} real files")


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        check_matrix(program, folder)
        check_big_endian(program, folder)
        check_structures(program, folder)
        check_zips(program, folder)
        check_tar(program, folder)
        check_modules(program, folder)
        check_pairs(program, folder)
        check_torchscript(program, folder)
        check_refused(program, folder)
    check_golden(program)
    check_real(program)
    oracle.finish()


main()
