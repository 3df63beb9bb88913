"""The text models of folders that have a tower for images beside them: the tower is left out."""
import tiny
import transformers
import vision


def ministral3(folder, **more):
    tiny.model(folder, transformers.Ministral3Config(**{**vision.TEXT, "head_dim": 16, "rope_parameters": vision.YARN, **more}), dtype="bfloat16")
    tiny.byte_level(folder)


def internlm2(folder):
    """InternVL with an InternLM2, whose tensors lie below language_model."""
    from models import internlm2 as family
    family.internlm2(folder)
    text = tiny.config(folder)
    tiny.write(folder, "config.json", {"architectures": ["InternVLChatModel"], "model_type": "internvl_chat", "bos_token_id": 1, "eos_token_id": 2, "llm_config": text,
                                       "vision_config": {"architectures": ["InternVisionModel"], "model_type": "intern_vit_6b"}})
    tiny.rewrite(folder, lambda name, tensor: {"language_model." + name: tensor, "vision_model." + name: tensor})


def older_gemma3(folder):
    """As published: what the class says anyway is left out, rotations are scaled as older releases wrote it."""
    vision.gemma3(folder, text={"head_dim": 256, "num_attention_heads": 8, "num_key_value_heads": 4})
    text = tiny.config(folder)["text_config"]
    kept = ("hidden_size", "intermediate_size", "model_type", "num_hidden_layers", "sliding_window", "vocab_size")
    tiny.edit(folder, text_config={**{k: text[k] for k in kept}, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}})


VARIANTS = {
    "pixtral-text": vision.pixtral,
    "pixtral-llama": lambda folder: vision.pixtral(folder, "float32", "llama"),
    "pixtral-bare": vision.pixtral_bare,
    "pixtral-bare-llama": lambda folder: vision.pixtral_bare(folder, "llama"),
    "llava-text": vision.clip,
    "mistral3-text": vision.mistral3,
    "mistral3-newer": lambda folder: vision.renamed(folder, vision.mistral3, "language_model.model.", "model.language_model."),
    "smolvlm-text": vision.idefics3,
    "idefics3-text": lambda folder: vision.idefics3(folder, "Idefics3"),
    "gemma3-newer": lambda folder: vision.renamed(folder, vision.gemma3, "language_model.model.", "model.language_model."),
    "ministral3-fp8-newer": lambda folder: vision.renamed(folder, vision.ministral3_fp8, "language_model.model.", "model.language_model."),
    "ministral3-text": vision.ministral3,
    "ministral3": ministral3,
    "ministral3-fp8": vision.ministral3_fp8,
    "internvl-text": vision.internvl,
    "internvl-internlm2": internlm2,
    "qwen2vl-text": vision.qwen2vl,
    "qwen25vl-text": vision.qwen25vl,
    "qwen25vl-both": vision.VARIANTS["qwen25vl-both"],
    "qwen2vl-older": vision.VARIANTS["qwen2vl-older"],
    "qwen25vl-older": lambda folder: vision.older(folder, vision.qwen25vl, {"type": "default", "rope_type": "default", "mrope_section": [2, 3, 3]}),
    "gemma3-text": vision.gemma3,
    "gemma3-text-linear": lambda folder: vision.gemma3(folder, text={"rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}}),
    "gemma3-text-older": older_gemma3,
}
EACH = ["mistral3-text", "ministral3", "qwen2vl-text", "gemma3-text"]
FP8 = "the framework does not load FP8 without a further package"
NO_LOGITS = {"ministral3-fp8": FP8, "ministral3-fp8-newer": FP8}
