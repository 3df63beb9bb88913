"""The npm build of libggml-base through ctypes: the reference for tensor types and for what ggml reads of a GGUF."""
import ctypes
import functools
import os

import numpy as np

LIBRARY = "npm/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/libggml-base.so"


class TypeTraits(ctypes.Structure):
    """struct ggml_type_traits of ggml.h."""
    _fields_ = [("type_name", ctypes.c_char_p), ("blck_size", ctypes.c_int64), ("blck_size_interleave", ctypes.c_int64),
                ("type_size", ctypes.c_size_t), ("is_quantized", ctypes.c_bool),
                ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)),
                ("from_float_ref", ctypes.c_void_p)]


class InitParams(ctypes.Structure):
    """struct gguf_init_params of gguf.h."""
    _fields_ = [("no_alloc", ctypes.c_bool), ("ctx", ctypes.c_void_p)]


@functools.cache
def load():
    """The loaded library, or None when it is not installed."""
    path = os.path.join(os.environ.get("GGX_ORACLES", ".oracles"), LIBRARY)
    if not os.path.exists(path):
        return None
    lib = ctypes.CDLL(path)
    void, size, i64, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_char_p
    for name, result, arguments in [
            ("ggml_get_type_traits", ctypes.POINTER(TypeTraits), [ctypes.c_int]),
            ("ggml_quantize_chunk", size, [ctypes.c_int, void, void, i64, i64, i64, void]),
            ("gguf_init_from_file", void, [text, InitParams]), ("gguf_free", None, [void]),
            ("gguf_get_alignment", size, [void]), ("gguf_get_data_offset", size, [void]),
            ("gguf_get_n_kv", i64, [void]), ("gguf_find_key", i64, [void, text]), ("gguf_get_key", text, [void, i64]),
            ("gguf_get_kv_type", ctypes.c_int, [void, i64]), ("gguf_get_n_tensors", i64, [void]),
            ("gguf_get_tensor_name", text, [void, i64]), ("gguf_get_tensor_offset", size, [void, i64]),
            ("gguf_get_tensor_type", ctypes.c_int, [void, i64]), ("gguf_get_tensor_size", size, [void, i64])]:
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def block(code):
    """(elements, bytes) of a block of the type."""
    traits = load().ggml_get_type_traits(code).contents
    return traits.blck_size, traits.type_size


def dequantize(code, data, elems):
    """f32 array of `elems` elements from packed blocks."""
    out = np.empty(elems, np.float32)
    if code == 0:
        out[:] = np.frombuffer(data, "<f4", elems)
    else:
        raw = ctypes.create_string_buffer(bytes(data), len(data))
        load().ggml_get_type_traits(code).contents.to_float(raw, out.ctypes.data, elems)
    return out


def quantize(code, rows):
    """Packed blocks of a 2-D f32 array, without importance matrix, as bytes."""
    rows = np.ascontiguousarray(rows, np.float32)
    elems, nbytes = block(code)
    out = ctypes.create_string_buffer(rows.size // elems * nbytes)
    load().ggml_quantize_chunk(code, rows.ctypes.data, out, 0, rows.shape[0], rows.shape[1], None)
    return out.raw


def open_gguf(path):
    """What ggml reads: alignment, data offset, keys with types, tensors (name, type, offset, size); None when it refuses."""
    lib = load()
    context = lib.gguf_init_from_file(os.fsencode(path), InitParams(True, None))
    if not context:
        return None
    try:
        return {"alignment": lib.gguf_get_alignment(context), "data": lib.gguf_get_data_offset(context),
                "kvs": [(lib.gguf_get_key(context, i), lib.gguf_get_kv_type(context, i))
                        for i in range(lib.gguf_get_n_kv(context))],
                "tensors": [(lib.gguf_get_tensor_name(context, i), lib.gguf_get_tensor_type(context, i),
                             lib.gguf_get_tensor_offset(context, i), lib.gguf_get_tensor_size(context, i))
                            for i in range(lib.gguf_get_n_tensors(context))]}
    finally:
        lib.gguf_free(context)
