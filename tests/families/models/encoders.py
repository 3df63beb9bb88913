"""Relatives of BERT: RoBERTa, DistilBERT, ModernBERT, Nomic's and Jina's embeddings."""
import os

from transformers import BertConfig, DistilBertConfig, ModernBertConfig, RobertaConfig, XLMRobertaConfig

import tiny

SMALL = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, max_position_embeddings=66)
LABELS = {"id2label": {0: "no", 1: "perhaps", 2: "yes"}, "label2id": {"no": 0, "perhaps": 1, "yes": 2}}
ROBERTA = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def pool(folder, how):
    tiny.write(folder, "modules.json", [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                                        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])
    os.mkdir(os.path.join(folder, "1_Pooling"))
    tiny.write(folder, "1_Pooling/config.json", {"word_embedding_dimension": 64, **how})


def roberta_words(folder):
    tiny.byte_level(folder, special=ROBERTA, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>", sep_token="</s>", cls_token="<s>",
                    tokenizer_class="RobertaTokenizer")
    tiny.processor(folder, {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": False})


def roberta(folder, of="RobertaModel", how=None, dtype="float32", values=(), **more):
    tiny.model(folder, RobertaConfig(vocab_size=350, type_vocab_size=1, pad_token_id=1, **SMALL, **more), of=of, dtype=dtype)
    tiny.edit(folder, **dict(values))
    roberta_words(folder)
    if how:
        pool(folder, how)


def bert(folder, of="AutoModel", how=None, spare=0, **more):
    size = tiny.wordpiece(folder) + spare
    tiny.model(folder, BertConfig(vocab_size=size, **SMALL, **more), of=of)
    if how:
        pool(folder, how)


def distilbert(folder, of="DistilBertModel", **more):
    size = tiny.wordpiece(folder)
    tiny.model(folder, DistilBertConfig(vocab_size=size, dim=64, n_layers=2, n_heads=4, hidden_dim=96, max_position_embeddings=64, **more), of=of)
    tiny.processor(folder, {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]})


def modern(folder, of="ModernBertModel", values=(), dtype="float32", how=None, **more):
    tiny.model(folder, ModernBertConfig(**{**SMALL, "vocab_size": 350, "num_hidden_layers": 3, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "cls_token_id": 0, "sep_token_id": 2,
                                           **more}), of=of, dtype=dtype)
    tiny.edit(folder, **{"layer_norm_eps": 1e-5, **dict(values)})
    tiny.byte_level(folder, special=ROBERTA, bos_token=None, eos_token=None, cls_token="<s>", sep_token="</s>", pad_token="<pad>", mask_token="<mask>", unk_token="<unk>")
    if how:
        pool(folder, how)


def nomic(folder, experts=0, dtype="float32", **more):
    size = tiny.wordpiece(folder) + 3
    conf = {"architectures": ["NomicBertModel"], "model_type": "nomic_bert", "activation_function": "gelu" if experts else "swiglu", "causal": False, "n_embd": 64, "n_head": 4, "n_inner": 96, "n_layer": 2,
            "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 96, "num_hidden_layers": 2, "n_positions": 2048 if experts else 8192, "layer_norm_epsilon": 1e-12, "vocab_size": size,
            "prenorm": False, "qkv_proj_bias": bool(experts), "mlp_fc1_bias": bool(experts), "mlp_fc2_bias": bool(experts), "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0,
            "rotary_emb_interleaved": False, "rotary_emb_scale_base": None, "type_vocab_size": 2, "pad_token_id": 0, **more}
    shapes = {"embeddings.word_embeddings.weight": (size, 64), "embeddings.token_type_embeddings.weight": (2, 64), "emb_ln.weight": (64,), "emb_ln.bias": (64,)}
    for i in range(2):
        layer = f"encoder.layers.{i}."
        shapes |= {layer + "attn.Wqkv.weight": (192, 64), layer + "attn.out_proj.weight": (64, 64), **{layer + f"norm{n}.{end}": (64,) for n in (1, 2) for end in ("weight", "bias")}}
        if not experts:
            shapes |= {layer + "mlp.fc11.weight": (96, 64), layer + "mlp.fc12.weight": (96, 64), layer + "mlp.fc2.weight": (64, 96)}
            continue
        shapes |= {layer + "attn.Wqkv.bias": (192,), layer + "attn.out_proj.bias": (64,)}
        if i == 0:
            shapes |= {layer + "mlp.fc1.weight": (96, 64), layer + "mlp.fc1.bias": (96,), layer + "mlp.fc2.weight": (64, 96), layer + "mlp.fc2.bias": (64,)}
        else:
            shapes |= {layer + "mlp.router.layer.weight": (experts, 64), layer + "mlp.experts.bias": (64,), layer + "mlp.experts.mlp.w1": (experts * 96, 64), layer + "mlp.experts.mlp.w2": (experts * 96, 64)}
    if experts:
        conf |= {"moe_every_n_layers": 2, "moe_top_k": 2, "num_experts": experts}
    tiny.weights(folder, conf, shapes, dtype=dtype)
    pool(folder, {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True})


def jina(folder, code=False):
    if code:
        roberta_words(folder)
    size = 350 if code else tiny.wordpiece(folder)
    shapes = {"embeddings.word_embeddings.weight": (size, 64), "embeddings.token_type_embeddings.weight": (2, 64), "embeddings.LayerNorm.weight": (64,), "embeddings.LayerNorm.bias": (64,),
              "pooler.dense.weight": (64, 64), "pooler.dense.bias": (64,)}
    for i in range(2):
        layer = f"encoder.layer.{i}."
        norms = ["attention.output.LayerNorm", *(["layer_norm_1", "layer_norm_2", "attention.self.layer_norm_q", "attention.self.layer_norm_k"] if code else ["mlp.layernorm"])]
        down = "down_layer" if code else "wo"
        shapes |= {layer + f"{n}.{end}": (64,) for n in norms for end in ("weight", "bias")}
        shapes |= {layer + f"attention.{n}.{end}": (64, 64) if end == "weight" else (64,) for n in ("self.query", "self.key", "self.value", "output.dense") for end in ("weight", "bias")}
        shapes |= {layer + ("mlp.up_gated_layer" if code else "mlp.gated_layers") + ".weight": (192, 64), layer + f"mlp.{down}.weight": (64, 96), layer + f"mlp.{down}.bias": (64,)}
    tiny.weights(folder, {"architectures": ["JinaBertForMaskedLM" if not code else "JinaBertModel"], "model_type": "bert", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
                          "intermediate_size": 96, "max_position_embeddings": 8192, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "vocab_size": size, "pad_token_id": 0,
                          "position_embedding_type": "alibi", "feed_forward_type": "geglu"}, shapes, dtype="float16" if code else "bfloat16")
    pool(folder, {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True})


def unigram(folder, json=False, mask=True):
    """sentencepiece.bpe.model, or the same as tokenizer.json."""
    import sentencepiece
    tiny.sentencepiece(folder, 330, "unigram", normalization_rule_name="nmt_nfkc", bos_id=1, eos_id=2, unk_id=0)
    path = os.path.join(folder, "tokenizer.model")
    made = {"tokenizer_class": "XLMRobertaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
    tiny.write(folder, "tokenizer_config.json", made)
    if not json:
        os.rename(path, os.path.join(folder, "sentencepiece.bpe.model"))
        return
    import tokenizers
    from sentencepiece import sentencepiece_model_pb2
    model = sentencepiece_model_pb2.ModelProto()
    with open(path, "rb") as file:
        model.ParseFromString(file.read())
    os.remove(path)
    vocab = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + [(p.piece, p.score) for p in model.pieces[3:]] + [("<mask>", 0.0)]
    words = tokenizers.Tokenizer(tokenizers.models.Unigram(vocab, unk_id=3))
    words.normalizer = tokenizers.normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap)
    words.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    words.decoder = tokenizers.decoders.Metaspace()
    words.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    words.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", tokenizers.AddedToken("<mask>", lstrip=True)])
    words.save(os.path.join(folder, "tokenizer.json"))


def xlm(folder, of="XLMRobertaModel", json=False, values=(), dtype="float32", **more):
    tiny.model(folder, XLMRobertaConfig(vocab_size=345, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2, **SMALL, **more), of=of, dtype=dtype)
    tiny.edit(folder, **dict(values))
    unigram(folder, json)


CLASSES = "RobertaForSequenceClassification"
VARIANTS = {
    "roberta": roberta,
    "roberta-mean": lambda folder: roberta(folder, how={"pooling_mode_mean_tokens": True}, dtype="float16"),
    "roberta-last": lambda folder: roberta(folder, how={"pooling_mode": "lasttoken"}),
    "roberta-classes": lambda folder: roberta(folder, of=CLASSES, **LABELS),
    "roberta-rank": lambda folder: roberta(folder, of=CLASSES, num_labels=1),
    "roberta-two": lambda folder: roberta(folder, of=CLASSES, values={"type_vocab_size": None, "max_position_embeddings": 66}),
    "xlm-roberta": xlm,
    "xlm-roberta-json": lambda folder: xlm(folder, json=True, dtype="bfloat16"),
    "xlm-roberta-rank": lambda folder: xlm(folder, of="XLM" + CLASSES, num_labels=1, values={"type_vocab_size": None}),
    "bert-spare": lambda folder: bert(folder, how={"pooling_mode_cls_token": True}, spare=7),
    "bert-classes": lambda folder: bert(folder, of="BertForSequenceClassification", **LABELS),
    "bert-two": lambda folder: bert(folder, of="BertForSequenceClassification"),
    "distilbert": distilbert,
    "distilbert-masked": lambda folder: distilbert(folder, of="DistilBertForMaskedLM"),
    "distilbert-classes": lambda folder: distilbert(folder, of="DistilBertForSequenceClassification", **LABELS),
    "modern-bert": modern,
    "modern-bert-biased": lambda folder: modern(folder, dtype="bfloat16", how={"pooling_mode_cls_token": True}, attention_bias=True, mlp_bias=True, norm_bias=True, hidden_activation="silu"),
    "modern-bert-plain": lambda folder: modern(folder, values={"layer_norm_eps": None}),
    "modern-bert-global": lambda folder: modern(folder, values={"global_attn_every_n_layers": 3, "layer_norm_eps": 1e-5}, classifier_pooling="mean"),
    "modern-bert-classes": lambda folder: modern(folder, of="ModernBertForSequenceClassification", **LABELS),
    "nomic-bert": nomic,
    "nomic-bert-moe": lambda folder: nomic(folder, experts=4, dtype="bfloat16"),
    "jina-bert-v2": jina,
    "jina-bert-v2-code": lambda folder: jina(folder, code=True),
}
EACH = ("roberta", "distilbert", "modern-bert", "nomic-bert", "jina-bert-v2", "xlm-roberta")
NO_LOGITS = {name: "classes are of a whole text" for name in VARIANTS if name.endswith(("-classes", "-rank", "-two"))}
NO_LOGITS["distilbert-masked"] = "its output is left out"
NO_LOGITS["modern-bert-plain"] = "llama.cpp wants a layer_norm_eps"
NO_LOGITS["modern-bert-biased"] = "llama.cpp has no ModernBERT with biases"
NO_LOGITS["nomic-bert-moe"] = "the framework's class has no experts"
