"""writer-ggml reproduces, from their parts, the .bin files that ggml's and whisper.cpp's own scripts and quantizers wrote."""
import struct

import oracle

np, = oracle.modules("numpy")
import ggml_base
import ggml_bin
import writer_drive as drive

# whisper and SAM besides GPT-2 so that every kind of header value occurs
GOLDEN = [("01-gpt2-ckpt/expect/ggml-model-f16.bin", ggml_bin.GPT2), ("01-gpt2-ckpt/expect/ggml-model-f32.bin", ggml_bin.GPT2),
          ("02-gpt2-hf-st-added/expect/ggml-model.bin", ggml_bin.GPT2),
          ("03-cerebras/expect/ggml-model-f16.bin", ggml_bin.GPT2),
          ("03-gptj/expect/q2-ggml-model-f16.bin", ggml_bin.GPTJ),
          ("04-sam-zip/expect/ggml-model-f16.bin", ggml_bin.SAM), ("06-whisper-pt/expect/ggml-model.bin", ggml_bin.WHISPER),
          ("06-whisper-hf/expect/ggml-model.bin", ggml_bin.WHISPER),
          ("08-gpt2-quantize/expect/q11-ggml-model.bin", ggml_bin.GPT2),
          ("08-gpt2-quantize/expect/q12-ggml-model.bin", ggml_bin.GPT2)]
NAMES = {0: "f32", 1: "f16", 2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 11: "q3_k", 12: "q4_k"}


def header_kvs(header, fields):
    for name, kind, *count in fields:
        value = header[name]
        yield drive.kv(name, f"[{kind}]" if count else kind, value)


def check_golden():
    for path, fields in GOLDEN:
        full = oracle.case("golden/" + path)
        if not full:
            continue
        with open(full, "rb") as file:
            wanted = file.read()
        model = ggml_bin.read(wanted, fields)
        assert model.magic == ggml_bin.MAGIC and len(model.tensors) > 4, path
        tensors = [drive.tensor(t.name, t.data, NAMES[t.code], t.shape, ggml_bin.BLOCKS[t.code]) for t in model.tensors.values()]
        data = drive.write("ggml", list(header_kvs(model.header, fields)), tensors)
        assert data == wanted, f"{path}: byte {oracle.first_difference(data, wanted)} differs"


def check_widths():
    """Every kind of value, byte for byte as docs/formats/ggml.md says; a bool is an int32; another magic."""
    kvs = [drive.kv("a", "u8", 200), drive.kv("b", "i16", -2), drive.kv("c", "bool", 1), drive.kv("d", "[bool]", [1, 0]),
           drive.kv("e", "u64", 2**63), drive.kv("f", "f32", 1.5), drive.kv("g", "f64", -2.5), drive.kv("h", "s", b"\xff\0x"),
           drive.kv("i", "[s]", ["", "ab"]), drive.kv("j", "[u16]", [1, 65535]), drive.kv("k", "[i32]", [])]
    wanted = struct.pack("<IBhiiiQfdi3sii2sHH", 0x67676D66, 200, -2, 1, 1, 0, 2**63, 1.5, -2.5, 3, b"\xff\0x", 0, 2, b"ab",
                         1, 65535)
    assert drive.write("ggml", kvs, [], {"ggml.magic": 0x67676D66}) == wanted
    scalar = drive.write("ggml", [], [drive.tensor("s", np.array(2.0, np.float32))])
    assert scalar == struct.pack("<Iiii1sf", ggml_bin.MAGIC, 0, 1, 0, b"s", 2.0)


def check_quantized():
    """A quantized convolution kernel, rows of in*kh*kw, comes back through ggml's own dequantizer."""
    if not ggml_base.load():
        oracle.skip("the npm build of ggml is not installed")
    rng = np.random.default_rng(3)
    kernel = rng.normal(size=(16, 32, 3, 3)).astype(np.float32)
    rows = kernel.reshape(16, -1)
    kvs = [drive.kv(name, "i32", value) for (name, _), value in zip(ggml_bin.DARKNET, (416, 416, 3, 80, 2002))]
    for code, kind in [(2, "q4_0"), (8, "q8_0"), (0, "f32")]:
        packed = rows.tobytes() if code == 0 else ggml_base.quantize(code, rows)
        data = drive.write("ggml", kvs, [drive.tensor("l0_weights", packed, kind, rows.shape, ggml_bin.BLOCKS[code]),
                                         drive.tensor("l0_biases", rng.normal(size=16).astype(np.float32))])
        model = ggml_bin.read(data, ggml_bin.DARKNET)
        assert list(model.header.values()) == [416, 416, 3, 80, 2002]
        assert list(model.tensors) == ["l0_weights", "l0_biases"] and model.tensors["l0_weights"].ne == [288, 16]
        back = model.tensors["l0_weights"].array()
        limit = {2: 0.6, 8: 0.04, 0: 0}[code]
        assert np.abs(back - rows).max() <= limit, kind


if __name__ == "__main__":
    for check in (check_widths, check_golden, check_quantized):
        check()
    oracle.finish()
