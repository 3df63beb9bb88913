"""T5, Flan-T5, mT5, UMT5 and their encoders, with unigram vocabularies."""
import os

from transformers import MT5Config, T5Config, UMT5Config

import tiny

SMALL = dict(d_model=64, d_kv=16, d_ff=96, num_layers=3, num_decoder_layers=2, num_heads=4, vocab_size=400, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)
EXTRA = {str(398 + k): {"content": f"<extra_id_{k}>", "special": True, "normalized": False, "lstrip": False, "rstrip": False, "single_word": False} for k in (0, 1)}


def words(folder, name="spiece.model", kind="unigram", charsmap="nmt_nfkc", added=False):
    tiny.sentencepiece(folder, 340, kind, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, pad_piece="<pad>", normalization_rule_name=charsmap)
    os.rename(os.path.join(folder, "tokenizer.model"), os.path.join(folder, name))
    tiny.write(folder, "tokenizer_config.json", {"tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "extra_ids": 2,
                                                 "added_tokens_decoder": {"0": {"content": "<pad>", "special": True}, **EXTRA}})
    if added:
        tiny.write(folder, "added_tokens.json", {"<one>": 395, "<far>": 4000})


def t5(folder, of="T5ForConditionalGeneration", configuration=T5Config, values=(), dtype="float32", vocabulary=(), change=None, **more):
    tiny.model(folder, configuration(**{**SMALL, **more}), of=of, dtype=dtype)
    tiny.edit(folder, **{"decoder_start_token_id": 0, **dict(values)})
    words(folder, **dict(vocabulary))
    if change:
        tiny.change(folder, change)


def thrice(name, tensor):
    """Older checkpoints hold the embedding under all its names."""
    return {n: tensor for n in ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")} if name == "shared.weight" else tensor


VARIANTS = {
    "t5": t5,
    "t5-thrice": lambda folder: t5(folder, change=thrice, values={"n_positions": 512, "num_decoder_layers": None}, num_decoder_layers=3, vocabulary={"charsmap": "identity"}),
    "flan-t5": lambda folder: t5(folder, dtype="bfloat16", feed_forward_proj="gated-gelu", tie_word_embeddings=False, vocabulary={"added": True}),
    "mt5": lambda folder: t5(folder, "MT5ForConditionalGeneration", MT5Config, tie_word_embeddings=False),
    "umt5": lambda folder: t5(folder, "UMT5ForConditionalGeneration", UMT5Config, {"n_positions": 1024}),
    "pile-t5": lambda folder: t5(folder, vocabulary={"name": "tokenizer.model", "kind": "bpe"}),
    "t5-encoder": lambda folder: t5(folder, "T5EncoderModel", vocabulary={"name": "tokenizer.model"}),
}
EACH = ("t5",)
NO_LOGITS = {name: "llama.cpp does not scale the output where the matrix is the embedding" for name in ("t5", "t5-thrice", "umt5", "pile-t5")}
