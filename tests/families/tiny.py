"""Tiny models for the comparison with the converter: weights, vocabularies and configurations in a Hugging Face folder. All from seeds."""
import json
import os

SPECIAL = ["<unk>", "<s>", "</s>"]
WIDER = 1  # by how much widths are multiplied
WIDTHS = ("hidden_size", "n_embd", "d_model", "intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "moe_intermediate_size", "d_ff",
          "shared_expert_intermediate_size", "shared_intermediate_size", "head_dim", "mamba_d_head", "mamba_d_ssm")
TEXT = ["the quick brown fox jumps over the lazy dog", "weights are read, mapped, converted and written", "a tensor has a shape and a type",
        "Grüße aus Köln, 1234567890 times", "x = [i for i in range(10)]; print(x)", "ein Modell, zwei Formate, drei Namen"]


def write(folder, name, value):
    """A file of the folder: text as it is, anything else as JSON."""
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(value if isinstance(value, str) else json.dumps(value, indent=1))


def config(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        return json.load(file)


def edit(folder, **values):
    """Sets keys of config.json; None takes one out."""
    conf = {**config(folder), **values}
    write(folder, "config.json", {k: v for k, v in conf.items() if v is not None or k not in values})


def model(folder, configuration, of="AutoModelForCausalLM", dtype="float32", seed=1):
    """A random model of that configuration, made and saved by transformers."""
    import torch
    import transformers
    torch.manual_seed(seed)
    for conf in (configuration, getattr(configuration, "text_config", None)) if WIDER > 1 else ():
        for width in WIDTHS:
            if conf is not None and isinstance(conf.__dict__.get(width), int):
                setattr(conf, width, WIDER * conf.__dict__[width])
    made = getattr(transformers, of)
    made = made.from_config(configuration) if of.startswith("Auto") else made(configuration)
    with torch.no_grad():
        for parameter in made.parameters():  # norms and biases too, or a lost one would not be seen
            parameter.copy_(torch.randn(parameter.shape) * 0.1)
    made.to(getattr(torch, dtype)).save_pretrained(folder)
    return made


def processor(folder, value):
    """Sets the post-processor of tokenizer.json."""
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        made = json.load(file)
    write(folder, "tokenizer.json", {**made, "post_processor": value})


def change(folder, of):
    """Each tensor of model.safetensors becomes of(its name, the tensor), a dict of several, or nothing (None)."""
    from safetensors.torch import load_file, save_file
    path = os.path.join(folder, "model.safetensors")
    made = {}
    for name, tensor in load_file(path).items():
        new = of(name, tensor)
        made.update(new if isinstance(new, dict) else {} if new is None else {name: new})
    save_file({name: tensor.clone().contiguous() for name, tensor in made.items()}, path, {"format": "pt"})


def weights(folder, conf, shapes, dtype="float32", seed=1):
    """A model that transformers has no class for: config.json and model.safetensors with these names and shapes."""
    import torch
    from safetensors.torch import save_file
    torch.manual_seed(seed)
    save_file({name: (torch.randn(shape) * 0.1).to(getattr(torch, dtype)) for name, shape in shapes.items()},
              os.path.join(folder, "model.safetensors"), {"format": "pt"})
    write(folder, "config.json", conf)


def rewrite(folder, change):
    """Changes the tensors of model.safetensors: change(name, tensor) gives what stands instead, a map of names to tensors."""
    from safetensors.torch import load_file, save_file
    path = os.path.join(folder, "model.safetensors")
    made = {}
    for name, tensor in load_file(path).items():
        made.update({n: t.contiguous().clone() for n, t in change(name, tensor).items()})
    save_file(made, path, {"format": "pt"})


def bare(folder, configuration):
    """Takes out of config.json what the configuration's class says anyway, as configurations of before its time do."""
    import transformers
    usual, plain = configuration().to_dict(), transformers.PretrainedConfig().to_dict()
    write(folder, "config.json", {k: v for k, v in config(folder).items()
                                  if k in ("architectures", "model_type") or (v != usual[k] if k in usual else v != plain.get(k))})


def sentencepiece(folder, size=340, kind="bpe", **more):
    """A tokenizer.model of `size` tokens."""
    import io
    import sentencepiece
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT * 4), model_writer=out, vocab_size=size, model_type=kind, byte_fallback=True, hard_vocab_limit=False,
        minloglevel=2, **more)
    with open(os.path.join(folder, "tokenizer.model"), "wb") as file:
        file.write(out.getvalue())
    write(folder, "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                                            "add_bos_token": True, "add_eos_token": False})


def byte_level(folder, size=320, special=("<|endoftext|>",), **conf):
    """A tokenizer.json of byte-level BPE with `size` tokens, special ones first."""
    import tokenizers
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    made.train_from_iterator(TEXT * 4, tokenizers.trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), show_progress=False, initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())))
    made.save(os.path.join(folder, "tokenizer.json"))
    write(folder, "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": special[0], "eos_token": special[-1],
                                            "unk_token": special[0], **conf})


def two_files(folder):
    """The vocabulary of tokenizer.json as older models have it: vocab.json and merges.txt."""
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        made = json.load(file)["model"]
    os.remove(os.path.join(folder, "tokenizer.json"))
    write(folder, "vocab.json", made["vocab"])
    write(folder, "merges.txt", "#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in made["merges"]))


def wordpiece(folder, words=("cl", "##s", "a", "##b", "model"), lower=True):
    """A tokenizer.json and vocab.txt of WordPiece."""
    import tokenizers
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = sorted(set("abcdefghijklmnopqrstuvwxyz0123456789.,"))
    vocab = special + letters + ["##" + c for c in letters] + [w for w in words if w not in letters]
    vocab = list(dict.fromkeys(vocab))
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece({t: i for i, t in enumerate(vocab)}, unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lower)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    made.add_special_tokens(special)
    made.save(os.path.join(folder, "tokenizer.json"))
    write(folder, "vocab.txt", "\n".join(vocab) + "\n")
    write(folder, "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": lower, "unk_token": "[UNK]", "sep_token": "[SEP]",
                                            "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"})
    return len(vocab)
