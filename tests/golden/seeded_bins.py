"""Promise: the same classes of cases without the reference cases: checkpoints made here from names and shapes, and the files that the scripts of
ggml and whisper.cpp make of them, written down once more in numpy. The digests are committed, so a change of this file shows too.

    python seeded_bins.py --write     (with GGX, GGX_SOURCE) writes seeded_bins.json anew"""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib

import oracle

np, h5py, gguf = oracle.modules("numpy", "h5py", "gguf")
import ggml_base

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "corpus"))
import make_tf

GGX = os.environ["GGX"]
DIGESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeded_bins.json")
E, L, V, C, H = 64, 2, 300, 24, 4


def values(name, *shape):
    """Numbers between -0.5 and 0.5 that depend on the name alone."""
    n = int(np.prod(shape, dtype=np.int64))
    numbers = (np.arange(n, dtype=np.uint64) * 2654435761 + zlib.crc32(name.encode())) % 65521
    return (numbers.astype(np.float64) / 65521 - 0.5).astype(np.float32).reshape(shape)


def alphabet():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {**{chr(b): b for b in printable}, **{chr(256 + n): b for n, b in enumerate(others)}}


LETTERS = alphabet()
VOCAB = {t: i for i, t in enumerate(list(LETTERS) + [a + b for a in "Ġabc" for b in "ghijklmnopq"])}


def token_bytes(words):
    out = struct.pack("<i", len(words))
    for word in words:
        data = bytes(LETTERS[c] for c in word)
        out += struct.pack("<i", len(data)) + data
    return out


def record(name, array, code):
    """One tensor; code 0 f32, 1 f16, others by ggml's own quantizer after f16."""
    head = struct.pack("<3i", array.ndim, len(name), code) + struct.pack(f"<{array.ndim}i", *reversed(array.shape)) + name.encode()
    if code < 2:
        return head + np.ascontiguousarray(array).astype("<f4" if code == 0 else "<f2").tobytes()
    rows = np.ascontiguousarray(array.astype(np.float16).astype(np.float32))
    elems, size = ggml_base.block(code)
    out = np.zeros(rows.size // elems * size, np.uint8)
    ggml_base.load().ggml_quantize_chunk(code, rows.ctypes.data, out.ctypes.data, 0, rows.shape[0], rows.shape[1], None)
    return head + out.tobytes()


def ints(*numbers):
    return struct.pack(f"<{len(numbers)}i", *numbers)


# --- checkpoints: writers of containers ---

def safetensors(path, state):
    header, body = {}, b""
    for name, array in state.items():
        data = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def bundle(folder, state):
    entries, data = [(b"", make_tf.HEADER)], b""
    for name in sorted(state):
        body = state[name].tobytes()
        entries.append((name.encode(), make_tf.entry(make_tf.F32, state[name].shape, len(data), body)))
        data += body
    for name, content in (("model.ckpt.index", make_tf.table(entries)), ("model.ckpt.data-00000-of-00001", data),
                          ("checkpoint", b'model_checkpoint_path: "model.ckpt"\n')):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)


def keras(path, layers):
    """As Keras 2 saves: groups of layers, each with the names of its weights."""
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [layer for layer, _ in layers]
        for layer, weights in layers:
            group = root.create_group(layer)
            group.attrs["weight_names"] = [name for name, _ in weights]
            for name, array in weights:
                group[name] = array


def put(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file)


# --- what the scripts make of them ---

def gpt2_state():
    shapes = [("wte.weight", (V, E)), ("wpe.weight", (C, E))]
    for i in range(L):
        shapes += [(f"h.{i}.{n}", s) for n, s in (
            ("ln_1.weight", (E,)), ("ln_1.bias", (E,)), ("attn.c_attn.weight", (E, 3 * E)), ("attn.c_attn.bias", (3 * E,)),
            ("attn.c_proj.weight", (E, E)), ("attn.c_proj.bias", (E,)), ("ln_2.weight", (E,)), ("ln_2.bias", (E,)),
            ("mlp.c_fc.weight", (E, 4 * E)), ("mlp.c_fc.bias", (4 * E,)), ("mlp.c_proj.weight", (4 * E, E)), ("mlp.c_proj.bias", (E,)))]
    return {n: values(n, *s) for n, s in shapes + [("ln_f.weight", (E,)), ("ln_f.bias", (E,))]}


def openai(name):
    words = name.split(".")
    last = "g" if words[-2].startswith("ln_") and words[-1] == "weight" else words[-1][0]
    if words[0] in ("wte", "wpe"):
        return f"model/{words[0]}"
    return "/".join(["model"] + (["h" + words[1], *words[2:-1]] if words[0] == "h" else words[:-1]) + [last])


def gpt2_cases(folder):
    state, base, tf = gpt2_state(), [V, C, E, H, L], os.path.join(folder, "tf")
    folder = os.path.join(folder, "hf")
    os.mkdir(folder)
    os.mkdir(tf)
    put(folder, "config.json", {"vocab_size": V, "n_positions": C, "n_embd": E, "n_head": H, "n_layer": L, "model_type": "gpt2"})
    put(folder, "vocab.json", VOCAB)
    safetensors(os.path.join(folder, "model.safetensors"), state)
    bundle(tf, {openai(n): (a[None] if openai(n).endswith("/w") else a) for n, a in state.items()})
    put(tf, "hparams.json", {"n_vocab": V, "n_ctx": C, "n_embd": E, "n_head": H, "n_layer": L})
    put(tf, "encoder.json", VOCAB)

    def file(ftype, records):
        return struct.pack("<I", 0x67676D6C) + ints(*base, ftype) + token_bytes(VOCAB) + b"".join(records)

    def is_matrix(name):
        return name.endswith("/w") or name in ("model/wte", "model/lm_head")

    def turned(name, array):
        return array.T if name.endswith("/w") else array

    byname = sorted((openai(n), a) for n, a in state.items())
    for ftype, code, kind in ((0, 0, "f32"), (1, 1, "f16"), (2002, 2, "q4_0"), (2007, 8, "q8_0"), (2008, 6, "q5_0"), (2009, 7, "q5_1")):
        if code > 1 and ggml_base.load() is None:
            continue
        expected = file(ftype, [record(n, turned(n, a), code if is_matrix(n) else 0) for n, a in byname])
        yield f"gpt-2 {kind}", folder, ["--type", kind], expected
        yield f"gpt-2 {kind} from TensorFlow", tf, ["--type", kind], expected
    tokenizer = os.path.join(os.path.dirname(folder), "tokenizer")
    os.mkdir(tokenizer)
    for name in ("config.json", "model.safetensors"):
        os.link(os.path.join(folder, name), os.path.join(tokenizer, name))
    put(tokenizer, "tokenizer.json", {"added_tokens": [], "model": {"type": "BPE", "vocab": VOCAB}})
    yield ("gpt-2 with tokenizer.json", tokenizer, ["--type", "f32"],
           file(0, [record(n, turned(n, a), 0) for n, a in byname]))
    for code, kind in ((0, "f32"), (1, "f16")):
        compat = [record(openai(n), a.T if n.endswith("mlp.c_proj.weight") else a, code if a.ndim == 2 else 0) for n, a in state.items()]
        yield f"gpt-2-compat {kind}", folder, ["--type", kind, "--recipe", "gpt-2-compat"], file(code, compat)
        cerebras = [(openai(n), a) for n, a in state.items()] + [("model/lm_head", state["wte.weight"])]
        yield (f"cerebras-gpt {kind}", folder, ["--type", kind, "--recipe", "cerebras-gpt"],
               file(code, [record(n, turned(n, a), code if is_matrix(n) else 0) for n, a in cerebras]))


def gptj_cases(folder):
    shapes = [("wte.weight", (V, E))]
    for i in range(L):
        shapes += [(f"h.{i}.{n}", s) for n, s in (
            ("ln_1.weight", (E,)), ("ln_1.bias", (E,)), ("attn.k_proj.weight", (E, E)), ("attn.v_proj.weight", (E, E)),
            ("attn.q_proj.weight", (E, E)), ("attn.out_proj.weight", (E, E)), ("mlp.fc_in.weight", (4 * E, E)), ("mlp.fc_in.bias", (4 * E,)),
            ("mlp.fc_out.weight", (E, 4 * E)), ("mlp.fc_out.bias", (E,)))]
    state = {"transformer." + n: values(n, *s) for n, s in shapes + [("ln_f.weight", (E,)), ("ln_f.bias", (E,))]}
    state.update({"lm_head.weight": values("head", V, E), "lm_head.bias": values("bias", V)})
    put(folder, "config.json", {"vocab_size": V, "n_positions": C, "n_embd": E, "n_head": H, "n_layer": L, "rotary_dim": 8})
    put(folder, "vocab.json", dict(list(VOCAB.items())[:V - 2]))
    put(folder, "added_tokens.json", {word: i + V - 2 for i, word in enumerate(list(VOCAB)[V - 2:])})
    safetensors(os.path.join(folder, "model.safetensors"), dict(reversed(state.items())))
    for ftype, code, kind in ((0, 0, "f32"), (1, 1, "f16"), (2003, 3, "q4_1")):
        if code < 2 or ggml_base.load():
            records = [record(n, a, code if a.ndim == 2 else 0) for n, a in state.items()]
            yield (f"gpt-j {kind}", folder, ["--type", kind],
                   struct.pack("<I", 0x67676D6C) + ints(V, C, E, H, L, 8, ftype) + token_bytes(VOCAB) + b"".join(records),
                   *(["gpt-j", state] if code < 2 else []))


def sam_shapes(width=32, blocks=2, channels=16):
    """The tensors of Segment Anything, in its state dict's order, narrower."""
    def linear(name, rows, columns):
        return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}

    def pair(name, size):
        return {f"{name}.weight": (size,), f"{name}.bias": (size,)}

    def attention(name, inner):
        made = {}
        for part in "qkv":
            made |= linear(f"{name}.{part}_proj", inner, channels)
        return made | linear(f"{name}.out_proj", channels, inner)

    shapes = {"image_encoder.pos_embed": (1, 8, 8, width), "image_encoder.patch_embed.proj.weight": (width, 3, 4, 4), "image_encoder.patch_embed.proj.bias": (width,)}
    for i in range(blocks):
        block = f"image_encoder.blocks.{i}"
        shapes |= (pair(f"{block}.norm1", width) | {f"{block}.attn.rel_pos_h": (15, 8), f"{block}.attn.rel_pos_w": (15, 8)} | linear(f"{block}.attn.qkv", 3 * width, width) |
                   linear(f"{block}.attn.proj", width, width) | pair(f"{block}.norm2", width) | linear(f"{block}.mlp.lin1", 4 * width, width) |
                   linear(f"{block}.mlp.lin2", width, 4 * width))
    shapes |= ({"image_encoder.neck.0.weight": (channels, width, 1, 1)} | pair("image_encoder.neck.1", channels) |
               {"image_encoder.neck.2.weight": (channels, channels, 3, 3)} | pair("image_encoder.neck.3", channels))
    shapes |= {"prompt_encoder.pe_layer.positional_encoding_gaussian_matrix": (2, channels // 2)}
    shapes |= {f"prompt_encoder.point_embeddings.{n}.weight": (1, channels) for n in range(4)}
    shapes |= {"prompt_encoder.not_a_point_embed.weight": (1, channels), "prompt_encoder.mask_downscaling.0.weight": (4, 1, 2, 2),
               "prompt_encoder.no_mask_embed.weight": (1, channels)}
    for i in range(2):
        layer = f"mask_decoder.transformer.layers.{i}"
        shapes |= (attention(f"{layer}.self_attn", channels) | pair(f"{layer}.norm1", channels) | attention(f"{layer}.cross_attn_token_to_image", channels // 2) |
                   pair(f"{layer}.norm2", channels) | linear(f"{layer}.mlp.lin1", 24, channels) | linear(f"{layer}.mlp.lin2", channels, 24) |
                   pair(f"{layer}.norm3", channels) | pair(f"{layer}.norm4", channels) | attention(f"{layer}.cross_attn_image_to_token", channels // 2))
    shapes |= attention("mask_decoder.transformer.final_attn_token_to_image", channels // 2) | pair("mask_decoder.transformer.norm_final_attn", channels)
    shapes |= {"mask_decoder.iou_token.weight": (1, channels), "mask_decoder.mask_tokens.weight": (4, channels), "mask_decoder.output_upscaling.0.weight": (channels, 4, 2, 2),
               "mask_decoder.output_upscaling.0.bias": (4,)} | pair("mask_decoder.output_upscaling.1", 4) | {
                   "mask_decoder.output_upscaling.3.weight": (4, 2, 2, 2), "mask_decoder.output_upscaling.3.bias": (2,)}
    for k in range(4):
        for n in range(3):
            shapes |= linear(f"mask_decoder.output_hypernetworks_mlps.{k}.layers.{n}", 2 if n == 2 else channels, channels)
    for n in range(3):
        shapes |= linear(f"mask_decoder.iou_prediction_head.layers.{n}", 4 if n == 2 else channels, channels)
    return shapes


def sam_cases(folder):
    shapes = sam_shapes()
    state = {n: values(n, *s) for n, s in shapes.items()}
    safetensors(os.path.join(folder, "sam.safetensors"), state)
    plain = ("image_encoder.pos_embed", "prompt_encoder", "mask_decoder.iou_token", "mask_decoder.mask_tokens")
    for code, kind in ((0, "f32"), (1, "f16")):
        out = struct.pack("<I", 0x67676D6C) + ints(32, 12, 12, 256, 4, code)
        for name, array in state.items():
            if not name.startswith("prompt_encoder.mask"):
                vector = array.reshape(1, -1, 1, 1) if name.endswith("patch_embed.proj.bias") else array
                out += record(name, vector, 0 if array.ndim == 1 or name.startswith(plain) else code)
        yield f"sam {kind}", os.path.join(folder, "sam.safetensors"), ["--type", kind], out, "sam", {
            n: a for n, a in state.items() if not n.startswith("prompt_encoder.mask")}


def silero_cases(folder):
    widths, shapes = [129, 128, 64, 64, 128], {"_model.stft.forward_basis_buffer": (258, 1, 256)}
    for i in range(4):
        shapes[f"_model.encoder.{i}.reparam_conv.weight"], shapes[f"_model.encoder.{i}.reparam_conv.bias"] = (widths[i + 1], widths[i], 3), (widths[i + 1],)
    shapes.update({"_model.decoder.rnn.weight_ih": (512, 128), "_model.decoder.rnn.weight_hh": (512, 128), "_model.decoder.rnn.bias_ih": (512,),
                   "_model.decoder.rnn.bias_hh": (512,), "_model.decoder.decoder.2.weight": (1, 128, 1), "_model.decoder.decoder.2.bias": (1,)})
    state = {n: values(n, *s) for n, s in shapes.items()}
    safetensors(os.path.join(folder, "vad.safetensors"), {**state, "_model_8k.stft.forward_basis_buffer": values("8k", 2, 2)})
    out = struct.pack("<I", 0x67676D6C) + ints(10) + b"silero-16k" + ints(6, 2, 3, 512, 64, 4)
    out += b"".join(ints(widths[i], widths[i + 1], 3) for i in range(4)) + ints(128, 128, 128, 1)
    for name in [*list(state)[1:], "_model.stft.forward_basis_buffer"]:
        array = state[name] if "stft" in name else state[name].squeeze()
        out += record(name, array, int("weight" in name and "rnn" not in name or "stft" in name))
    yield "silero-vad", os.path.join(folder, "vad.safetensors"), [], out, "silero-vad", {n.removeprefix("_model."): a for n, a in state.items()}


def mel_filters(bands):
    """librosa.filters.mel(sr=16000, n_fft=400, n_mels=bands), by its source."""
    step = np.log(6.4) / 27.0
    mels = np.linspace(0.0, 15.0 + np.log(8.0) / step, bands + 2)
    hertz = np.where(mels < 15.0, 200.0 / 3 * mels, 1000.0 * np.exp(step * (mels - 15.0)))
    ramps, gaps = np.subtract.outer(hertz, np.linspace(0, 8000.0, 201)), np.diff(hertz)
    weights = np.zeros((bands, 201), np.float32)
    for i in range(bands):
        weights[i] = np.maximum(0, np.minimum(-ramps[i] / gaps[i], ramps[i + 2] / gaps[i + 1]))
    weights *= (2.0 / (hertz[2:bands + 2] - hertz[:bands]))[:, None]
    return weights


def whisper_cases(folder):
    names = []
    for side, attentions in (("encoder", (("self_attn", "attn"),)), ("decoder", (("self_attn", "attn"), ("encoder_attn", "cross_attn")))):
        layer = [(f"{s}.{p}_proj.{k}", f"{d}.{q}.{k}", (E, E) if k == "weight" else (E,)) for s, d in attentions
                 for p, q in (("k", "key"), ("v", "value"), ("q", "query"), ("out", "out")) for k in ("weight", "bias") if (p, k) != ("k", "bias")]
        at = 7
        for s, d in attentions:  # each attention's norm stands behind it
            layer[at:at] = [(f"{s}_layer_norm.{k}", f"{d}_ln.{k}", (E,)) for k in ("weight", "bias")]
            at += 9
        layer += [("fc1.weight", "mlp.0.weight", (4 * E, E)), ("fc1.bias", "mlp.0.bias", (4 * E,)), ("fc2.weight", "mlp.2.weight", (E, 4 * E)),
                  ("fc2.bias", "mlp.2.bias", (E,)), ("final_layer_norm.weight", "mlp_ln.weight", (E,)), ("final_layer_norm.bias", "mlp_ln.bias", (E,))]
        if side == "encoder":
            names += [(f"encoder.conv{k}.{p}", f"encoder.conv{k}.{p}", (E, 80 if k == 1 else E, 3) if p == "weight" else (E,))
                      for k in (1, 2) for p in ("weight", "bias")]
            names.append(("encoder.embed_positions.weight", "encoder.positional_embedding", (30, E)))
        else:
            names += [("decoder.embed_tokens.weight", "decoder.token_embedding.weight", (V + 9, E)),
                      ("decoder.embed_positions.weight", "decoder.positional_embedding", (C, E))]
        names += [(f"{side}.layers.{i}.{s}", f"{side}.blocks.{i}.{d}", shape) for i in range(L) for s, d, shape in layer]
        names += [(f"{side}.layer_norm.{k}", f"{side}.ln{'_post' if side == 'encoder' else ''}.{k}", (E,)) for k in ("weight", "bias")]
    state = [(source, target, values(source, *shape)) for source, target, shape in names]
    # the positions of the encoder stand before its convolutions in the recipe's order only for OpenAI's names
    safetensors(os.path.join(folder, "model.safetensors"), {"model." + s: a for s, _, a in state})
    put(folder, "vocab.json", VOCAB)
    put(folder, "config.json", {"vocab_size": V + 9, "max_source_positions": 30, "d_model": E, "encoder_attention_heads": H, "encoder_layers": L,
                                "max_target_positions": C, "decoder_attention_heads": H, "decoder_layers": L, "num_mel_bins": 80})
    plain = None
    for ftype, code, kind in ((0, 0, "f32"), (1, 1, "f16"), (2008, 6, "q5_0"), (2007, 8, "q8_0")):
        if code > 1 and ggml_base.load() is None:
            continue
        out = struct.pack("<I", 0x67676D6C) + ints(V + 9, 30, E, H, L, C, E, H, L, 80, ftype, 80, 201) + mel_filters(80).tobytes() + token_bytes(VOCAB)
        for _, name, array in state:
            shaped = array.reshape(-1, 1) if name in ("encoder.conv1.bias", "encoder.conv2.bias") else array
            out += record(name, shaped, 0 if array.ndim < 2 or "positional" in name else min(code, 1) if array.ndim > 2 else code)
        names = {n: a for _, n, a in state}  # back to OpenAI's
        yield f"whisper {kind}", folder, ["--type", kind], out, *(["whisper", names] if code < 2 else [])
        if code == 1:
            plain = os.path.join(os.path.dirname(folder), os.path.basename(folder) + ".bin")
            with open(plain, "wb") as file:
                file.write(out)
            for words in (["inspect", plain, "--recipe", "whisper-bin"], ["recipes", "explain", "whisper-bin", plain]):
                said = subprocess.run([GGX, *words], check=True, capture_output=True, text=True).stdout
                assert "decoder.token_embedding.weight" in said, (words, said)
        elif code > 1:
            yield f"whisper {kind} from a .bin", plain, ["--type", kind, "--recipe", "whisper-bin"], out
    os.unlink(plain)


def gguf_file(path, arch, tensors):
    writer = gguf.GGUFWriter(path, arch)
    for name, array, shape in tensors:
        writer.add_tensor(name, np.ascontiguousarray(array), raw_shape=shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with open(path, "rb") as file:
        return file.read()


def gguf_cases(folder):
    def path(name):
        return os.path.join(folder, name)

    dense = [("dense", [("dense/kernel:0", values("k", 5, 16)), ("dense/bias:0", values("b", 16))]),
             ("target_label", [("target_label/kernel:0", values("t", 16, 7)), ("target_label/bias:0", values("u", 7))]),
             ("conv", [("conv1d/kernel:0", values("c", 3, 4, 5))])]
    keras(path("magika.h5"), dense)
    yield "magika", path("magika.h5"), [], gguf_file(path("m.gguf"), "magika", [(n, a.T, None) for _, w in dense for n, a in w]), None, {
        n: a for _, w in dense for n, a in w}
    fc = {"fc1.weight": values("1", 50, 784), "fc1.bias": values("2", 50), "fc2.weight": values("3", 10, 50), "fc2.bias": values("4", 10)}
    safetensors(path("fc.safetensors"), fc)
    yield "mnist-fc", path("fc.safetensors"), [], gguf_file(path("f.gguf"), "mnist-fc", [(n, a, None) for n, a in fc.items()]), None, fc
    k1, b1, k2, b2, w, b = (values(n, *s) for n, s in (("k1", (3, 3, 1, 8)), ("b1", (8,)), ("k2", (3, 3, 8, 16)), ("b2", (16,)), ("w", (784, 10)), ("b", (10,))))
    keras(path("cnn.h5"), [("conv2d_4", [("conv2d_4/kernel:0", k1), ("conv2d_4/bias:0", b1)]), ("conv2d_5", [("conv2d_5/kernel:0", k2), ("conv2d_5/bias:0", b2)]),
                           ("dense_2", [("dense_2/kernel:0", w), ("dense_2/bias:0", b)])])
    yield "mnist-cnn", path("cnn.h5"), [], gguf_file(path("c.gguf"), "mnist-cnn", [
        ("conv1.kernel", np.moveaxis(k1, [2, 3], [0, 1]), (8, 1, 3, 3)), ("conv1.bias", b1, (1, 8, 1, 1)),
        ("conv2.kernel", np.moveaxis(k2, [0, 1, 2, 3], [2, 3, 1, 0]), (16, 8, 3, 3)), ("conv2.bias", b2, (1, 16, 1, 1)),
        ("dense.weight", w.transpose(), (10, 7 * 7 * 16)), ("dense.bias", b, None)]), None, {
            "conv2d/kernel:0": k1, "conv2d/bias:0": b1, "conv2d_1/kernel:0": k2, "conv2d_1/bias:0": b2, "dense/kernel:0": w, "dense/bias:0": b}


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    kinds = {"F32": "<f4", "F16": "<f2"}
    return {n: np.frombuffer(data[8 + size + e["data_offsets"][0]:8 + size + e["data_offsets"][1]], kinds[e["dtype"]]).reshape(e["shape"])
            for n, e in header.items()}


def check_back(made, recipe, state):
    """Backwards: every tensor that the file kept has its name, shape and values again; f16 ones as rounded."""
    back = made + ".safetensors"
    subprocess.run([GGX, made, "-o", back, "--quiet", *(["--recipe", recipe] if recipe else [])], check=True, capture_output=True)
    found = read_safetensors(back)
    assert set(found) == set(state), (recipe, set(found) ^ set(state))
    for name, array in state.items():
        assert found[name].shape == array.shape and (found[name] == array.astype(found[name].dtype)).all(), (recipe, name)


def main():
    known = {}
    if os.path.exists(DIGESTS):
        with open(DIGESTS, encoding="utf-8") as file:
            known = json.load(file)
    found = {}
    for cases in (gpt2_cases, gptj_cases, sam_cases, silero_cases, whisper_cases, gguf_cases):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as made:
            for name, source, words, expected, *back in cases(folder):
                out = os.path.join(made, "out" + (".gguf" if expected[:4] == b"GGUF" else ".bin"))
                done = subprocess.run([GGX, source, "-o", out, "--quiet", *words], capture_output=True, text=True)
                assert done.returncode == 0, (name, done.stderr)
                with open(out, "rb") as file:
                    data = file.read()
                at = oracle.first_difference(data, expected)
                assert at is None, f"{name}: byte {at} of {len(data)} and {len(expected)} differs"
                found[name] = hashlib.sha256(data).hexdigest()
                if back:
                    check_back(out, *back)
    if sys.argv[1:] == ["--write"]:
        with open(DIGESTS, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)
            file.write("\n")
    else:
        assert all(known.get(n) == d for n, d in found.items()), "this generator computes other files than it did"
    print(f"{len(found)} files, equal to the byte")


if __name__ == "__main__":
    main()
    oracle.finish()
