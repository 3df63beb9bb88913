"""Qwen 1, whose classes are the model's own program: its tensors, a small .tiktoken, and for the converter an object that has of the
tokenizer what the converter asks for, read from the same file."""
import base64
import os

import tiny

NO_LOGITS = {name: "transformers has no such class; and llama.cpp wants qwen.attention.layer_norm_rms_epsilon, which the converter writes of rms_norm_eps alone"
             for name in ("qwen1", "qwen1-ids", "qwen1-half", "qwen1-rms")}
EACH = ["qwen1-rms"]  # llama.cpp quantizes none without that key
CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + [f"<|extra_{i}|>" for i in range(205)]


class Tokenizer:
    """tokenization_qwen.py's attributes."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.mergeable_ranks = {base64.b64decode(t): int(r) for t, r in (line.split() for line in file.read().splitlines() if line)}
        self.special_tokens = {t: i for i, t in enumerate(CONTROLS, len(self.mergeable_ranks))}
        self.vocab_size = len(self.mergeable_ranks) + len(CONTROLS)

    def get_vocab(self):
        return self.mergeable_ranks | self.special_tokens


def told(folder, *words, usual, **more):
    found = [n for n in os.listdir(folder) if n.endswith(".tiktoken")]
    return Tokenizer(os.path.join(folder, found[0])) if found else usual(folder, *words, **more)


def tokenizer(folder, name, last=()):
    """Ranks of byte-level BPE: bytes by value, then the merges; `last` moves lines behind all, so that ranks are not in order."""
    import tokenizers
    from transformers import AutoTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.train_from_iterator(tiny.TEXT * 4, tokenizers.trainers.BpeTrainer(
        vocab_size=330, special_tokens=[], show_progress=False, initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())))
    values = {c: b for b, c in bytes_to_unicode().items()}
    tokens = [bytes(values[c] for c in t) for t, _ in sorted(made.get_vocab().items(), key=lambda of: of[1])]
    lines = [f"{base64.b64encode(t).decode()} {i}\n" for i, t in enumerate(tokens)]
    lines = [line for i, line in enumerate(lines) if i not in last] + [lines[i] for i in last]
    tiny.write(folder, name, "".join(lines))
    tiny.write(folder, "tokenizer_config.json", {"model_max_length": 8192, "tokenizer_class": "QWenTokenizer", "auto_map": {"AutoTokenizer": ["tokenization_qwen.QWenTokenizer", None]}})
    if not hasattr(AutoTokenizer, "before_qwen1"):
        AutoTokenizer.before_qwen1 = usual = AutoTokenizer.from_pretrained
        AutoTokenizer.from_pretrained = lambda path, *words, **more: told(path, *words, usual=usual, **more)
    return len(tokens) + len(CONTROLS)


def qwen1(folder, dtype="float32", spare=6, name="qwen.tiktoken", last=(), **more):
    size, width, inner = tokenizer(folder, name, last) + spare, 64 * tiny.WIDER, 128 * tiny.WIDER
    shapes = {"transformer.wte.weight": (size, width), "transformer.ln_f.weight": (width,), "lm_head.weight": (size, width)}
    for i in range(2):
        layer = f"transformer.h.{i}."
        shapes |= {layer + "ln_1.weight": (width,), layer + "ln_2.weight": (width,),
                   layer + "attn.c_attn.weight": (3 * width, width), layer + "attn.c_attn.bias": (3 * width,), layer + "attn.c_proj.weight": (width, width),
                   layer + "mlp.w1.weight": (inner, width), layer + "mlp.w2.weight": (inner, width), layer + "mlp.c_proj.weight": (width, inner)}
    conf = {"architectures": ["QWenLMHeadModel"], "auto_map": {"AutoConfig": "configuration_qwen.QWenConfig", "AutoModelForCausalLM": "modeling_qwen.QWenLMHeadModel"},
            "model_type": "qwen", "hidden_size": width, "intermediate_size": 2 * inner, "kv_channels": width // 4, "layer_norm_epsilon": 1e-6, "max_position_embeddings": 512,
            "no_bias": True, "num_attention_heads": 4, "num_hidden_layers": 2, "rotary_emb_base": 10000, "rotary_pct": 1.0, "seq_length": 256, "tie_word_embeddings": False,
            "tokenizer_class": "QWenTokenizer", "use_dynamic_ntk": True, "use_logn_attn": True, "vocab_size": size}
    tiny.weights(folder, {**conf, **more}, shapes, dtype=dtype)


VARIANTS = {
    "qwen1": qwen1,
    "qwen1-ids": lambda folder: qwen1(folder, eos_token_id=331, pad_token_id=332, spare=0),
    "qwen1-half": lambda folder: qwen1(folder, dtype="bfloat16", name="other.tiktoken", last=(300, 7, 270)),
    "qwen1-rms": lambda folder: qwen1(folder, rms_norm_eps=1e-6),
}
