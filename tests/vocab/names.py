"""Promise: model_parts() and title() take names apart as gguf-py does."""
import tempfile

import oracle

oracle.modules("numpy", "gguf")
from gguf.metadata import Metadata

import vocab

NAMES = """tiny-llama-8L Qwen/Qwen3-0.6B-Base bloom-7b1 meta-llama/Llama-2-7b-chat-hf mistralai/Mixtral-8x7B-Instruct-v0.1 all-MiniLM-L6-v2
x-1m foo v2 - a--b iq4_xs-x x-A2.7b-32k Phi-3-mini-128k-instruct nvidia/Minitron-4B-Base ./x ../x a/b/c gpt2-xl model-Q8_0 x-bf16 x-fp32
deepseek-ai/DeepSeek-V2-Lite-Chat x-1_5b Qwen1.5-MoE-A2.7B x-iter2 X-Large-small-7B x-3b-3b -7b 7b x-7b-lora Vision-vision x-0.5K x-1.5.2B
tiny_llama word-Word-wOrd 3x4 iter iter1.2.3 x-8x x-xxl-xl 1.2.3-4 x-100T x-f16 fp16-x x-chat-chat x-large x--""".split() + ["a b c", "x-7B instruct"]
COUNTS = [0, 1000, 260000, 6600000, 600000000, 7000000000, 8 * 10**12]

with tempfile.TemporaryDirectory() as folder:
    vocab.model(folder)
    for count in COUNTS:
        fields = {}
        for i, name in enumerate(NAMES):
            fields[f"p{i}"] = {"str": f"= [p ?? '-none-' for p in model_parts('{name}', {count})]"}
            fields[f"t{i}"] = {"str": f"= title('{name}')"}
        found = vocab.header(folder, fields, folder)
        assert isinstance(found, dict), found
        for i, name in enumerate(NAMES):
            wanted = ["-none-" if part is None else part for part in Metadata.get_model_id_components(name, count)]
            assert found[f"p{i}"] == wanted, (name, count, found[f"p{i}"], wanted)
            assert found[f"t{i}"] == Metadata.id_to_title(name), (name, found[f"t{i}"], Metadata.id_to_title(name))
print(f"{len(NAMES)} names with {len(COUNTS)} sizes")
oracle.finish()
