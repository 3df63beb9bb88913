"""RWKV 7, which transformers has no class for, with a small World vocabulary."""
import tiny

TOKENS = ["a", "b", " ", "'", '"', "'\"", "\\", "\n", "\t\t", "\r\n", "\x00", "\x7f", "é", "の", "😶", "the quick", b"\x80", b"\xe3\x81", b"\xff'", "\x1b[0m", "it's \"so\""]


def words(folder):
    lines = [f"{n} {token!r} {len(token if isinstance(token, bytes) else token.encode())}\n" for n, token in enumerate(TOKENS, 1)]
    lines.append("90 \"\\u00e9\\x41\\'\" 4\n")
    tiny.write(folder, "rwkv_vocab_v20230424.txt", "".join(lines))
    tiny.write(folder, "tokenizer_config.json", {"tokenizer_class": "RwkvTokenizer", "chat_template": "{{ messages }}"})


def rwkv7(folder, dtype="float32", first=True, ranks=(32, 32, 16, 48), name="RWKV7ForCausalLM", **more):
    size, width, heads, inner = 40, 64 * tiny.WIDER, 4, 256 * tiny.WIDER
    decay, rate, value, gate = (r * tiny.WIDER for r in ranks)
    shapes = {"model.embeddings.weight": (size, width), "lm_head.weight": (size, width), "model.norm.weight": (width,), "model.norm.bias": (width,),
              "model.layers.0.pre_norm.weight": (width,), "model.layers.0.pre_norm.bias": (width,)}
    for i in range(2):
        layer = f"model.layers.{i}."
        shapes |= {layer + f"{n}.{end}": (width,) for n in ("attn_norm", "ffn_norm", "attn.g_norm") for end in ("weight", "bias")}
        shapes |= {layer + f"attn.x_{n}": (1, 1, width) for n in "rwkvag"}
        for which, rank in (("w", decay), ("a", rate), ("v", value), ("g", gate)):
            if which == "v" and i == 0 and not first:
                continue
            shapes |= {layer + f"attn.{which}_lora.lora.0.weight": (rank, width), layer + f"attn.{which}_lora.lora.2.weight": (width, rank)}
            if which != "g":
                shapes[layer + f"attn.{which}_lora.lora.2.bias"] = (width,)
        shapes |= {layer + f"attn.{n}_proj.weight": (width, width) for n in "rkvo"}
        shapes |= {layer + "attn.k_k": (width,), layer + "attn.k_a": (width,), layer + "attn.r_k": (heads, width // heads),
                   layer + "ffn.x_k": (width,), layer + "ffn.key.weight": (inner, width), layer + "ffn.value.weight": (width, inner)}
    conf = {"architectures": [name], "model_type": "rwkv7", "hidden_size": width, "num_hidden_layers": 2, "head_dim": width // heads, "norm_eps": 1e-5, "intermediate_size": inner,
            "decay_low_rank_dim": decay, "a_low_rank_dim": rate, "v_low_rank_dim": value, "gate_low_rank_dim": gate, "vocab_size": size, "bos_token_id": 1, "eos_token_id": 2}
    tiny.weights(folder, {**conf, **more}, shapes, dtype=dtype)
    words(folder)


VARIANTS = {
    "rwkv7": lambda folder: rwkv7(folder, dtype="bfloat16"),
    "rwkv7-first": lambda folder: rwkv7(folder, first=False, name="Rwkv7ForCausalLM", intermediate_size=None),
    "rwkv7-ranks": lambda folder: rwkv7(folder, decay_low_rank_dim=None, a_low_rank_dim=None, v_low_rank_dim=None, gate_low_rank_dim=None),
}
