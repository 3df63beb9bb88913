"""Promise: a trained Llama tells in llama.cpp the story that it tells itself. stories260K in llama2.c's own format (format v0, real/llama2c) is computed here in
numpy as run.c does; re-encoded as a Hugging Face folder it goes through ggx, and llama.cpp goes on with the same prompts to the same text."""
import json
import os
import struct
import subprocess
import tempfile

import llama
import oracle

numpy, safetensors, sentencepiece_pb = oracle.modules("numpy", "safetensors.numpy", "sentencepiece.sentencepiece_model_pb2")
GGX = os.environ["GGX"]
PROMPTS = ["Once upon a time, there was a little", "Lily and Tom", "The dog"]
STEPS = 120


def read_model(path):
    """Sizes and weights of a llama2.c file: seven integers, then f32 after f32."""
    with open(path, "rb") as file:
        dim, hidden, layers, heads, kv_heads, vocab, context = struct.unpack("<7i", file.read(28))
        rest = numpy.frombuffer(file.read(), "<f4")
    assert vocab > 0  # negative: an output matrix of its own
    at, model = 0, {"layers": layers, "heads": heads, "kv_heads": kv_heads, "context": context}
    kv = dim // heads * kv_heads
    for name, shape in (("embedding", (vocab, dim)), ("attention_norm", (layers, dim)), ("q", (layers, dim, dim)), ("k", (layers, kv, dim)),
                        ("v", (layers, kv, dim)), ("o", (layers, dim, dim)), ("ffn_norm", (layers, dim)), ("gate", (layers, hidden, dim)),
                        ("down", (layers, dim, hidden)), ("up", (layers, hidden, dim)), ("norm", (dim,))):
        size = int(numpy.prod(shape))
        model[name] = rest[at:at + size].reshape(shape)
        at += size
    assert rest.size - at == context * (dim // heads)  # tables of sines and cosines
    return model


def read_tokens(path, n):
    """[(bytes, score)] of a llama2.c tokenizer."""
    with open(path, "rb") as file:
        data = file.read()
    at, tokens = 4, []
    for _ in range(n):
        score, size = struct.unpack_from("<fi", data, at)
        tokens.append((data[at + 8:at + 8 + size], score))
        at += 8 + size
    assert at == len(data)
    return tokens


# --- the model itself, as run.c computes it ---

def norm(x, weight):
    return weight * (x / numpy.sqrt((x * x).mean() + 1e-5))


def forward(m, cache, token, at):
    x = m["embedding"][token].astype("f4")
    size = x.size // m["heads"]
    angles = at / 10000.0 ** (numpy.arange(0, size, 2) / size)
    turn = (numpy.cos(angles) + 1j * numpy.sin(angles)).astype("c8")

    def rotate(rows):
        pairs = rows.reshape(-1, size // 2, 2)
        turned = (pairs[..., 0] + 1j * pairs[..., 1]) * turn
        return numpy.stack([turned.real, turned.imag], -1).reshape(-1, size)

    for n in range(m["layers"]):
        h = norm(x, m["attention_norm"][n])
        q, k, v = rotate(m["q"][n] @ h), rotate(m["k"][n] @ h), (m["v"][n] @ h).reshape(-1, size)
        cache[n].append((k, v))
        keys, values = (numpy.stack([c[i] for c in cache[n]]) for i in (0, 1))
        out = []
        for head in range(m["heads"]):
            of = head * m["kv_heads"] // m["heads"]
            scores = keys[:, of] @ q[head] / numpy.sqrt(size)
            weights = numpy.exp(scores - scores.max())
            out.append((weights / weights.sum()) @ values[:, of])
        x = x + m["o"][n] @ numpy.concatenate(out)
        h = norm(x, m["ffn_norm"][n])
        gate = m["gate"][n] @ h
        x = x + m["down"][n] @ (gate / (1 + numpy.exp(-gate)) * (m["up"][n] @ h))
    return m["embedding"] @ norm(x, m["norm"])


def encode(tokens, text):
    """run.c's encode(): a space before, bytes that are no token as byte tokens, then the best pair over and over."""
    ids = {token: i for i, (token, _) in enumerate(tokens)}
    found = [1, ids[b" "]]
    for c in text:
        raw = c.encode()
        found += [ids[raw]] if raw in ids else [3 + b for b in raw]
    while True:
        best, at = -1e10, None
        for i in range(1, len(found) - 1):
            pair = tokens[found[i]][0] + tokens[found[i + 1]][0]
            if pair in ids and tokens[ids[pair]][1] > best:
                best, at = tokens[ids[pair]][1], i
        if at is None:
            return found
        found[at:at + 2] = [ids[tokens[found[at]][0] + tokens[found[at + 1]][0]]]


def tell(m, tokens, prompt):
    cache = [[] for _ in range(m["layers"])]
    ids = encode(tokens, prompt)
    for at in range(len(ids) + STEPS):
        logits = forward(m, cache, ids[at], at)
        if at + 1 == len(ids):
            ids.append(int(logits.argmax()))
            if ids[-1] == 1:
                break
    return ids


# --- the same as a Hugging Face folder ---

def write_folder(m, tokens, folder):
    dim, heads, kv_heads = m["embedding"].shape[1], m["heads"], m["kv_heads"]
    size = dim // heads

    def halves(rows, n):
        """Pairs that are turned together lie apart by half a head there."""
        return rows.reshape(n, size // 2, 2, dim).transpose(0, 2, 1, 3).reshape(n * size, dim)

    tensors = {"model.embed_tokens.weight": m["embedding"], "model.norm.weight": m["norm"]}
    for n in range(m["layers"]):
        tensors |= {f"model.layers.{n}.{name}.weight": value for name, value in (
            ("self_attn.q_proj", halves(m["q"][n], heads)), ("self_attn.k_proj", halves(m["k"][n], kv_heads)), ("self_attn.v_proj", m["v"][n]),
            ("self_attn.o_proj", m["o"][n]), ("mlp.gate_proj", m["gate"][n]), ("mlp.down_proj", m["down"][n]), ("mlp.up_proj", m["up"][n]),
            ("input_layernorm", m["attention_norm"][n]), ("post_attention_layernorm", m["ffn_norm"][n]))}
    safetensors.save_file({k: numpy.ascontiguousarray(v) for k, v in tensors.items()}, os.path.join(folder, "model.safetensors"))
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump({"architectures": ["LlamaForCausalLM"], "hidden_size": dim, "intermediate_size": m["gate"].shape[1], "num_hidden_layers": m["layers"],
                   "num_attention_heads": heads, "num_key_value_heads": kv_heads, "vocab_size": len(tokens), "max_position_embeddings": m["context"],
                   "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True, "torch_dtype": "float32"}, file)
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
        json.dump({"add_bos_token": True, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}, file)
    made = sentencepiece_pb.ModelProto()
    kinds = sentencepiece_pb.ModelProto.SentencePiece
    for i, (token, score) in enumerate(tokens):
        text = ["<unk>", "<s>", "</s>"][i] if i < 3 else f"<0x{i - 3:02X}>" if i < 259 else token.decode().replace(" ", "\u2581")
        made.pieces.add(piece=text, score=score, type=kinds.UNKNOWN if i == 0 else kinds.CONTROL if i < 3 else kinds.BYTE if i < 259 else kinds.NORMAL)
    made.trainer_spec.model_type = 2  # BPE
    made.trainer_spec.byte_fallback = True
    with open(os.path.join(folder, "tokenizer.model"), "wb") as file:
        file.write(made.SerializeToString())


def go_on(library, path, prompt):
    with llama.Model(library, path) as model:
        ids = model.tokenize(prompt, add_special=True)
        for _ in range(STEPS + 1):
            ids.append(int(model.logits(ids)[-1].argmax()))
            if ids[-1] == 1:
                break
        return ids, b"".join(model.piece(i) for i in ids)


def main():
    path = oracle.case("real/llama2c/stories260K/stories260K.bin")
    library = llama.Library()
    if not path:
        return oracle.finish()
    m = read_model(path)
    tokens = read_tokens(os.path.join(os.path.dirname(path), "tok512.bin"), m["embedding"].shape[0])
    with tempfile.TemporaryDirectory() as scratch:
        folder, out = os.path.join(scratch, "stories260K"), os.path.join(scratch, "out.gguf")
        os.mkdir(folder)
        write_folder(m, tokens, folder)
        stories = {prompt: tell(m, tokens, prompt) for prompt in PROMPTS}
        for kind in ("f32", "f16"):
            done = subprocess.run([GGX, folder, "-o", out, "--quiet", "--type", kind], capture_output=True, text=True)
            assert done.returncode == 0, done
            for prompt, wanted in stories.items():
                ids, text = go_on(library, out, prompt)
                assert ids == wanted, f"{kind}: {text.decode(errors='replace')!r}\nthe model itself: {b''.join(tokens[i][0] for i in wanted)!r}"
                assert text.decode().strip().startswith(prompt) and len(wanted) > STEPS
            print(f"{kind}: {text.decode().strip()[:100]} …")
            os.remove(out)
    return oracle.finish()


main()
