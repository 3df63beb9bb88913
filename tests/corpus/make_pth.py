#!/usr/bin/env python3
"""Writes the corpora reader_pth and sdk_pickle: checkpoints good and bad, put together opcode by opcode, without PyTorch."""
import io
import json
import pathlib
import struct
import tarfile
import zipfile

PROTO, STOP, MARK, EMPTY_DICT, EMPTY_LIST, EMPTY_TUPLE, NONE = b"\x80\x02", b".", b"(", b"}", b"]", b")", b"N"
REDUCE, NEWOBJ, BUILD, SETITEMS, SETITEM, APPEND, TUPLE, PERSID = b"R", b"\x81", b"b", b"u", b"s", b"a", b"t", b"Q"


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    return b"J" + struct.pack("<i", value) if -1 << 31 <= value < 1 << 31 else b"\x8a\x08" + struct.pack("<q", value)


def name(module, name):
    return f"c{module}\n{name}\n".encode()


def numbers(values):
    return MARK + b"".join(number(v) for v in values) + TUPLE


def storage(key="0", count=6, cls="FloatStorage", view=None):
    tail = NONE if view is None else MARK + text("v") + number(view) + number(1) + TUPLE
    return MARK + text("storage") + name("torch", cls) + text(key) + text("cpu") + number(count) + (tail if view is not None else b"") + TUPLE + PERSID


def tensor(store=None, offset=0, size=(2, 3), stride=(3, 1)):
    arguments = (storage() if store is None else store) + number(offset) + numbers(size) + numbers(stride)
    return name("torch._utils", "_rebuild_tensor_v2") + MARK + arguments + b"\x89" + name("collections", "OrderedDict") + EMPTY_TUPLE + REDUCE + TUPLE + REDUCE


def pairs(**items):
    return EMPTY_DICT + MARK + b"".join(text(k) + v for k, v in items.items()) + SETITEMS


def pickled(body):
    return PROTO + body + STOP


def archive(body, storages=None, method=zipfile.ZIP_STORED, byteorder=None, folder="archive"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        made.writestr(zipfile.ZipInfo(f"{folder}/data.pkl"), pickled(body), method)
        if byteorder:
            made.writestr(zipfile.ZipInfo(f"{folder}/byteorder"), byteorder)
        for key, data in ({"0": bytes(range(24))} if storages is None else storages).items():
            made.writestr(zipfile.ZipInfo(f"{folder}/data/{key}"), data, method)
    return out.getvalue()


def stream(body, keys=("0",), payloads=((6, bytes(range(24))),)):
    magic = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
    out = pickled(magic) + pickled(b"M\xe9\x03") + pickled(pairs(little_endian=b"\x88")) + pickled(body)
    out += pickled(EMPTY_LIST + b"".join(text(k) + APPEND for k in keys))
    return out + b"".join(struct.pack("<q", count) + data for count, data in payloads)


def key(value):
    """A number of PyTorch's old tar, the address of something: more than 32 bits."""
    return number(value)


def tensor_at(where):
    return text(str(where)) + PERSID


def tar(body, storages=((1 << 46, "FloatStorage", 6, bytes(range(24))),), tensors=((7 << 40, 1 << 46, (2, 3), (3, 1), 0),), views=(), order=("sys_info", "pickle", "tensors", "storages"),
        kind=tarfile.REGTYPE):
    """What torch.save of 0.1.9 wrote (torch/serialization.py, legacy_load)."""
    stored = pickled(number(len(storages)))
    for where, cls, count, data in storages:
        stored += pickled(MARK + key(where) + text("cpu") + name("torch", cls) + TUPLE) + struct.pack("<q", count) + data
    stored += pickled(EMPTY_LIST + b"".join(MARK + b"".join(number(n) for n in view) + TUPLE + APPEND for view in views))
    described = pickled(number(len(tensors)))
    for where, store, size, stride, first in tensors:
        described += pickled(MARK + key(where) + key(store) + name("torch", "FloatTensor") + TUPLE)
        described += struct.pack(f"<ii{2 * len(size) + 1}q", len(size), 0, *size, *stride, first)
    files = {"sys_info": pickled(pairs(little_endian=b"\x88")), "pickle": pickled(body), "tensors": described, "storages": stored}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as made:
        for entry in order:
            info = tarfile.TarInfo(entry)
            info.size, info.type, info.linkname = len(files[entry]), kind if entry == "storages" else tarfile.REGTYPE, ""
            made.addfile(info, io.BytesIO(files[entry]))
    return out.getvalue()


def tar_of_others():
    """As create_tar_format.py of burn's tests writes it: no `tensors`, texts as keys, storages that are no persistent ids."""
    body = name("collections", "OrderedDict") + MARK + EMPTY_LIST
    for i, (word, cls, count) in enumerate((("a.w", "FloatStorage", 6), ("b", "DoubleStorage", 3))):
        store = MARK + text("storage") + name("torch", cls) + text(str(i)) + text("cpu") + number(count) + TUPLE
        shape = dict(size=(2, 3), stride=(3, 1)) if i == 0 else dict(size=(3,), stride=(1,))
        body += MARK + text(word) + tensor(store, **shape) + TUPLE + APPEND
    stored = pickled(number(2)) + b"".join(pickled(MARK + text(str(i)) + text("cpu") + name("torch", cls) + TUPLE) + struct.pack("<q", count) + bytes(range(24))
                                           for i, (cls, count) in enumerate((("FloatStorage", 6), ("DoubleStorage", 3))))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for entry, data in (("sys_info", pickled(EMPTY_DICT)), ("pickle", pickled(body + TUPLE + REDUCE)), ("storages", stored)):
            info = tarfile.TarInfo(entry)
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return out.getvalue()


def call(module, function, *arguments):
    return name(module, function) + MARK + b"".join(arguments) + TUPLE + REDUCE


CYCLE = EMPTY_LIST + b"q\x00" + b"h\x00" + APPEND
# forty lists, each of which holds the one before it twice: 2^40 values to walk, 400 bytes to store
DOUBLING = EMPTY_LIST + b"q\x00" + b"".join(EMPTY_LIST + (b"h" + bytes((i,)) + APPEND) * 2 + b"q" + bytes((i + 1,)) for i in range(40))
DOUBLING = MARK + DOUBLING + TUPLE
MODULE = name("torch.nn.modules.linear", "Linear") + EMPTY_TUPLE + NEWOBJ + pairs(training=b"\x88", _parameters=pairs(weight=tensor()),
                                                                                  _buffers=EMPTY_DICT, _modules=EMPTY_DICT) + BUILD
# name → (whether it must be read, bytes, a word of the refusal)
CASES = {
    "zip": (True, archive(pairs(w=tensor(), epoch=number(3), name=text("x"))), ""),
    "zip_deflated": (True, archive(pairs(w=tensor(), v=tensor(size=(3, 2), stride=(1, 3))), method=zipfile.ZIP_DEFLATED), ""),
    "zip_big": (True, archive(pairs(w=tensor()), byteorder="big"), ""),
    "zip_broadcast": (True, archive(pairs(w=tensor(size=(2, 3), stride=(0, 0)), s=tensor(offset=5, size=(), stride=()))), ""),
    "zip_module": (True, archive(MODULE), ""),
    "zip_list": (True, archive(EMPTY_LIST + tensor() + APPEND), ""),
    "zip_ordered": (True, archive(name("collections", "OrderedDict") + EMPTY_TUPLE + REDUCE + text("w") + tensor() + SETITEM), ""),
    "stream": (True, stream(pairs(w=tensor(), h=tensor(store=storage(view=2), size=(1,), stride=(1,)))), ""),
    "stream_empty": (True, stream(EMPTY_DICT, (), ()), ""),
    "call_system": (False, archive(pairs(w=tensor(), x=call("os", "system", text("true")))), "'os.system'"),
    "call_posix": (False, archive(call("posix", "system", text("true"))), "'posix.system'"),
    "call_eval": (False, stream(call("builtins", "eval", text("1")), (), ()), "'builtins.eval'"),
    "call_old_eval": (False, archive(call("__builtin__", "eval", text("1"))), "'__builtin__.eval'"),
    "call_getattr": (False, archive(call("builtins", "getattr", text("1"))), "'builtins.getattr'"),
    "call_stack_global": (False, archive(text("os") + text("system") + b"\x93" + text("true") + b"\x85" + REDUCE), "'os.system'"),
    "call_hub": (False, archive(call("torch.hub", "load", text("x"))), "'torch.hub.load'"),
    "call_load": (False, archive(call("torch", "load", text("x"))), "'torch.load'"),
    "call_similar": (False, archive(call("torch._utils", "_rebuild_tensor_v2x", text("x"))), "_rebuild_tensor_v2x"),
    "class_custom": (False, archive(name("__main__", "Net") + EMPTY_TUPLE + NEWOBJ), "'__main__.Net'"),
    "opcode_inst": (False, archive(MARK + b"ios\nsystem\n"), "opcode 0x69"),
    "opcode_dup": (False, archive(EMPTY_LIST + b"2"), "opcode 0x32"),
    "opcode_ext": (False, archive(b"\x82\x01"), "opcode 0x82"),
    "underflow": (False, archive(APPEND), "nothing on the stack"),
    "below_mark": (False, archive(EMPTY_LIST + MARK + number(1) + APPEND), "does not find"),
    "no_mark": (False, archive(EMPTY_DICT + SETITEMS), "no mark"),
    "odd_items": (False, archive(EMPTY_DICT + MARK + number(1) + SETITEMS), "no value"),
    "two_left": (False, archive(NONE + NONE), "2 values"),
    "memo_unset": (False, archive(b"h\x05"), "never set"),
    "memo_huge": (False, archive(NONE + b"r\xff\xff\xff\x7f"), "memo number 2147483647"),
    "text_huge": (False, archive(b"X\xff\xff\xff\xff"), "more than are left"),
    "call_number": (False, archive(number(1) + EMPTY_TUPLE + REDUCE), "no global"),
    "build_number": (False, archive(number(1) + EMPTY_DICT + BUILD), "no state"),
    "cycle": (False, archive(CYCLE), "nested deeper"),
    "doubling": (False, archive(DOUBLING), "without end"),
    "deep": (False, archive(EMPTY_LIST * 300 + APPEND * 299), "nested deeper"),
    "storage_short": (False, archive(pairs(w=tensor()), {"0": bytes(23)}), "has 23"),
    "storage_long": (False, archive(pairs(w=tensor()), {"0": bytes(25)}), "has 25"),
    "storage_missing": (False, archive(pairs(w=tensor()), {}), "not in the zip"),
    "storage_class": (False, archive(pairs(w=tensor(storage(cls="StringStorage")))), "'torch.StringStorage'"),
    "storage_climbs": (False, archive(pairs(w=tensor(storage(key="../data.pkl")))), "not in the zip"),
    "storage_none": (False, archive(pairs(w=tensor(NONE))), "none"),
    "beyond": (False, archive(pairs(w=tensor(offset=1))), "beyond its storage"),
    "beyond_stride": (False, archive(pairs(w=tensor(stride=(4, 1)))), "beyond its storage"),
    "overflow": (False, archive(pairs(w=tensor(size=(1 << 62, 8), stride=(8, 1)))), "overflows"),
    "overflow_stride": (False, archive(pairs(w=tensor(size=(3, 3), stride=((1 << 63) - 1, (1 << 63) - 1)))), "overflows"),
    "negative": (False, archive(pairs(w=tensor(size=(-1, 3)))), "from 0 on"),
    "negative_stride": (False, archive(pairs(w=tensor(stride=(-3, 1)))), "from 0 on"),
    "ranks_differ": (False, archive(pairs(w=tensor(size=(6,)))), "broken"),
    "nine_axes": (False, archive(pairs(w=tensor(size=(1,) * 9, stride=(1,) * 9))), "8 axes"),
    "name_twice": (False, archive(EMPTY_DICT + text("w") + tensor() + SETITEM + text("w") + tensor() + SETITEM), "occurs twice"),
    "stream_cut": (False, stream(pairs(w=tensor()))[:-1], "cut short"),
    "stream_count": (False, stream(pairs(w=tensor()), payloads=((7, bytes(28)),)), "should have 6"),
    "stream_huge": (False, stream(pairs(w=tensor()), payloads=((1 << 62, bytes(24)),)), "claims"),
    "stream_twice": (False, stream(pairs(w=tensor()), keys=("0", "0")), "listed twice"),
    "stream_unknown": (False, stream(pairs(w=tensor()), keys=("0", "1")), "nothing says its type"),
    "stream_no_keys": (False, stream(pairs(w=tensor()), keys=()), "not in the file"),
    "tar": (True, tar(pairs(w=tensor_at(7 << 40), epoch=number(3))), ""),
    "tar_views": (True, tar(pairs(w=tensor_at(7), v=tensor_at(8), t=tensor_at(9)), views=((2, 1 << 46, 2, 3),),
                            tensors=((7, 1 << 46, (2, 3), (3, 1), 0), (8, 2, (2,), (1,), 1), (9, 1 << 46, (3, 2), (1, 3), 0))), ""),
    "tar_of_others": (True, tar_of_others(), ""),
    "tar_call": (False, tar(call("os", "system", text("true"))), "'os.system'"),
    "tar_cut": (False, tar(pairs(w=tensor_at(7 << 40)))[:2700], "cut short"),
    "tar_no_tensors": (False, tar(NONE, order=("pickle", "storages")), "is broken"),
    "tar_no_storages": (False, tar(NONE, order=("pickle", "tensors")), "no file 'storages'"),
    "tar_twice": (False, tar(NONE, order=("pickle", "pickle", "storages", "tensors")), "'pickle' is there twice"),
    "tar_link": (False, tar(NONE, kind=tarfile.SYMTYPE), "no plain file"),
    "tar_huge": (False, tar(NONE, storages=((1, "FloatStorage", 1 << 60, bytes(24)),)), "more than the file holds"),
    "tar_class": (False, tar(NONE, storages=((1, "UntypedStorage", 24, bytes(24)),)), "is not known"),
    "tar_beyond": (False, tar(NONE, tensors=((7, 1 << 46, (2, 3), (3, 1), 1),)), "beyond its storage"),
    "tar_negative": (False, tar(NONE, tensors=((7, 1 << 46, (-2, 3), (3, 1), 0),)), "overflows"),
    "tar_nine_axes": (False, tar(NONE, tensors=((7, 1 << 46, (1,) * 9, (1,) * 9, 0),)), "9 axes"),
    "tar_view_beyond": (False, tar(NONE, views=((2, 1 << 46, 4, 3),)), "a view of a storage is none"),
    "tar_view_of_none": (False, tar(NONE, views=((2, 3, 0, 1),)), "a view of a storage is none"),
    "tar_same_key": (False, tar(NONE, tensors=((7, 1 << 46, (6,), (1,), 0),) * 2), "the same key"),
    "tar_other_storage": (False, tar(NONE, tensors=((7, 5, (6,), (1,), 0),)), "is not in the file"),
    "tar_unknown": (False, tar(pairs(w=tensor_at(8))), "is not in the file"),
    "plain_pickle": (False, pickled(EMPTY_DICT), "magic number"),
    "two_checkpoints": (False, None, "2 checkpoints"),
    "no_pickle": (False, None, "no NAME/data.pkl"),
}


def zip_of(**entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for key, data in entries.items():
            made.writestr(zipfile.ZipInfo(key.replace("__", "/").replace("_pkl", ".pkl")), data)
    return out.getvalue()


CASES["two_checkpoints"] = (False, zip_of(a__data_pkl=pickled(NONE), b__data_pkl=pickled(NONE)), "2 checkpoints")
CASES["no_pickle"] = (False, zip_of(a__data=b""), "no NAME/data.pkl")

CASES["zip_crc"] = (False, CASES["zip"][1].replace(bytes(range(24)), bytes(range(1, 25))), "CRC")

INDEXES = {"index": {"w": "s.bin"}, "index_other": {"w": "s.bin", "v": "s.bin"}, "index_missing": {"w": "t.bin"}, "index_empty": {}}

if __name__ == "__main__":
    folder = pathlib.Path(__file__).parent / "reader_pth"
    folder.mkdir(exist_ok=True)
    for case, where in INDEXES.items():
        (folder / case).write_bytes(json.dumps({"metadata": {}, "weight_map": where}).encode() + b"\0" + CASES["zip"][1])
    for case, (_, data, _) in CASES.items():
        (folder / case).write_bytes(data)
    folder = folder.parent / "sdk_pickle"
    folder.mkdir(exist_ok=True)
    for case, (_, data, _) in CASES.items():
        if data[:2] == PROTO:  # the older stream: its fourth pickle is the checkpoint's
            (folder / case).write_bytes(data)
            continue
        if data[257:262] == b"ustar":
            continue
        with zipfile.ZipFile(io.BytesIO(data)) as made:
            if "archive/data.pkl" in made.namelist():
                (folder / case).write_bytes(made.read("archive/data.pkl"))
