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


def whole(folder, make, mean=(0, 0, 0)):
    """Means and deviations as whole numbers: their arrays are of integers then."""
    make(folder)
    tiny.write(folder, "preprocessor_config.json", {"image_mean": list(mean), "image_std": [1, 1, 1]})


def mixed(folder):
    qwen2vl(folder)
    tiny.write(folder, "preprocessor_config.json", {"image_mean": [0, 0.5, 0], "image_std": [1, 1, 1]})


def older(folder, make, scaling, both=False):
    """The configuration as it was published: the text model's keys among the others, or there too, rotations under an older name."""
    make(folder)
    conf = tiny.config(folder)
    text = {k: v for k, v in (conf["text_config"] if both else conf.pop("text_config")).items() if k not in ("model_type", "rope_parameters", "layer_types")}
    tiny.write(folder, "config.json", {**conf, **text, "rope_theta": 10000.0, "rope_scaling": scaling})


def published(folder):
    """The names that the model's files have where it is published."""
    import os
    from safetensors.torch import load_file, save_file
    path = os.path.join(folder, "model.safetensors")
    save_file({n.replace("vision_tower.", "vision_tower.vision_model.") if n.startswith("vision_tower.") and ".vision_model." not in n else n: t
               for n, t in load_file(path).items()}, path, {"format": "pt"})


def gemma3(folder, dtype="bfloat16", text=None, **more):
    conf = transformers.Gemma3Config(
        text_config={**TEXT, "head_dim": 16, "sliding_window": 32, "query_pre_attn_scalar": 16, **(text or {})},
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


def pixtral(folder, dtype="bfloat16", of="mistral", heads=2, text=None, **more):
    conf = transformers.LlavaConfig(text_config={**TEXT, "model_type": of, "head_dim": 16, **(text or {})}, vision_config={**PIXTRAL, "num_attention_heads": heads, "hidden_act": "silu"}, image_token_index=10,
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


def ministral3_fp8(folder):
    """As published: the projections of the text model in FP8 with a scale for each, one for what they are given beside it."""
    import torch
    ministral3(folder)

    def pack(name, tensor):
        if not (name.startswith("language_model.") and name.endswith("_proj.weight")):
            return {name: tensor}
        scale = torch.rand(()).mul(0.01).add(0.001).to(torch.bfloat16)
        stem = name.removesuffix("weight")
        return {name: (tensor * 100).to(torch.float8_e4m3fn), stem + "weight_scale_inv": scale, stem + "activation_scale": scale * 2}

    tiny.rewrite(folder, pack)
    tiny.edit(folder, quantization_config={"quant_method": "fp8", "activation_scheme": "static", "dequantize": False, "weight_block_size": None,
                                           "modules_to_not_convert": ["model.vision_tower", "model.multi_modal_projector", "lm_head"]})


def bare(folder, make, text, tower):
    """As published: what the classes of both parts say anyway is left out."""
    make(folder)
    conf = tiny.config(folder)
    tiny.edit(folder, text_config={k: v for k, v in conf["text_config"].items() if k in text},
              vision_config={k: v for k, v in conf["vision_config"].items() if k in tower})


def pixtral_bare(folder, of="mistral"):
    """The classes' numbers of heads and inner width (the model has no fewer)."""
    inner, kv = {"mistral": (14336, 8), "llama": (11008, 32)}[of]
    bare(folder, lambda f: pixtral(f, of=of, heads=16, text=dict(num_attention_heads=32, num_key_value_heads=kv, intermediate_size=inner)),
         ("model_type", "hidden_size", "num_hidden_layers", "vocab_size", "head_dim", "max_position_embeddings"),
         ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "image_size", "patch_size", "hidden_act"))


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


def internvl(folder, dtype="bfloat16", plain=False):
    """As OpenGVLab publishes it; transformers has no class for it. plain: norms without biases, norms of queries and keys, no tiles."""
    width, inner, layers, text = 32, 48, 4, 64
    text_config = {**TEXT, "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "rms_norm_eps": 1e-6, "rope_theta": 1000000.0}
    tower = dict(architectures=["InternVisionModel"], model_type="intern_vit_6b", hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
                 num_attention_heads=2, image_size=56, patch_size=14, layer_norm_eps=1e-6, hidden_act="silu" if plain else "gelu")
    conf = dict(architectures=["InternVLChatModel"], model_type="internvl_chat", downsample_ratio=0.5, llm_config=text_config, vision_config=tower,
                **({} if plain else {"min_dynamic_patch": 1, "max_dynamic_patch": 12}))
    norm_ends, shapes = ("weight",) if plain else ("weight", "bias"), {
        "vision_model.embeddings.class_embedding": (1, 1, width), "vision_model.embeddings.position_embedding": (1, 17, width),
        "vision_model.embeddings.patch_embedding.weight": (width, 3, 14, 14), "vision_model.embeddings.patch_embedding.bias": (width,),
        "mlp1.0.weight": (4 * width,), "mlp1.0.bias": (4 * width,), "mlp1.1.weight": (text, 4 * width), "mlp1.1.bias": (text,), "mlp1.3.weight": (text, text),
        "mlp1.3.bias": (text,), "language_model.model.embed_tokens.weight": (350, text), "language_model.lm_head.weight": (350, text),
        "language_model.model.norm.weight": (text,)}
    for i in range(layers):
        layer = f"vision_model.encoder.layers.{i}."
        shapes.update({f"{layer}norm{n}.{end}": (width,) for n in (1, 2) for end in norm_ends})
        shapes.update({f"{layer}attn.qkv.weight": (3 * width, width), f"{layer}attn.proj.weight": (width, width), f"{layer}attn.proj.bias": (width,),
                       f"{layer}ls1": (width,), f"{layer}ls2": (width,), f"{layer}mlp.fc1.weight": (inner, width), f"{layer}mlp.fc1.bias": (inner,),
                       f"{layer}mlp.fc2.weight": (width, inner), f"{layer}mlp.fc2.bias": (width,)})
        shapes.update({f"{layer}attn.{which}_norm.weight": (width,) for which in "qk"} if plain else {f"{layer}attn.qkv.bias": (3 * width,)})
    for i in range(TEXT["num_hidden_layers"]):
        layer = f"language_model.model.layers.{i}."
        shapes.update({f"{layer}{norm}.weight": (text,) for norm in ("input_layernorm", "post_attention_layernorm")})
        shapes.update({f"{layer}self_attn.{which}_proj.weight": (rows, text) for which, rows in zip("qkvo", (text, 32, 32, text))})
        shapes.update({f"{layer}self_attn.{which}_proj.bias": (rows,) for which, rows in zip("qkv", (text, 32, 32))})
        shapes.update({f"{layer}mlp.{part}_proj.weight": (text, 96) if part == "down" else (96, text) for part in ("gate", "up", "down")})
    tiny.weights(folder, conf, shapes, dtype)
    finish(folder)


def internvl_hf(folder, dtype="float32", **more):
    """Under transformers' own names, as its newer releases keep them."""
    conf = transformers.InternVLConfig(
        text_config={**TEXT, "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]},
        vision_config=dict(architectures=["InternVisionModel"], hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=2,
                           image_size=[56, 56], patch_size=[14, 14], **more))
    tiny.model(folder, conf, "InternVLForConditionalGeneration", dtype)
    named = {"vision_tower.": "model.vision_tower.", "multi_modal_projector.": "model.multi_modal_projector.", "language_model.model.": "model.language_model."}
    tiny.rewrite(folder, lambda name, tensor: {next((to + name[len(old):] for old, to in named.items() if name.startswith(old)),
                                                    name.removeprefix("language_model.")): tensor})
    finish(folder)


def idefics3(folder, of="SmolVLM", **more):
    conf = getattr(transformers, f"{of}Config")(
        text_config={**TEXT, "model_type": "llama", "architectures": ["VLlama3ForCausalLM"]}, scale_factor=2 if of == "SmolVLM" else 4,
        vision_config=dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14))
    tiny.model(folder, conf, f"{of}ForConditionalGeneration", "bfloat16")
    finish(folder, **more)


def qwen3vl(folder, dtype="bfloat16", of="Qwen3VL", layers=(1, 3), **more):
    rope = {"rope_type": "default", "rope_theta": 5000000.0, "mrope_section": [3, 3, 2]}
    conf = getattr(transformers, f"{of}Config")(
        text_config={**TEXT, "head_dim": 16, "rope_parameters": rope, **more},
        vision_config=dict(depth=4, hidden_size=32, num_heads=4, intermediate_size=48, out_hidden_size=64, patch_size=16, spatial_merge_size=2,
                           temporal_patch_size=2, num_position_embeddings=16, **({"deepstack_visual_indexes": list(layers)} if layers else {})))
    tiny.model(folder, conf, f"{of}ForConditionalGeneration", dtype)
    finish(folder)


EXPERTS = dict(moe_intermediate_size=32, num_experts=4, num_experts_per_tok=2)
LINEAR = dict(linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=16, linear_value_head_dim=16, layer_types=["linear_attention", "full_attention"])


def llama4(folder):
    conf = transformers.Llama4Config(
        text_config={**TEXT, "head_dim": 16, "intermediate_size_mlp": 96, "num_local_experts": 2, "bos_token_id": 1, "eos_token_id": 2},
        vision_config=dict(hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=2, image_size=56, patch_size=14, vision_output_dim=48,
                           projector_input_dim=48, projector_output_dim=48))
    tiny.model(folder, conf, "Llama4ForConditionalGeneration", "bfloat16")
    finish(folder)


VARIANTS = {
    "qwen2vl": qwen2vl,
    "qwen2vl-bf16": lambda folder: qwen2vl(folder, "bfloat16"),
    "qwen25vl": qwen25vl,
    "qwen25vl-whole": lambda folder: whole(folder, qwen25vl),
    "gemma3-vision-whole": lambda folder: whole(folder, gemma3, [0.5, 0.5, 0.5]),
    "qwen2vl-older": lambda folder: older(folder, qwen2vl, {"type": "mrope", "mrope_section": [2, 3, 3]}),
    "qwen25vl-both": lambda folder: older(folder, qwen25vl, {"type": "default", "rope_type": "default", "mrope_section": [2, 3, 3]}, True),
    "gemma3-vision": gemma3,
    "gemma3-vision-small": lambda folder: gemma3(folder, "float32", image_seq_length=4),
    "pixtral": pixtral,
    "pixtral-f32": lambda folder: pixtral(folder, "float32", spatial_merge_size=2),
    "pixtral-outside": lambda folder: renamed(folder, pixtral, "language_model.model.", "model."),
    "pixtral-bare": pixtral_bare,
    "mistral3": mistral3,
    "ministral3": ministral3,
    "ministral3-fp8": ministral3_fp8,
    "internvl": internvl,
    "internvl-plain": lambda folder: internvl(folder, "float16", plain=True),
    "internvl-hf": internvl_hf,
    "internvl-hf-norms": lambda folder: internvl_hf(folder, "bfloat16", use_qk_norm=True, attention_bias=True, norm_type="rms_norm"),
    "smolvlm": idefics3,
    "smolvlm-edge": lambda folder: idefics3(folder, size={"longest_edge": 112}),
    "idefics3": lambda folder: idefics3(folder, "Idefics3"),
    "qwen3vl": qwen3vl,
    "qwen3vlmoe": lambda folder: qwen3vl(folder, "float32", "Qwen3VLMoe", (0,), **EXPERTS),
    "qwen3.5": lambda folder: qwen3vl(folder, "bfloat16", "Qwen3_5", None, **LINEAR),
    "llama4": llama4,
}
REFUSED = {  # by the converter, too: what ggx says of it
    "llava": (clip, "clip_vision_model"),
    "mean-mixed": (mixed, "image_mean"),
    "pixtral-unbroken": (unbroken, "[IMG_BREAK]"),
}
