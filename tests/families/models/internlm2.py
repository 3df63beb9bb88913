"""InternLM 2, which transformers has no class for."""
import os

import sentencepiece

import tiny


def internlm2(folder, chat=False, tied=False, **more):
    tiny.sentencepiece(folder, user_defined_symbols=["[UNUSED_TOKEN_1]", "[UNUSED_TOKEN_2]", "[UNUSED_TOKEN_3]"])
    size = sentencepiece.SentencePieceProcessor(model_file=os.path.join(folder, "tokenizer.model")).vocab_size()
    width, inner = 64 * tiny.WIDER, 96 * tiny.WIDER
    shapes = {"model.tok_embeddings.weight": (size, width), "model.norm.weight": (width,), **({} if tied else {"output.weight": (size, width)})}
    for i in range(2):
        layer = f"model.layers.{i}."
        shapes |= {layer + "attention.wqkv.weight": (2 * width, width), layer + "attention.wo.weight": (width, width), layer + "attention_norm.weight": (width,),
                   layer + "ffn_norm.weight": (width,), **{layer + f"feed_forward.w{n}.weight": (width, inner) if n == 2 else (inner, width) for n in (1, 2, 3)}}
    tiny.weights(folder, {"architectures": ["InternLM2ForCausalLM"], "model_type": "internlm2", "hidden_size": width, "intermediate_size": inner, "num_hidden_layers": 2,
                          "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 1000000, "vocab_size": size,
                          "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "rope_scaling": None, **more}, shapes, dtype="bfloat16" if chat else "float32")
    if chat:
        tiny.write(folder, "tokenizer_config.json", {"tokenizer_class": "InternLM2Tokenizer", "bos_token": "<s>", "eos_token": "</s>", "added_tokens_decoder": {
            "1": {"content": "<s>", "special": True}, "3": {"content": "<|im_start|>", "special": False}, "4": {"content": "<|im_end|>", "special": True}, "20": {"content": "\u2581so", "special": False}}})


VARIANTS = {
    "internlm2": internlm2,
    "internlm2-chat": lambda folder: internlm2(folder, chat=True, tied=True, rope_scaling={"type": "dynamic", "factor": 2.0}),
    "internlm2-linear": lambda folder: internlm2(folder, rope_scaling={"type": "linear", "factor": 2.0}),
}
