"""writer-safetensors gives the bytes of the format's own serializer, and it loads them."""
import json
import struct

import oracle

np, safetensors = oracle.modules("numpy", "safetensors")
from safetensors.numpy import load

import writer_drive as drive

# ggx's name, the serializer's, bytes
TYPES = [("bool", "bool", 1), ("u8", "uint8", 1), ("i8", "int8", 1), ("f8_e5m2", "float8_e5m2", 1),
         ("f8_e4m3", "float8_e4m3fn", 1), ("f8_e8m0", "float8_e8m0fnu", 1), ("i16", "int16", 2), ("u16", "uint16", 2), ("f16", "float16", 2),
         ("bf16", "bfloat16", 2), ("i32", "int32", 4), ("u32", "uint32", 4), ("f32", "float32", 4), ("c64", "complex64", 8),
         ("f64", "float64", 8), ("i64", "int64", 8), ("u64", "uint64", 8)]


def check_random_models():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        theirs, ours, keep = {}, [], []
        letters = list("aZ0._/\"\\\n\t\b\f\r\x01\x1f\x7fé漢🙂")
        for i in range(int(rng.integers(0, 40))):
            kind, name, width = TYPES[i % len(TYPES)] if seed % 2 else TYPES[int(rng.integers(len(TYPES)))]
            shape = tuple(int(n) for n in rng.integers(0 if i % 7 == 0 else 1, 5, int(rng.integers(0, 6))))
            payload = rng.integers(0, 2, int(np.prod(shape, dtype=int)) * width, dtype=np.uint8)
            key = "".join(rng.choice(letters, int(rng.integers(1, 12)))) + str(i)
            keep.append(payload)
            theirs[key] = safetensors.TensorSpec(dtype=name, shape=shape, data_ptr=payload.ctypes.data, data_len=payload.nbytes)
            ours.append(drive.tensor(key, payload.tobytes(), kind, shape, (1, width)))
        # with more than one pair the serializer's own order is random
        metadata = {"for\"mat\n": "p\\té"} if seed % 3 == 0 and theirs else None
        data = drive.write("safetensors", [drive.kv(k, "s", v) for k, v in (metadata or {}).items()], ours)
        wanted = bytes(safetensors.serialize(theirs, metadata=metadata))
        assert data == wanted, f"model {seed}: byte {oracle.first_difference(data, wanted)} differs"


def check_metadata():
    pairs = {f"key{i}": "v" * i for i in range(9)}
    for tensors in ([], [drive.tensor("w", np.arange(6, dtype=np.float32).reshape(2, 3))]):
        data = drive.write("safetensors", [drive.kv(k, "s", v) for k, v in pairs.items()], tensors)
        length, = struct.unpack_from("<Q", data)
        assert length % 8 == 0 and json.loads(data[8:8 + length])["__metadata__"] == pairs
        assert set(load(data)) == ({"w"} if tensors else set())


if __name__ == "__main__":
    check_random_models()
    check_metadata()
    oracle.finish()
