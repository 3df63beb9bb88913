"""BERT encoders."""
from transformers import BertConfig

import tiny


def bert(folder):
    size = tiny.wordpiece(folder)
    tiny.model(folder, BertConfig(vocab_size=size, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, max_position_embeddings=64),
               of="AutoModel")


VARIANTS = {"bert": bert}
