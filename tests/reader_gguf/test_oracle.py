"""reader-gguf against the gguf package and libggml-base: what it reads of real and made files, and what it refuses."""
import glob
import os
import random
import sys
import tempfile

import oracle

np, gguf = oracle.modules("numpy", "gguf")
import ggml_base
import reader_list

if ggml_base.load() is None:
    oracle.skip("libggml-base is not there; tests/setup.sh all installs it")


def value_of(field):
    """A key's value as the package reads it; strings are bytes."""
    kind = field.types[-1]
    if kind == gguf.GGUFValueType.STRING:
        values = [bytes(field.parts[i]) for i in field.data]
    else:
        values = [field.parts[i][0].item() for i in field.data]
        values = [bool(v) for v in values] if kind == gguf.GGUFValueType.BOOL else values
    return values if field.types[0] == gguf.GGUFValueType.ARRAY else values[0]


def check_file(program, path):
    """Keys, values, tensors and bytes, all in their order."""
    listing, theirs = reader_list.read(program, path), gguf.GGUFReader(path)
    assert listing.score == 100, path
    fields = {k: f for k, f in theirs.fields.items() if not k.startswith("GGUF.")}
    assert list(listing.kvs) == list(fields), path
    for key, field in fields.items():
        kind = listing.kv_types[key]
        assert kind[0] == field.types[0] and (len(field.types) == 1 or kind[1] == field.types[-1]), f"{path}: {key}"
        mine, wanted = listing.kvs[key], value_of(field)
        assert mine == wanted or (mine != mine and wanted != wanted), f"{path}: {key}: {mine!r} {wanted!r}"
    assert list(listing.tensors) == [t.name for t in theirs.tensors], path
    for tensor in theirs.tensors:
        mine = listing.tensors[tensor.name]
        assert mine.type == tensor.tensor_type.name.lower(), f"{path}: {tensor.name}"
        assert mine.shape == tuple(int(n) for n in tensor.shape[::-1]), f"{path}: {tensor.name}"
        assert mine.data == tensor.data.tobytes(), f"{path}: {tensor.name}"
    return len(listing.tensors)


def check_real(program):
    files = tensors = 0
    for folder in ("real", "golden"):
        root = oracle.case(folder)
        for path in sorted(glob.glob(os.path.join(root or "/nowhere", "**", "*.gguf"), recursive=True)):
            tensors += check_file(program, path)
            files += 1
    print(f"{files} real files, {tensors} tensors")


def write_made(path, big, alignment=None):
    writer = gguf.GGUFWriter(path, "made", endianess=gguf.GGUFEndian.BIG if big else gguf.GGUFEndian.LITTLE)
    if alignment:
        writer.add_custom_alignment(alignment)
    writer.add_uint8("u8", 255)
    writer.add_int8("i8", -128)
    writer.add_uint16("u16", 65535)
    writer.add_int16("i16", -32768)
    writer.add_uint32("u32", 4294967295)
    writer.add_int32("i32", -2147483648)
    writer.add_float32("f32", 0.1)
    writer.add_bool("yes", True)
    writer.add_string("text", "naïve \n text")
    writer.add_uint64("u64", 2**64 - 1)
    writer.add_int64("i64", -2**63)
    writer.add_float64("f64", 1e300)
    writer.add_array("strings", ["", "a", "é" * 1000])
    writer.add_array("numbers", [1, -2, 3])
    writer.add_array("reals", [0.5, 2.5])
    writer.add_array("flags", [True, False, True])
    rng = np.random.default_rng(3)
    for i, dtype in enumerate((np.float32, np.float16, np.float64, np.int8, np.int16, np.int32, np.int64)):
        for shape in ((1,), (5,), (2, 3), (2, 1, 3), (1, 2, 2, 3)):
            # the package turns little-endian data round in place of the caller for big-endian files
            writer.add_tensor(f"t{i}.{'x'.join(map(str, shape))}", rng.integers(-100, 100, shape).astype(dtype))
    if not big:
        for code, (elems, size) in sorted(gguf.GGML_QUANT_SIZES.items()):
            if elems > 1 and ggml_base.block(int(code)) == (elems, size):  # the package's q8_1 has a size of long ago
                raw = rng.integers(0, 256, (3, 2 * size), np.uint8)
                writer.add_tensor(f"q{int(code)}", raw, raw_dtype=code)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check_made(program, folder):
    for big in (False, True):
        for alignment in (None, 8, 64, 4096):
            path = os.path.join(folder, "made.gguf")
            write_made(path, big, alignment)
            assert check_file(program, path) > 30


def ggml_reads(path):
    """Names, sizes and offsets as libggml-base reads them, None when it refuses; in a child, because it may abort."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        lib = ggml_base.load()
        context = lib.gguf_init_from_file(path.encode(), ggml_base.InitParams(True, None))
        text = "refused"
        if context:
            base = lib.gguf_get_data_offset(context)
            text = repr([(lib.gguf_get_tensor_name(context, i), lib.gguf_get_tensor_size(context, i),
                          base + lib.gguf_get_tensor_offset(context, i)) for i in range(lib.gguf_get_n_tensors(context))])
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read().decode()
    return "aborted" if os.waitpid(child, 0)[1] else None if text == "refused" else eval(text)


# ggml takes these, and this reader does not: it checks that the data are there, the lengths of keys, names that nobody could use, and
# shapes whose product wraps to 0 in 64 bits (which ggml then takes for an empty tensor).
STRICTER = ("cut short", "a key has", "tensor's name has", "split", "overflows")


def compare(program, path):
    wanted = ggml_reads(path)
    try:
        listing = reader_list.read(program, path)
    except reader_list.Refused as refused:
        assert wanted in (None, "aborted") or any(w in str(refused) for w in STRICTER), f"{refused}: {wanted}"
        return 0
    except UnicodeDecodeError:
        return 0  # a damaged name, which the listing cannot say
    if wanted is None:
        with open(path, "rb") as file:
            big = file.read(8)[4:7] == bytes(3)
        # big-endian files, and empty tensors, which ggml's next version takes
        assert big or any(0 in t.shape for t in listing.tensors.values()), "ggml refuses what was read"
    elif wanted != "aborted":
        assert [(t.name.encode(), len(t.data)) for t in listing.tensors.values()] == [w[:2] for w in wanted]
    return 1


def check_corpus(program, folder):
    root = os.path.join(os.environ["GGX_SOURCE"], "tests", "corpus", "reader_gguf")
    path, read = os.path.join(folder, "corpus.gguf"), 0
    for name in sorted(os.listdir(root)):
        with open(os.path.join(root, name), "rb") as file:
            data = file.read()
        if not data[0] & 1:
            with open(path, "wb") as file:
                file.write(data[1:])
            read += compare(program, path)
    assert read >= 6, read


def check_damaged(program, folder):
    rng = random.Random(11)
    root = os.path.join(os.environ["GGX_SOURCE"], "tests", "corpus", "reader_gguf")
    path, read = os.path.join(folder, "damaged.gguf"), 0
    for name in ("kvs", "tensors", "types", "aligned8"):
        with open(os.path.join(root, name), "rb") as file:
            good = file.read()[1:]
        for _ in range(60):
            data = bytearray(good)
            at = rng.randrange(8, min(len(data), 500))
            data[at] = rng.choice((0, 1, 2, 8, 9, 255, data[at] ^ 1 << rng.randrange(8)))
            with open(path, "wb") as file:
                file.write(data)
            read += compare(program, path)
    assert 25 < read < 225, read


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        check_made(program, folder)
        check_corpus(program, folder)
        check_damaged(program, folder)
    check_real(program)
    oracle.finish()


main()
