"""MPT."""
from transformers import MptConfig

import tiny

SMALL = dict(vocab_size=350, d_model=64, n_heads=4, n_layers=2)


def mpt(folder, **more):
    tiny.model(folder, MptConfig(**SMALL, **more))
    tiny.edit(folder, architectures=["MPTForCausalLM"])
    tiny.byte_level(folder)


def mpt_bare(folder):
    mpt(folder)
    tiny.bare(folder, MptConfig)


def mpt_full(folder):
    """Biases, which transformers' class has no place for, with norms of queries and keys and the positions' table."""
    import torch
    mpt(folder, attn_config={"clip_qkv": 6.0, "alibi": False, "qk_ln": True, "kv_n_heads": 2}, max_seq_len=128)

    def more(name, tensor):
        made = {name: tensor, name.replace(".weight", ".bias"): torch.rand(tensor.shape[0])} if "wte" not in name else {name: tensor}
        if name.endswith("Wqkv.weight"):
            stem = name.removesuffix("Wqkv.weight")
            made.update({f"{stem}{which}_ln.{end}": torch.rand(64) for which in "qk" for end in ("weight", "bias")})
        if "wte" in name:
            made["transformer.wpe.weight"] = torch.rand(128, 64)
        return made

    tiny.rewrite(folder, more)


VARIANTS = {"mpt": mpt, "mpt-bare": mpt_bare, "mpt-full": mpt_full}
