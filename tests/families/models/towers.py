"""The text models of folders that have a tower for images beside them: the tower is left out."""
import tiny
import transformers
import vision


def ministral3(folder, **more):
    tiny.model(folder, transformers.Ministral3Config(**{**vision.TEXT, "head_dim": 16, "rope_parameters": vision.YARN, **more}), dtype="bfloat16")
    tiny.byte_level(folder)


VARIANTS = {
    "pixtral-text": vision.pixtral,
    "pixtral-llama": lambda folder: vision.pixtral(folder, "float32", "llama"),
    "llava-text": vision.clip,
    "mistral3-text": vision.mistral3,
    "ministral3-text": vision.ministral3,
    "ministral3": ministral3,
    "qwen2vl-text": vision.qwen2vl,
    "qwen25vl-text": vision.qwen25vl,
    "gemma3-text": vision.gemma3,
}
EACH = ["mistral3-text", "ministral3", "qwen2vl-text", "gemma3-text"]
