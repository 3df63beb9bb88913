"""Models with a tower for images, for --mmproj: Qwen 2 VL, Qwen 2.5 VL, Gemma 3."""
import tiny
import transformers

TEXT = dict(vocab_size=350, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=128)
IMAGES = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}


def finish(folder, **more):
    tiny.write(folder, "preprocessor_config.json", {**IMAGES, **more})
    tiny.sentencepiece(folder)


def qwen2vl(folder, dtype="float32"):
    conf = transformers.Qwen2VLConfig(
        text_config={**TEXT, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}},
        vision_config=dict(depth=3, embed_dim=32, num_heads=4, hidden_size=64, mlp_ratio=2, patch_size=14, spatial_merge_size=2, temporal_patch_size=2))
    tiny.model(folder, conf, "Qwen2VLForConditionalGeneration", dtype)
    finish(folder)


def qwen25vl(folder):
    conf = transformers.Qwen2_5_VLConfig(
        text_config={**TEXT, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}},
        vision_config=dict(depth=4, hidden_size=32, num_heads=4, intermediate_size=48, out_hidden_size=64, patch_size=14, spatial_merge_size=2,
                           temporal_patch_size=2, window_size=112, fullatt_block_indexes=[1, 3]))
    tiny.model(folder, conf, "Qwen2_5_VLForConditionalGeneration", "bfloat16")
    finish(folder)


def published(folder):
    """The names that the model's files have where it is published."""
    import os
    from safetensors.torch import load_file, save_file
    path = os.path.join(folder, "model.safetensors")
    save_file({n.replace("vision_tower.", "vision_tower.vision_model.") if n.startswith("vision_tower.") and ".vision_model." not in n else n: t
               for n, t in load_file(path).items()}, path, {"format": "pt"})


def gemma3(folder, dtype="bfloat16", **more):
    conf = transformers.Gemma3Config(
        text_config={**TEXT, "head_dim": 16, "sliding_window": 32},
        vision_config=dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=56, patch_size=14),
        mm_tokens_per_image=4)
    tiny.model(folder, conf, "Gemma3ForConditionalGeneration", dtype)
    published(folder)
    finish(folder, **more)


VARIANTS = {
    "qwen2vl": qwen2vl,
    "qwen2vl-bf16": lambda folder: qwen2vl(folder, "bfloat16"),
    "qwen25vl": qwen25vl,
    "gemma3-vision": gemma3,
    "gemma3-vision-small": lambda folder: gemma3(folder, "float32", image_seq_length=4),
}
