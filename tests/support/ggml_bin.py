"""An independent reader of the legacy GGML .bin, with numpy: what the tests compare ggx's outputs with.

    model = read(path_or_bytes, DARKNET)
    model.header["width"], model.tensors["l0_weights"].array()      # array() needs the npm library for block types

A header is a list of fields, read in order after the magic: (name, kind) or (name, kind, count), where count is a number, the
name of an earlier field, or several of these separated by '*'. Kinds: i32 u32 f32 i64 …, and "s" for int32 length + bytes.
"""
import dataclasses
import struct

import numpy as np

MAGIC = 0x67676D6C
KINDS = {"i8": "<i1", "u8": "<u1", "i16": "<i2", "u16": "<u2", "i32": "<i4", "u32": "<u4", "i64": "<i8", "u64": "<u8",
         "f32": "<f4", "f64": "<f8"}
DARKNET = [(n, "i32") for n in ("width", "height", "channels", "classes", "ftype")]
GPT2 = [(n, "i32") for n in ("n_vocab", "n_ctx", "n_embd", "n_head", "n_layer", "ftype", "tokens")] + [("vocab", "s", "tokens")]
GPTJ = [(n, "i32") for n in ("n_vocab", "n_ctx", "n_embd", "n_head", "n_layer", "n_rot", "ftype", "tokens")] + [
    ("vocab", "s", "tokens")]
SAM = [(n, "i32") for n in ("n_enc_state", "n_enc_layer", "n_enc_head", "n_enc_out_chans", "n_pt_embd", "ftype")]
WHISPER = [(n, "i32") for n in ("n_vocab", "n_audio_ctx", "n_audio_state", "n_audio_head", "n_audio_layer", "n_text_ctx",
                                "n_text_state", "n_text_head", "n_text_layer", "n_mels", "ftype", "filter_mels",
                                "filter_fft")] + [
    ("filters", "f32", "filter_mels*filter_fft"), ("tokens", "i32"), ("vocab", "s", "tokens")]


@dataclasses.dataclass
class Tensor:
    name: str
    code: int        # ggml_type
    ne: list         # as stored: fastest axis first
    offset: int      # of the data in the file
    data: bytes

    @property
    def shape(self):
        return tuple(reversed(self.ne))

    def array(self):
        """The values as f32 in numpy's axis order."""
        if self.code == 1:
            flat = np.frombuffer(self.data, "<f2").astype(np.float32)
        elif self.code == 0:
            flat = np.frombuffer(self.data, "<f4")
        else:
            import ggml_base
            flat = ggml_base.dequantize(self.code, self.data, int(np.prod(self.ne, dtype=np.int64)))
        return flat.reshape(self.shape)


@dataclasses.dataclass
class Model:
    magic: int
    header: dict     # field → number, bytes, array or list of bytes
    records_at: int  # offset of the first record
    tensors: dict    # name → Tensor, in file order


# block (elements, bytes) of the types that a .bin holds; enum ggml_type of ggml.h
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
          11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
          28: (1, 8), 30: (1, 2)}


def count_of(count, header):
    total = 1
    for factor in str(count).split("*"):
        total *= int(factor) if factor.isdigit() else int(header[factor])
    return total


def read_field(data, at, kind, count, header):
    if kind != "s":
        values = np.frombuffer(data, KINDS[kind], 1 if count is None else count_of(count, header), at)
        return (values[0].item() if count is None else values), at + values.nbytes
    strings = []
    for _ in range(1 if count is None else count_of(count, header)):
        length, = struct.unpack_from("<i", data, at)
        assert 0 <= length <= len(data) - at - 4, f"a string of {length} bytes at {at}"
        strings.append(bytes(data[at + 4:at + 4 + length]))
        at += 4 + length
    return (strings[0] if count is None else strings), at


def read(source, fields):
    """Parses a whole file; raises AssertionError when anything does not add up."""
    data = source if isinstance(source, bytes) else open(source, "rb").read()
    magic, = struct.unpack_from("<I", data, 0)
    header, at = {}, 4
    for name, kind, *count in fields:
        header[name], at = read_field(data, at, kind, count[0] if count else None, header)
    model = Model(magic, header, at, {})
    while at < len(data):
        n_dims, length, code = struct.unpack_from("<iii", data, at)
        assert 0 <= n_dims <= 4 and 0 < length < 65536, f"record at {at}: n_dims {n_dims}, name length {length}"
        ne = list(struct.unpack_from(f"<{n_dims}i", data, at + 12))
        at += 12 + 4 * n_dims
        name = data[at:at + length].decode()
        at += length
        elems, nbytes = BLOCKS[code]
        assert n_dims == 0 or ne[0] % elems == 0, f"{name}: rows of {ne[0]} elements, blocks of {elems}"
        size = int(np.prod(ne, dtype=np.int64)) // elems * nbytes
        assert at + size <= len(data), f"{name}: the file ends inside the data"
        assert name not in model.tensors, f"{name} occurs twice"
        model.tensors[name] = Tensor(name, code, ne, at, data[at:at + size])
        at += size
    assert at == len(data)
    return model
