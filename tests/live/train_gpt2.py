"""Trains a tiny GPT-2 of Hugging Face's on one short text until it knows it by heart; a few seconds on a CPU. Its vocabulary is the 256 bytes
and the pairs of letters that the text has most often, written as GPT-2's files write them.

    python train_gpt2.py FOLDER     writes FOLDER/model.safetensors, config.json, vocab.json, merges.txt"""
import collections
import json
import os
import sys

import torch
import transformers

TEXT = ("One for the money, two for the show, three to get ready, and four to go. "
        "Five little tensors sat in a row; six were the blocks that the rows would sow. ")
WIDTH, LAYERS, HEADS, CONTEXT = 64, 2, 4, 64


def alphabet():
    """byte → the character that stands for it in a byte-level vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + n) for n, b in enumerate(others)}}


def vocabulary():
    letters = alphabet()
    words = "".join(letters[b] for b in TEXT.encode())
    pairs = collections.Counter(words[i:i + 2] for i in range(len(words) - 1) if words[i:i + 2].isalpha()).most_common(63)
    tokens = sorted(letters.values()) + [p for p, _ in sorted(pairs)] + ["<|endoftext|>"]
    return {token: i for i, token in enumerate(tokens)}


def encode(vocab):
    """The text as ids, the longest token first."""
    letters, ids, at = alphabet(), [], 0
    words = "".join(letters[b] for b in TEXT.encode())
    while at < len(words):
        size = 2 if words[at:at + 2] in vocab and at + 1 < len(words) else 1
        ids.append(vocab[words[at:at + size]])
        at += size
    return ids


def train(folder):
    torch.manual_seed(3)
    torch.set_num_threads(1)
    vocab = vocabulary()
    config = transformers.GPT2Config(vocab_size=len(vocab), n_positions=CONTEXT, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, bos_token_id=len(vocab) - 1,
                                     eos_token_id=len(vocab) - 1, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
    model = transformers.GPT2LMHeadModel(config)
    ids = torch.tensor(encode(vocab) * 3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    loss = None
    for _ in range(110):
        starts = torch.randint(len(ids) // 3, (8,))
        batch = torch.stack([ids[s:s + CONTEXT] for s in starts])
        loss = model(batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    os.makedirs(folder, exist_ok=True)
    model.save_pretrained(folder)
    with open(os.path.join(folder, "vocab.json"), "w", encoding="utf-8") as file:
        json.dump(vocab, file)
    with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as file:
        file.write("#version: 0.2\n" + "".join(f"{t[0]} {t[1]}\n" for t in vocab if len(t) == 2))
    return model.eval(), ids[:len(ids) // 3].tolist(), float(loss.detach())


if __name__ == "__main__":
    print("loss", train(sys.argv[1])[2])
