"""Converts a Llama of 1.1 billion weights in a Hugging Face folder with ggx and with the reference tools, and prints docs/performance.md's table
of that. By hand:

    GGX=build/release/bin/ggx GGX_ORACLES=.oracles .oracles/venv/bin/python3 tests/bench/families.py [--layers 22] [--folder DIR] [--runs 1]

The model is TinyLlama's shapes in bf16 (2.2 GB), normally distributed, made in --folder (else a temporary folder) and removed afterwards. To f16:
`ggx FOLDER --type f16` and convert_hf_to_gguf.py --outtype f16. To q4_k_m: `ggx FOLDER --type q4_k_m --via f16` and the converter followed by
llama_model_quantize on its file. Both read from the page cache. Of each: wall time, CPU time, peak RSS of the largest process, and the bytes of
files beside the output. Outputs must be equal to the byte."""
import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "families"), HERE]
WIDTH, INNER, HEADS, KV_HEADS, VOCAB = 2048, 5632, 32, 4, 32000


def make_model(folder, layers):
    import torch
    from safetensors.torch import save_file
    import tiny
    os.mkdir(folder)
    generator = torch.Generator().manual_seed(1)
    pool = (torch.randn(1 << 24, generator=generator) * 0.02).to(torch.bfloat16)

    def matrix(rows, cols):
        at = int(torch.randint(0, 1 << 20, (1,), generator=generator))
        return pool.roll(at).repeat(rows * cols // pool.numel() + 1)[:rows * cols].reshape(rows, cols).clone()

    tensors = {"model.embed_tokens.weight": matrix(VOCAB, WIDTH), "lm_head.weight": matrix(VOCAB, WIDTH),
               "model.norm.weight": torch.ones(WIDTH, dtype=torch.bfloat16)}
    kv = WIDTH // HEADS * KV_HEADS
    shapes = {"self_attn.q_proj": (WIDTH, WIDTH), "self_attn.k_proj": (kv, WIDTH), "self_attn.v_proj": (kv, WIDTH), "self_attn.o_proj": (WIDTH, WIDTH),
              "mlp.gate_proj": (INNER, WIDTH), "mlp.up_proj": (INNER, WIDTH), "mlp.down_proj": (WIDTH, INNER)}
    for i in range(layers):
        for name, shape in shapes.items():
            tensors[f"model.layers.{i}.{name}.weight"] = matrix(*shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.{i}.{name}.weight"] = torch.ones(WIDTH, dtype=torch.bfloat16)
    save_file(tensors, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    tiny.write(folder, "config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": layers,
        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "vocab_size": VOCAB, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "torch_dtype": "bfloat16", "tie_word_embeddings": False})
    tiny.sentencepiece(folder)


def one(commands):
    """The commands one behind the other: CPU and wall seconds together, the largest peak RSS."""
    import model
    runs = [model.run(command) for command in commands]
    return sum(r[0] for r in runs), sum(r[1] for r in runs), max(r[2] for r in runs)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--layers", type=int, default=22)
    args.add_argument("--runs", type=int, default=1)
    args.add_argument("--folder")
    args = args.parse_args()
    import kernels
    import model
    converter = os.path.join(os.environ["GGX_ORACLES"], "llama.cpp", "convert_hf_to_gguf.py")
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        source = os.path.join(folder, "Bench-Llama-1.1B")
        maker = multiprocessing.Process(target=make_model, args=(source, args.layers))  # peak RSS is inherited: stay small
        maker.start()
        maker.join()
        assert maker.exitcode == 0
        size = os.path.getsize(os.path.join(source, "model.safetensors"))
        ours, between, theirs = (os.path.join(folder, n) for n in ("ours.gguf", "between.gguf", "theirs.gguf"))
        ggx = [os.environ["GGX"], source, "-o", ours, "--quiet"]
        convert = [sys.executable, converter, source, "--outtype", "f16", "--outfile"]
        quantize = [sys.executable, "-c", model.QUANTIZE.format(paths=sys.path[:3], threads=os.cpu_count(), type="q4_k_m", source=between, target=theirs)]
        print(f"{kernels.name_machine()}; {size} bytes of bf16, {os.cpu_count()} threads\n")
        print("| to | ggx wall s | reference wall s | ratio | ggx CPU s | reference CPU s | ggx peak RSS | reference peak RSS |\n|---|---|---|---|---|---|---|---|")
        for name, mine, other in (("f16", [*ggx, "--type", "f16"], [[*convert, theirs]]),
                                  ("q4_k_m", [*ggx, "--type", "q4_k_m", "--via", "f16"], [[*convert, between], quantize])):
            runs = [(one([mine]), one(other)) for _ in range(args.runs)]
            assert model.equal(ours, theirs), f"{name}: other bytes"
            a, b = ([statistics.median(r[k][i] for r in runs) for i in range(3)] for k in range(2))
            print(f"| {name} | {a[1]:.1f} | {b[1]:.1f} | 1/{b[1] / a[1]:.1f} | {a[0]:.1f} | {b[0]:.1f} | {a[2]:.0f} MiB | {b[2]:.0f} MiB |", flush=True)


if __name__ == "__main__":
    main()
