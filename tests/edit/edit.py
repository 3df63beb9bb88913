"""Promise: ggx edit changes keys and nothing else. What gguf-py reads back is what was asked for, in the order of before; tensors keep their
bytes; a change that keeps the header's length happens in place, any other one by a new file under the old name. A change in place that
was cut off is undone; a file that others know by another name is never changed under them."""
import json
import os
import struct
import subprocess
import tempfile

import oracle

numpy, gguf = oracle.modules("numpy", "gguf")
GGX = os.environ["GGX"]


def ggx(*words):
    return subprocess.run([GGX, *words], capture_output=True, text=True)


def edit(path, *words, code=0):
    ran = ggx("edit", path, "--json", *words)
    assert ran.returncode == code, (words, ran.returncode, ran.stderr)
    return json.loads(ran.stdout) if not code else ran.stderr


def make(path):
    writer = gguf.GGUFWriter(path, "toy")
    writer.add_name("tiny")
    writer.add_uint32("toy.count", 7)
    writer.add_float32("toy.scale", 0.5)
    writer.add_bool("toy.flag", True)
    writer.add_array("toy.list", [1, 2, 3])
    writer.add_array("toy.words", ["a", "bc"])
    writer.add_string("toy.text", "x" * 30)
    rng = numpy.random.default_rng(5)
    writer.add_tensor("b.weight", rng.standard_normal((7, 64), dtype=numpy.float32))
    writer.add_tensor("a.weight", rng.standard_normal((3, 5), dtype=numpy.float32).astype(numpy.float16))
    writer.add_tensor("q.weight", gguf.quantize(rng.standard_normal((4, 64), dtype=numpy.float32), gguf.GGMLQuantizationType.Q8_0),
                      raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def told(path):
    reader = gguf.GGUFReader(path)
    keys = {k: ([t.name for t in f.types], f.contents()) for k, f in reader.fields.items() if not k.startswith("GGUF.")}
    return keys, {t.name: (t.tensor_type, t.shape.tolist(), t.data.tobytes()) for t in reader.tensors}


def check(path, wanted, tensors):
    keys, found = told(path)
    assert keys == wanted and list(keys) == list(wanted), (keys, wanted)
    assert found == tensors and list(found) == list(tensors)


def check_edits(path):
    keys, tensors = told(path)
    size, inode = os.path.getsize(path), os.stat(path).st_ino

    assert edit(path, "--set", "toy.count=9")["in_place"]  # of the type that it has
    keys["toy.count"] = (["UINT32"], 9)
    check(path, keys, tensors)
    assert edit(path, "--set", "toy.scale=0.25", "--set", "toy.flag=false", "--set", "toy.list=[4, 5, -6]")["in_place"]
    keys["toy.scale"], keys["toy.flag"], keys["toy.list"] = (["FLOAT32"], 0.25), (["BOOL"], False), (["ARRAY", "INT32"], [4, 5, -6])
    check(path, keys, tensors)
    assert edit(path, "--set", "general.name=huge")["in_place"]
    keys["general.name"] = (["STRING"], "huge")
    assert edit(path, "--rename", "toy.text=toy.tEXT")["in_place"]
    keys = {k.replace("toy.text", "toy.tEXT"): v for k, v in keys.items()}
    check(path, keys, tensors)
    assert (os.path.getsize(path), os.stat(path).st_ino) == (size, inode)
    assert edit(path, "--set", "toy.count=9")["bytes_written"] == 0

    assert not edit(path, "--set", "general.name=a name with = and : and Grüße, longer than there was room for")["in_place"]
    keys["general.name"] = (["STRING"], "a name with = and : and Grüße, longer than there was room for")
    check(path, keys, tensors)
    assert os.stat(path).st_ino != inode
    edit(path, "--set", "new.u8=u8:255", "--set", "new.i64=i64:-5", "--set", "new.f64=f64:1e-300", "--set", "new.str=str:u8:1",
         "--set", 'new.words=str[]:["ä", "", "c\\n"]', "--set", "new.floats=f32[]:[1, 0.5]", "--set", "new.none=u32[]:[]")
    keys.update({"new.u8": (["UINT8"], 255), "new.i64": (["INT64"], -5), "new.f64": (["FLOAT64"], 1e-300), "new.str": (["STRING"], "u8:1"),
                 "new.words": (["ARRAY", "STRING"], ["ä", "", "c\n"]), "new.floats": (["ARRAY", "FLOAT32"], [1, 0.5])})
    edit(path, "--unset", "new.none")
    check(path, keys, tensors)
    edit(path, "--unset", "toy.words", "--set", "toy.count=f32:1.5")
    del keys["toy.words"]
    keys["toy.count"] = (["FLOAT32"], 1.5)
    check(path, keys, tensors)
    return keys, tensors


def check_template(path, folder, keys, tensors):
    name = os.path.join(folder, "template.jinja")
    text = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}" * 20
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
    edit(path, "--chat-template", name)
    keys["tokenizer.chat_template"] = (["STRING"], text)
    check(path, keys, tensors)
    with open(name, "w", encoding="utf-8") as file:
        file.write(text.replace("content", "CONTENT"))
    assert edit(path, "--chat-template", name)["in_place"]
    keys["tokenizer.chat_template"] = (["STRING"], text.replace("content", "CONTENT"))
    check(path, keys, tensors)


def refusals(path):
    before = open(path, "rb").read()
    for words, code, said in (
            (["--set", "stranger=1"], 2, "say its type"), (["--unset", "stranger"], 3, "no key 'stranger'"), (["--rename", "stranger=x"], 3, "no key"),
            (["--rename", "toy.flag=toy.scale"], 2, "there already"), (["--set", "toy.flag=maybe"], 2, "'maybe' is no value of type bool"),
            (["--set", "toy.n=u8:256"], 2, "'256' is no value of type u8"), (["--set", "toy.n=i8:-129"], 2, "no value"),
            (["--set", "toy.n=u32[]:1,2"], 2, "JSON list"), (["--set", 'toy.n=u32[]:[1, "2"]'], 2, "no value"), (["--set", "toy"], 2, "KEY=VALUE"),
            (["--set", "general.alignment=u32:7"], 2, "power of two"), (["--set", "general.alignment=str:x"], 8, "wants u32"), ([], 2, "say what"),
            (["--chat-template", path + ".none"], 3, "none"), (["--chat-template", path], 2, "no text in UTF-8"),
            (["--set", b"stranger=str:\xff\xfe"], 2, "no text in UTF-8"), (["--set", "stranger=str[]:x"], 2, '["a", "b"]'),
            (["--unset", "general.architecture"], 2, "without general.architecture"),
            (["--rename", "general.architecture=x"], 2, "without general.architecture")):
        error = edit(path, *words, code=code)
        assert said in error and "\n" not in error.strip(), (words, error)
    assert open(path, "rb").read() == before


def check_names(path, folder):
    """Links: the others keep what they had."""
    hard, soft, copy = (os.path.join(folder, n) for n in ("hard.gguf", "soft.gguf", "copy.gguf"))
    before = open(path, "rb").read()
    os.link(path, hard)
    os.symlink(path, soft)
    assert not edit(hard, "--set", "toy.scale=3")["in_place"] and not edit(soft, "--set", "toy.scale=4")["in_place"]
    assert open(path, "rb").read() == before and not os.path.islink(soft)
    assert told(hard)[0]["toy.scale"][1] == 3 and told(soft)[0]["toy.scale"][1] == 4
    assert edit(path, "-o", copy, "--set", "toy.scale=5")["output"] == copy
    assert open(path, "rb").read() == before and told(copy)[0]["toy.scale"][1] == 5
    os.chmod(copy, 0o600)
    edit(copy, "--set", "general.name=once more with another length, to be sure")
    assert os.stat(copy).st_mode & 0o777 == 0o600
    assert sorted(os.listdir(folder)) == sorted(["a.gguf", "hard.gguf", "soft.gguf", "copy.gguf", "template.jinja"]), os.listdir(folder)


def digest(data):
    a, b, mask = 14695981039346656037, 0x9e3779b97f4a7c15, (1 << 64) - 1
    for byte in data:
        a = (a ^ byte) * 1099511628211 & mask
        b = (((b << 23 | b >> 41) & mask) ^ a ^ byte) * 0xff51afd7ed558ccd & mask
    return struct.pack("<QQ", a, b)


def check_undo(path):
    """A record as one that was cut off leaves it, with the file in every state that it may be in."""
    record = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.ggx-undo")
    old = open(path, "rb").read()
    at = old.index(b"toy.scale")
    fresh = old[:at] + b"TOY.SCALE" + old[at + 9:]
    head = b"ggxundo1" + struct.pack("<QQQ", len(old), at, 9)
    whole = head + digest(head + old[at:at + 9] + b"TOY.SCALE") + bytes(16) + old[at:at + 9] + b"TOY.SCALE"
    for done in (0, 4, 9):
        for left, undone in ((whole, True), (whole[:-1], False), (whole[:20], False), (b"", False), (whole[:-1] + b"x", False)):
            with open(path, "wb") as file:
                file.write(fresh[:at + done] + old[at + done:])
            with open(record, "wb") as file:
                file.write(left)
            if undone:
                assert edit(path)["undone"] and open(path, "rb").read() == old
            elif not done:  # an unfinished record: nothing had been written
                assert not edit(path, "--set", "toy.flag=false")["undone"]
            if undone or not done:
                assert not os.path.exists(record)
    with open(path, "wb") as file:  # another file that has the name meanwhile
        file.write(old[:at] + b"something"[:9] + old[at + 9:])
    with open(record, "wb") as file:
        file.write(whole)
    assert "another file" in edit(path, "--set", "toy.flag=false", code=6)
    assert os.path.exists(record)
    os.remove(record)
    with open(path, "wb") as file:
        file.write(old)


def check_others(folder):
    """A format whose header has no keys is refused; safetensors has strings."""
    import safetensors.numpy
    name = os.path.join(folder, "x.safetensors")
    weights = {"w": numpy.arange(6, dtype=numpy.float32).reshape(2, 3), "v": numpy.ones(3, numpy.float16)}
    safetensors.numpy.save_file(weights, name, {"format": "pt"})
    edit(name, "--set", "author=str:me")
    with safetensors.safe_open(name, "np") as file:
        assert file.metadata() == {"format": "pt", "author": "me"}
        assert all((file.get_tensor(k) == v).all() and file.get_tensor(k).dtype == v.dtype for k, v in weights.items())
    assert edit(folder, "--set", "a=str:b", code=2) and edit(os.path.join(folder, "none"), "--set", "a=str:b", code=3)


def check_set(folder):
    """Of a set of files the first one is changed alone, in place or anew; a later one is refused with the first one's name."""
    whole, out = os.path.join(folder, "whole.gguf"), os.path.join(folder, "set.gguf")
    make(whole)
    assert ggx(whole, "-o", out, "--split-max-tensors", "1", "-q").returncode == 0
    parts = [os.path.join(folder, f"set-{i}-of-00003.gguf") for i in ("00001", "00002", "00003")]

    def merged():
        joined = os.path.join(folder, "joined.gguf")
        assert ggx(parts[0], "-o", joined, "-q").returncode == 0
        made = told(joined)
        os.remove(joined)
        return made

    before, others = merged(), [open(p, "rb").read() for p in parts[1:]]
    keys = {**before[0], "toy.count": (["UINT32"], 9)}
    assert edit(parts[0], "--set", "toy.count=9")["in_place"]
    assert merged() == (keys, before[1]) and list(merged()[0]) == list(keys)
    keys = {**keys, "toy.text": (["STRING"], "longer than it was, so that the header grows " * 5)}
    assert not edit(parts[0], "--set", "toy.text=" + keys["toy.text"][1])["in_place"]
    assert merged() == (keys, before[1]) and list(merged()[0]) == list(keys)
    assert [open(p, "rb").read() for p in parts[1:]] == others
    first = [k for k in told(parts[0])[0] if k.startswith("split.")]
    assert set(first) == {"split.no", "split.count", "split.tensors.count"}, first
    assert os.path.basename(parts[0]) in edit(parts[1], "--set", "toy.count=9", code=2)
    copy = os.path.join(folder, "copy.gguf")
    edit(parts[0], "--set", "toy.count=11", "-o", copy)
    assert told(copy)[0]["toy.count"][1] == 11 and merged()[0] == keys
    os.remove(parts[2])
    assert os.path.basename(parts[2]) in edit(parts[0], "--set", "toy.count=9", code=3)


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "a.gguf")
    make(path)
    keys, tensors = check_edits(path)
    check_template(path, folder, keys, tensors)
    refusals(path)
    check_names(path, folder)
    check_undo(path)
    check_others(folder)
    check_set(folder)
oracle.finish()
