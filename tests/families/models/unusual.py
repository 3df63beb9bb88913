"""Folders that are not quite as their families' usual ones are: keys that config.json leaves out or has besides, names of templates, rotations of other kinds."""
import os

import tiny
from models import bloom, command_r, files, gemma, gpt2, llama, phi3, qwen


def changed(make, without=(), **values):
    """The model with keys of config.json set, None taking one out, and others taken out."""
    def made(folder):
        make(folder)
        conf = {k: v for k, v in {**tiny.config(folder), **values}.items() if k not in without}
        tiny.write(folder, "config.json", conf)
    return made


def bare_qwen2(folder):
    """Nothing in config.json but what the tensors need."""
    qwen.qwen2(folder)
    conf = tiny.config(folder)
    tiny.write(folder, "config.json", {k: conf[k] for k in ("architectures", "model_type", "vocab_size", "hidden_size", "num_hidden_layers",
                                                            "num_attention_heads")})


def wide_vocabulary(folder):
    """No vocab_size: the class has one, up to which the vocabulary is filled."""
    llama.llama(folder, vocab_size=32000, hidden_size=8, num_attention_heads=2, num_key_value_heads=1)
    tiny.write(folder, "config.json", {k: v for k, v in tiny.config(folder).items() if k != "vocab_size"})


def templates(folder):
    qwen.qwen2(folder)
    tiny.byte_level(folder, chat_template=[{"name": "default", "template": "{{ a }}"}, {"name": "mit Werkzeug/ü+1", "template": "{{ b }}"}])


def rotated(make, model=None, old=None, **both):
    """rope_parameters and rope_scaling of an old and a new configuration, as they stand."""
    return changed(make, rope_scaling=old, rope_parameters=model, without=[k for k, v in (("rope_scaling", old), ("rope_parameters", model)) if v is None], **both)


def unindexed(folder, make, count):
    """Parts of a pytorch_model without their index, written last first."""
    files.pickled(folder, make, count)
    os.remove(os.path.join(folder, "pytorch_model.bin.index.json"))
    for name in sorted((n for n in os.listdir(folder) if n.endswith(".bin")), reverse=True):
        path = os.path.join(folder, name)
        os.rename(path, path + ".away")
        os.rename(path + ".away", path)


LINEAR, YARN = {"type": "linear", "factor": 2.0}, {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "rope_theta": 5000.0}
VARIANTS = {
    "qwen2-bare": bare_qwen2,
    "llama-wide": wide_vocabulary,
    "qwen2-templates": templates,
    "qwen2-encoder": changed(qwen.qwen2, is_causal=False),
    "llama-encoder": changed(llama.llama, is_causal=False),
    "gemma2-encoder": changed(gemma.gemma2, is_causal=False),
    "qwen2-both": rotated(qwen.qwen2, YARN, LINEAR),
    "qwen2-both-empty": rotated(qwen.qwen2, YARN, {}),
    "llama-both": rotated(llama.llama, YARN, LINEAR),
    "unclassed-both": rotated(llama.llama, YARN, LINEAR, model_type="lama"),
    "unclassed-null": changed(llama.llama, rope_parameters=None, rope_scaling=LINEAR, rope_theta=5000.0, model_type="lama"),
    "qwen2-capitals": rotated(qwen.qwen2, old={"type": "LINEAR", "factor": 2.0}),
    "qwen2-zork": rotated(qwen.qwen2, old={"type": "zork", "factor": 2.0}),
    "qwen2-mrope": rotated(qwen.qwen2, old={"type": "mrope", "mrope_section": [2, 3, 3]}),
    "llama3-capitals": rotated(llama.llama, old={"rope_type": "LLAMA3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                                 "original_max_position_embeddings": 64}),
    "llama3-unsaid": rotated(llama.llama, old={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}),
    "qwen2-yarn-unsaid": rotated(qwen.qwen2, old={"type": "yarn", "factor": 4.0}),
    "qwen2-yarn-above": rotated(qwen.qwen2, old={"type": "yarn", "factor": 4.0}, original_max_position_embeddings=64),
    "gemma2-experts": changed(gemma.gemma2, num_local_experts=8, num_experts_per_tok=2, n_group=2, topk_group=1, scoring_func="sigmoid"),
    "phi3-experts": changed(phi3.phi3, num_local_experts=8, num_experts_per_tok=2),
    "bloom-experts": changed(bloom.bloom, num_experts=8, head_dim=16, rope_scaling=LINEAR),
    "gpt2-experts": changed(gpt2.gpt2, num_experts=8, n_group=2),
    "qwen2-experts": changed(qwen.qwen2, num_local_experts=8, num_experts_per_tok=2, moe_router_activation="sigmoid"),
    "command-r-short": changed(command_r.command_r, without=["max_position_embeddings", "num_key_value_heads", "layer_norm_eps"]),
    "unindexed": lambda folder: unindexed(folder, qwen.qwen2, 3),
}
NO_LOGITS = {name: "its keys are odd on purpose: what the converter makes of them is compared, and the framework makes something else" for name in VARIANTS}
