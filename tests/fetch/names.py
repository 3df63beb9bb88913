"""Promises: a model is called as its repository or its name in the catalogue, never as a folder of a cache: by download, by stream and when
a folder of the cache is named by hand; and all three are the same to the byte. A catalogue that is not there is refused."""
import json
import os
import struct

import common
import flow
from common import HUB, LARGE, check

LAYER = {"self_attn.q_proj": [16, 16], "self_attn.k_proj": [16, 16], "self_attn.v_proj": [16, 16], "self_attn.o_proj": [16, 16],
         "mlp.gate_proj": [32, 16], "mlp.up_proj": [32, 16], "mlp.down_proj": [16, 32], "input_layernorm": [16], "post_attention_layernorm": [16]}
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
          "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "vocab_size": 8,
          "rope_theta": 10000.0, "bos_token_id": 1, "eos_token_id": 2}


def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


def vocabulary():
    """A tokenizer.model of eight pieces."""
    pieces = [("<unk>", 2), ("<s>", 3), ("</s>", 3), *((c, 1) for c in "abcde")]
    return b"".join(field(1, field(1, p.encode()) + b"\x15" + struct.pack("<f", -float(i)) + bytes([0x18, kind]))
                    for i, (p, kind) in enumerate(pieces)) + field(2, bytes([0x18, 2]))


def name_of(path):
    """general.name of the file, or None."""
    with open(path, "rb") as f:
        data = f.read()
    at = data.find(b"general.name")
    return None if at < 0 else data[at + 24:at + 24 + struct.unpack_from("<Q", data, at + 16)[0]].decode()


case = common.Case()
tensors = [("model.embed_tokens.weight", [8, 16]), ("model.norm.weight", [16]), ("lm_head.weight", [8, 16]),
           *((f"model.layers.0.{name}.weight", shape) for name, shape in LAYER.items())]
flow.write_safetensors(case.path("tiny.safetensors"), tensors)
with open(case.path("tiny.safetensors"), "rb") as f:
    case.data = f.read()
case.hub.files = {LARGE: case.data, "config.json": json.dumps(CONFIG).encode(), "tokenizer.model": vocabulary()}
case.hub.published = dict(case.hub.files)
catalog = case.path("catalog.json")
FILES = case.hub.base + "/files/"
with open(catalog, "w") as f:
    json.dump({"models": {"Fine-Tune-2B": {"from": FILES, "files": sorted(case.hub.files)}, "beside": {"from": FILES, "files": sorted(case.hub.files), "model": LARGE},
                          "other": {"from": "hf://org/model"}}}, f)
out = case.path("out.gguf")


def make(source, *words, cwd=None):
    here = os.getcwd()
    os.chdir(cwd or here)
    case.run(source, "-o", out, *words)
    os.chdir(here)
    found = name_of(out), flow.digest(out)
    os.remove(out)
    return found


for source, name in (("hf://org/model", "Model"), ("hf://org/model@main", "Model"), (HUB, "Model"), ("Fine-Tune-2B", "Fine Tune 2B"), ("beside", "Beside"), ("other", "Other")):
    streamed = make(source, "--stream", "--catalog", catalog)
    fetched = make(source, "--catalog", catalog)
    check(fetched == streamed, f"{source}: {fetched} is not {streamed}, the streamed one")
    check(fetched[0] == name, f"{source} is called {fetched[0]}")
wanted = make("hf://org/model")
for source, cwd in ((case.snapshot, None), (case.snapshot + "/", None), (os.path.join(case.snapshot, LARGE), None), (".", case.snapshot),
                    (os.path.basename(case.snapshot), os.path.dirname(case.snapshot)), ("../" + os.path.basename(case.snapshot), case.snapshot)):
    check(make(source, cwd=cwd) == wanted, f"{source} in {cwd}: {make(source, cwd=cwd)}")
# A name of the user's own stays.
os.symlink(case.snapshot, case.path("mine"))
check(make(case.path("mine"))[0] == "Mine", "a link to the cache")
print("ok", wanted[0])
