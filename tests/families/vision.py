"""Models with a tower for images, for --mmproj and, in models/towers.py, for the text models beside the towers."""
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


def breaks(folder):
    """A vocabulary with the token that ends a row of an image."""
    tiny.byte_level(folder, special=("<s>", "</s>", "[IMG_BREAK]"))
    tiny.write(folder, "preprocessor_config.json", IMAGES)


PIXTRAL = dict(model_type="pixtral", hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=2, image_size=56, patch_size=14)


def pixtral(folder, dtype="bfloat16", of="mistral", **more):
    conf = transformers.LlavaConfig(text_config={**TEXT, "model_type": of, "head_dim": 16}, vision_config={**PIXTRAL, "hidden_act": "silu"}, image_token_index=10,
                                    vision_feature_layer=-1, **more)
    tiny.model(folder, conf, "LlavaForConditionalGeneration", dtype)
    breaks(folder)


YARN = {"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 16.0, "original_max_position_embeddings": 16, "beta_fast": 32.0, "beta_slow": 1.0,
        "mscale_all_dim": 1.0, "mscale": 1.0, "llama_4_scaling_beta": 0.1}


def mistral3(folder, dtype="bfloat16", text=None, vision=None, **more):
    conf = transformers.Mistral3Config(text_config={**TEXT, "model_type": "mistral", "head_dim": 16, **(text or {})}, vision_config={**PIXTRAL, **(vision or {})}, **more)
    tiny.model(folder, conf, "Mistral3ForConditionalGeneration", dtype)
    breaks(folder)


def ministral3(folder, dtype="bfloat16"):
    mistral3(folder, dtype, {"model_type": "ministral3", "rope_parameters": YARN, "max_position_embeddings": 256, "tie_word_embeddings": True})


def clip(folder):
    conf = transformers.LlavaConfig(
        text_config={**TEXT, "model_type": "llama", "head_dim": 16}, image_token_index=10, vision_feature_layer=-1,
        vision_config=dict(model_type="clip_vision_model", hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=2, image_size=56,
                           patch_size=14, projection_dim=32))
    tiny.model(folder, conf, "LlavaForConditionalGeneration", "float16")
    finish(folder)


def renamed(folder, make, before, after):
    """The same model under other names."""
    make(folder)
    tiny.rewrite(folder, lambda name, tensor: {(after + name[len(before):] if name.startswith(before) else name): tensor})


def unbroken(folder):
    pixtral(folder)
    tiny.byte_level(folder)


VARIANTS = {
    "qwen2vl": qwen2vl,
    "qwen2vl-bf16": lambda folder: qwen2vl(folder, "bfloat16"),
    "qwen25vl": qwen25vl,
    "gemma3-vision": gemma3,
    "gemma3-vision-small": lambda folder: gemma3(folder, "float32", image_seq_length=4),
    "pixtral": pixtral,
    "pixtral-f32": lambda folder: pixtral(folder, "float32", spatial_merge_size=2),
    "pixtral-outside": lambda folder: renamed(folder, pixtral, "language_model.model.", "model."),
    "mistral3": mistral3,
    "ministral3": ministral3,
}
REFUSED = {  # by the converter, too: what ggx says of it
    "llava": (clip, "clip_vision_model"),
    "pixtral-unbroken": (unbroken, "[IMG_BREAK]"),
}
