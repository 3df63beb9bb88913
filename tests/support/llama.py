"""llama.cpp itself, as its npm package builds it: loads a GGUF, tokenizes, gives logits and embeddings, quantizes. The structures are those
of llama.h at the version that tests/npm-packages.txt pins."""
import ctypes
import os

import oracle

C = ctypes


class ModelParams(C.Structure):
    _fields_ = [("devices", C.c_void_p), ("buffers", C.c_void_p), ("n_gpu_layers", C.c_int32), ("split_mode", C.c_int), ("load_mode", C.c_int),
                ("lazy_mode", C.c_int), ("main_gpu", C.c_int32), ("tensor_split", C.c_void_p), ("progress", C.c_void_p), ("data", C.c_void_p),
                ("overrides", C.c_void_p), ("vocab_only", C.c_bool), ("check_tensors", C.c_bool), ("use_extra_bufts", C.c_bool),
                ("no_host", C.c_bool), ("no_alloc", C.c_bool), ("load_mtp", C.c_bool)]


class ContextParams(C.Structure):
    _fields_ = ([(n, C.c_uint32) for n in ("n_ctx", "n_batch", "n_ubatch", "n_seq_max", "n_rs_seq", "n_outputs_max", "n_outputs_max_per_seq")] +
                [(n, C.c_int32) for n in ("n_threads", "n_threads_batch", "ctx_type", "rope_scaling_type", "pooling_type", "attention_type",
                                          "flash_attn_type")] +
                [(n, C.c_float) for n in ("rope_freq_base", "rope_freq_scale", "yarn_ext_factor", "yarn_attn_factor", "yarn_beta_fast",
                                          "yarn_beta_slow")] +
                [("yarn_orig_ctx", C.c_uint32), ("defrag_thold", C.c_float), ("cb_eval", C.c_void_p), ("cb_eval_data", C.c_void_p),
                 ("type_k", C.c_int), ("type_v", C.c_int), ("abort", C.c_void_p), ("abort_data", C.c_void_p)] +
                [(n, C.c_bool) for n in ("embeddings", "offload_kqv", "no_perf", "op_offload", "swa_full", "kv_unified")] +
                [("samplers", C.c_void_p), ("n_samplers", C.c_size_t), ("ctx_other", C.c_void_p)])


class Batch(C.Structure):
    _fields_ = [("n_tokens", C.c_int32), ("token", C.POINTER(C.c_int32)), ("embd", C.c_void_p), ("pos", C.POINTER(C.c_int32)),
                ("n_seq_id", C.POINTER(C.c_int32)), ("seq_id", C.POINTER(C.POINTER(C.c_int32))), ("logits", C.POINTER(C.c_int8))]


class Imatrix(C.Structure):
    _fields_ = [("name", C.c_char_p), ("data", C.POINTER(C.c_float)), ("size", C.c_size_t)]


class Pattern(C.Structure):
    _fields_ = [("pattern", C.c_char_p), ("type", C.c_int)]


class QuantizeParams(C.Structure):
    _fields_ = ([(n, C.c_int32) for n in ("nthread", "ftype", "output_tensor_type", "token_embedding_type")] +
                [(n, C.c_bool) for n in ("allow_requantize", "quantize_output_tensor", "only_copy", "pure", "keep_split", "dry_run")] +
                [("imatrix", C.POINTER(Imatrix)), ("kv_overrides", C.c_void_p), ("tt_overrides", C.POINTER(Pattern)),
                 ("prune_layers", C.c_void_p), ("max_buf_size", C.c_size_t)])


QUANTIZE_TYPES = {"f32": 0, "f16": 1, "bf16": 32, "q4_0": 2, "q4_1": 3, "q8_0": 7, "q5_0": 8, "q5_1": 9, "q2_k": 10, "q3_k_s": 11,
         "q3_k_m": 12, "q3_k_l": 13, "q4_k_s": 14, "q4_k_m": 15, "q5_k_s": 16, "q5_k_m": 17, "q6_k": 18, "iq2_xxs": 19, "iq2_xs": 20,
         "q2_k_s": 21, "iq3_xs": 22, "iq3_xxs": 23, "iq1_s": 24, "iq4_nl": 25, "iq3_s": 26, "iq3_m": 27, "iq2_s": 28, "iq2_m": 29,
         "iq4_xs": 30, "iq1_m": 31, "tq1_0": 36, "tq2_0": 37, "mxfp4_moe": 38, "q1_0": 40, "q2_0": 41}

SIGNATURES = {
    "llama_model_default_params": (ModelParams, []),
    "llama_context_default_params": (ContextParams, []),
    "llama_model_quantize_default_params": (QuantizeParams, []),
    "llama_model_quantize": (C.c_uint32, [C.c_char_p, C.c_char_p, C.POINTER(QuantizeParams)]),
    "llama_model_load_from_file": (C.c_void_p, [C.c_char_p, ModelParams]),
    "llama_model_free": (None, [C.c_void_p]),
    "llama_model_get_vocab": (C.c_void_p, [C.c_void_p]),
    "llama_model_n_embd": (C.c_int32, [C.c_void_p]),
    "llama_model_has_encoder": (C.c_bool, [C.c_void_p]),
    "llama_model_has_decoder": (C.c_bool, [C.c_void_p]),
    "llama_vocab_n_tokens": (C.c_int32, [C.c_void_p]),
    "llama_init_from_model": (C.c_void_p, [C.c_void_p, ContextParams]),
    "llama_free": (None, [C.c_void_p]),
    "llama_encode": (C.c_int32, [C.c_void_p, Batch]),
    "llama_decode": (C.c_int32, [C.c_void_p, Batch]),
    "llama_get_logits_ith": (C.POINTER(C.c_float), [C.c_void_p, C.c_int32]),
    "llama_get_embeddings_ith": (C.POINTER(C.c_float), [C.c_void_p, C.c_int32]),
    "llama_get_embeddings_seq": (C.POINTER(C.c_float), [C.c_void_p, C.c_int32]),
    "llama_tokenize": (C.c_int32, [C.c_void_p, C.c_char_p, C.c_int32, C.POINTER(C.c_int32), C.c_int32, C.c_bool, C.c_bool]),
    "llama_token_to_piece": (C.c_int32, [C.c_void_p, C.c_int32, C.c_char_p, C.c_int32, C.c_int32, C.c_bool]),
}


class Library:
    """libllama with its signatures; quiet, its last warnings in `said`."""

    def __init__(self):
        folder = os.path.join(os.environ.get("GGX_ORACLES", ""), "npm/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64")
        path = os.path.join(folder, "libllama.v0.5.0.so")
        if not os.path.exists(path):
            oracle.skip("libllama is not here; tests/setup.sh all installs it")
        C.CDLL(os.path.join(folder, "libggml-base.so"), C.RTLD_GLOBAL)
        ggml = C.CDLL(os.path.join(folder, "libggml.v0.5.0.so"), C.RTLD_GLOBAL)
        self.dll = C.CDLL(path)
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(self.dll, name)
            function.restype, function.argtypes = result, arguments
        self.said = []
        self.log = C.CFUNCTYPE(None, C.c_int, C.c_char_p, C.c_void_p)(self.hear)
        self.dll.llama_log_set(self.log, None)
        ggml.ggml_backend_load_all_from_path.argtypes = [C.c_char_p]
        ggml.ggml_backend_load_all_from_path(folder.encode())

    def hear(self, level, text, _):
        if level in (3, 4):  # warnings and errors
            self.said = [*self.said[-20:], text.decode(errors="replace").strip()]

    def __getattr__(self, name):
        return getattr(self.dll, name)

    def imatrix(self, path):
        """What the library of llama.cpp's programs reads from the file of an importance matrix; None when it refuses it."""
        if not hasattr(self, "common"):
            self.common = C.CDLL(os.path.join(os.path.dirname(self.dll._name), "libllama-common.so"))
        return MeasuredFile.load(self.common, path)


def word(at):
    return C.c_uint64.from_address(at).value


class MeasuredFile:
    """common_imatrix (common/imatrix-loader.h) as libstdc++ lays it out: a map of the entries, a vector of data sets, two i32, two bools. `entries`:
    {tensor: (sums, counts)}."""
    FUNCTION = "_Z19common_imatrix_loadRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEER14common_imatrix"
    HEADER, FLAGS, KEY, SUMS, COUNTS = 8, 80, 32, 64, 88

    @classmethod
    def load(cls, library, path):
        load = library[cls.FUNCTION]
        load.restype, load.argtypes = C.c_bool, [C.c_void_p, C.c_void_p]
        raw = os.fsencode(path)
        text, made = C.create_string_buffer(raw), cls()
        name = (C.c_uint64 * 4)(C.addressof(text), len(raw), 0, 0)
        made.memory = (C.c_uint64 * 64)()
        made.at = C.addressof(made.memory)
        made.memory[3] = made.memory[4] = made.at + cls.HEADER  # an empty map: both ends are its header
        if not load(C.addressof(name), made.at):
            return None
        made.legacy, made.has_metadata = (C.c_bool * 2).from_address(made.at + cls.FLAGS)
        made.entries = dict(made.walk(word(made.at + 16)))
        assert len(made.entries) == word(made.at + 40), "common_imatrix is laid out in another way"
        return made

    def walk(self, node):
        if not node:
            return
        yield from self.walk(word(node + 16))
        yield (C.string_at(word(node + self.KEY), word(node + self.KEY + 8)).decode(),
               (self.vector(node + self.SUMS, C.c_float), self.vector(node + self.COUNTS, C.c_int64)))
        yield from self.walk(word(node + 24))

    @staticmethod
    def vector(at, kind):
        first, end = word(at), word(at + 8)
        return list((kind * ((end - first) // C.sizeof(kind))).from_address(first)) if first else []


class Model:
    """A loaded model. `vocab_only` loads no weights."""

    def __init__(self, library, path, vocab_only=False):
        self.of, self.path = library, path
        params = library.llama_model_default_params()
        params.vocab_only, params.n_gpu_layers, params.check_tensors = vocab_only, 0, True
        library.said = []
        self.model = library.llama_model_load_from_file(os.fsencode(path), params)
        if not self.model:
            raise ValueError(f"llama.cpp does not load {path}: {'; '.join(library.said[-3:])}")
        self.vocab = library.llama_model_get_vocab(self.model)
        self.n_vocab = library.llama_vocab_n_tokens(self.vocab)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.of.llama_model_free(self.model)

    def tokenize(self, text, add_special=False, parse_special=False):
        raw = text.encode()
        room = (C.c_int32 * (len(raw) + 16))()
        n = self.of.llama_tokenize(self.vocab, raw, len(raw), room, len(room), add_special, parse_special)
        assert n >= 0, f"{self.path}: {n} tokens"
        return list(room[:n])

    def piece(self, token):
        room = C.create_string_buffer(256)
        n = self.of.llama_token_to_piece(self.vocab, token, room, 256, 0, False)
        return room.raw[:max(n, 0)]

    def context(self, **values):
        params = self.of.llama_context_default_params()
        params.n_threads = params.n_threads_batch = 1
        params.n_ctx = params.n_batch = params.n_ubatch = 512
        params.type_k = params.type_v = 0  # f32
        params.flash_attn_type = 0
        params.no_perf = True
        for key, value in values.items():
            setattr(params, key, value)
        made = self.of.llama_init_from_model(self.model, params)
        assert made, f"{self.path}: no context: {self.of.said[-3:]}"
        return made

    def batch(self, tokens):
        n = len(tokens)
        zero = (C.c_int32 * 1)(0)
        made = Batch(n, (C.c_int32 * n)(*tokens), None, (C.c_int32 * n)(*range(n)), (C.c_int32 * n)(*[1] * n),
                     (C.POINTER(C.c_int32) * n)(*[C.cast(zero, C.POINTER(C.c_int32))] * n), (C.c_int8 * n)(*[1] * n))
        made.keep = zero
        return made

    def logits(self, tokens, encoded=None):
        """One row of logits for each token. With `encoded`, these tokens go through the encoder first."""
        import numpy as np
        context = self.context()
        if encoded is not None:
            assert self.of.llama_encode(context, self.batch(encoded)) == 0, self.of.said[-3:]
        assert self.of.llama_decode(context, self.batch(tokens)) == 0, self.of.said[-3:]
        out = np.stack([np.ctypeslib.as_array(self.of.llama_get_logits_ith(context, i), (self.n_vocab,)).copy() for i in range(len(tokens))])
        self.of.llama_free(context)
        return out

    def embeddings(self, tokens, pooled=False):
        """One vector for each token, or one for all as the model pools them."""
        import numpy as np
        context = self.context(embeddings=True, **({} if pooled else {"pooling_type": 0}))
        width = self.of.llama_model_n_embd(self.model)
        run = self.of.llama_encode if not self.of.llama_model_has_decoder(self.model) else self.of.llama_decode
        assert run(context, self.batch(tokens)) == 0, self.of.said[-3:]
        if pooled:
            out = np.ctypeslib.as_array(self.of.llama_get_embeddings_seq(context, 0), (width,)).copy()
        else:
            out = np.stack([np.ctypeslib.as_array(self.of.llama_get_embeddings_ith(context, i), (width,)).copy() for i in range(len(tokens))])
        self.of.llama_free(context)
        return out
