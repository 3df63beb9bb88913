"""Promise: a checkpoint with one tensor renamed, missing, extra or of another shape, a config without a key that is needed, and a vocabulary that is too short
are refused before any output, in one sentence that names the tensor or key, the recipe and its line. For each recipe of a .bin, of ggml's examples in
GGUF, and for llama, gpt2-gguf and bert; each kind of tensor once in each way."""
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import oracle

numpy, h5py = oracle.modules("numpy", "h5py")
import seeded_bins

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "families"))
GGX = os.environ["GGX"]


class Folder:
    """A model in a folder, with safetensors."""

    def __init__(self, recipe, folder, out, prefix="", words=(), weights="model.safetensors"):
        self.recipe, self.folder, self.out, self.prefix, self.words, self.weights = recipe, folder, out, prefix, list(words), weights
        self.state = seeded_bins.read_safetensors(os.path.join(folder, weights))
        self.keys, self.config, self.vocabularies = [], "config.json", []
        self.told = ()  # how else a tensor is named: this one is known by its shape alone
        self.any_name, self.any_shape = (), ()  # what the recipe takes under any name, in any shape: patterns

    def write(self, folder, state):
        seeded_bins.safetensors(os.path.join(folder, self.weights), state)


class Keras(Folder):
    """An .h5 of Keras: layers of weights."""

    def __init__(self, recipe, path, out, **more):
        self.recipe, self.folder, self.out, self.prefix, self.words, self.weights = recipe, os.path.dirname(path), out, "", ["--recipe", recipe], os.path.basename(path)
        with h5py.File(path) as file:
            root = file["model_weights"]
            self.state = {str(name): root[layer][name][()] for layer in root.attrs["layer_names"] for name in root[layer].attrs["weight_names"]}
        self.keys, self.config, self.vocabularies = [], "config.json", []
        self.any_name, self.any_shape, self.told = more.get("any_name", ()), more.get("any_shape", ()), more.get("told", ())

    def write(self, folder, state):
        layers = {}
        for name, array in state.items():
            layers.setdefault(name.split("/")[0], []).append((name, array))
        seeded_bins.keras(os.path.join(folder, self.weights), list(layers.items()))


def bins(scratch):
    def fresh(name):
        path = os.path.join(scratch, name)
        os.makedirs(path)
        return path

    def made(cases, name):
        folder = fresh(name)
        with contextlib.suppress(subprocess.CalledProcessError):
            next(cases(folder))
        return folder

    hf = os.path.join(made(seeded_bins.gpt2_cases, "gpt2"), "hf")
    for recipe in ("gpt-2", "gpt-2-compat", "cerebras-gpt"):
        case = Folder(recipe, hf, "x.bin", words=[] if recipe == "gpt-2" else ["--recipe", recipe])
        case.keys = ["vocab_size", "n_positions", "n_embd", "n_head", "n_layer"]
        case.vocabularies = ["vocab.json"] if recipe == "gpt-2" else []  # the scripts write what vocab.json has
        yield case
    case = Folder("gpt-j", made(seeded_bins.gptj_cases, "gptj"), "x.bin", prefix="transformer.")
    case.keys, case.vocabularies = ["vocab_size", "n_positions", "n_embd", "n_head", "n_layer", "rotary_dim"], ["vocab.json", "added_tokens.json"]
    yield case
    case = Folder("sam", made(seeded_bins.sam_cases, "sam"), "x.bin", prefix="image_encoder.", weights="sam.safetensors")
    case.any_name = (r"prompt_encoder\.mask_",)  # left out
    case.any_shape = (r"rel_pos", r"gaussian", r"patch_embed.proj.weight", r"iou_prediction_head", r"output_upscaling", r"cross_attn.*bias", r"final_attn.*bias", r"mlp.lin1.bias",
                      r"out_proj.weight", r"mlp.lin2.weight", r"layers.0.mlp.lin", r"hypernetworks", r"neck.0.weight", r"pos_embed", r"iou_token", r"prompt_encoder\.mask_")
    yield case
    case = Folder("silero-vad", made(seeded_bins.silero_cases, "silero"), "x.bin", prefix="_model.", weights="vad.safetensors")
    case.any_name = case.any_shape = (r"_model_8k",)
    yield case
    whisper = made(seeded_bins.whisper_cases, "whisper")
    keys = ["vocab_size", "max_source_positions", "d_model", "encoder_attention_heads", "encoder_layers", "max_target_positions", "decoder_attention_heads", "decoder_layers", "num_mel_bins"]
    case = Folder("whisper", whisper, "x.bin", prefix="model.")
    case.keys = keys
    yield case
    folder = fresh("gguf")
    with contextlib.suppress(StopIteration):
        list(seeded_bins.gguf_cases(folder))
    yield Keras("magika", os.path.join(folder, "magika.h5"), "x.gguf", any_name=(r"^(?!dense/|target_label/)", r"extra"), any_shape=(r"^(?!.*(dense|target_label)/bias)",))
    yield Keras("mnist-cnn", os.path.join(folder, "cnn.h5"), "x.gguf", told=("3x3x1x8", "3x3x8x16", "784x10"))
    yield Folder("mnist-fc", folder, "x.gguf", words=["--recipe", "mnist-fc"], weights="fc.safetensors")


def families(scratch):
    from models import bert, gpt2, llama
    import sides

    for recipe, make, prefix, keys, pre in (
            ("llama", lambda f: llama.llama(f), "model.", ["hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "intermediate_size"], []),
            ("gpt2-gguf", gpt2.gpt2, "transformer.", ["n_embd", "n_layer", "vocab_size", "n_head"], ["-O", "bpe.pre=gpt-2"]),
            ("bert", bert.bert, "", ["hidden_size", "num_hidden_layers", "vocab_size", "intermediate_size"], ["-O", "wordpiece.pre=jina-v2-en"])):  # heads not given are the class's, as in the reference
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            folder = sides.fresh(scratch, recipe, make)
        case = Folder(recipe, folder, "x.gguf", prefix, pre)
        case.keys = keys
        if recipe == "llama":
            case.any_name = (r"lm_head",)  # tied models have none
        if recipe == "bert":
            case.any_name = case.any_shape = (r"pooler", r"position_ids")  # left out
        yield case


def convert(case, folder):
    out = os.path.join(os.path.dirname(folder), case.out)
    path = folder if case.weights == "model.safetensors" else os.path.join(folder, case.weights)
    done = subprocess.run([GGX, path, "-o", out, "--quiet", *case.words], capture_output=True, text=True)
    there = [f for f in os.listdir(os.path.dirname(out)) if f.startswith(("x.", ".x."))]
    for f in there:
        os.remove(os.path.join(os.path.dirname(out), f))
    return done, there


faults = []


def refused(case, folder, what, names):
    done, there = convert(case, folder)
    said = done.stderr
    wrong = (f"exit {done.returncode}" if done.returncode not in (3, 7) else f"{there} is there" if there else
             f"{names} not named" if said.count("\n") != 1 or not any(name in said for name in names) else
             "no recipe and line" if not re.search(r"[a-z0-9-]+\.json:\d+:\d+: |\(recipe [a-z0-9-]+, line \d+ of [a-z0-9-]+\.json\)", said) else None)
    if wrong:
        faults.append(f"{case.recipe}: {what}: {wrong}: {said}")


def kinds(state):
    """One name of each kind, the last: numbers do not count."""
    return sorted({re.sub(r"\d+", "#", name): name for name in state}.values())


def check(case, scratch):
    work = os.path.join(scratch, f"work-{case.recipe}", "model")
    shutil.rmtree(os.path.dirname(work), ignore_errors=True)
    os.makedirs(os.path.dirname(work))
    shutil.copytree(case.folder, work, ignore=lambda folder, names: [n for n in names if n == case.weights or n.endswith((".h5", ".safetensors", ".gguf", ".bin"))])
    case.write(work, case.state)
    done, there = convert(case, work)
    assert done.returncode == 0 and there, (case.recipe, done.stderr)
    count = 0

    def attempt(what, state, *names):
        nonlocal count
        case.write(work, state)
        refused(case, work, what, names)
        count += 1

    def bare(name):
        return name.removeprefix(case.prefix)

    for name in kinds(case.state):
        others = {n: a for n, a in case.state.items() if n != name}
        array = case.state[name]
        told = case.told if "kernel" in name else ()
        if not any(re.search(p, name) for p in case.any_name):
            other = re.sub(r"(\w)(\W*)$", r"\1q\2", name)
            attempt(f"{name} missing", others, bare(name), *told)
            attempt(f"{name} renamed", {**{n: a for n, a in case.state.items() if n != name}, other: array}, bare(name), bare(other), bare(other).replace('kernel', 'bias'))
        if not any(re.search(p, name) for p in case.any_shape):
            wide = numpy.concatenate([array, array[..., :1]], -1) if array.ndim else numpy.zeros(2, array.dtype)
            attempt(f"{name} wider", {**case.state, name: wide}, bare(name), *told)
    if not any(re.search(p, "extra") for p in case.any_name):
        attempt("extra", {**case.state, case.prefix + "extra.weight": numpy.zeros((2, 2), "f4")}, "extra.weight")
    case.write(work, case.state)
    for key in case.keys:
        path = os.path.join(work, case.config)
        with open(path, encoding="utf-8") as file:
            config = file.read()
        with open(path, "w", encoding="utf-8") as file:
            json.dump({k: v for k, v in json.loads(config).items() if k != key}, file)
        refused(case, work, f"config without {key}", [key])
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        count += 1
    for name in case.vocabularies:
        path = os.path.join(work, name)
        with open(path, encoding="utf-8") as file:
            kept = file.read()
        if name.endswith(".json"):
            items = sorted(json.loads(kept).items(), key=lambda item: item[1])[:-1]
            with open(path, "w", encoding="utf-8") as file:
                json.dump(dict(items), file)
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(kept.splitlines(keepends=True)[:-1]))
            os.path.exists(os.path.join(work, "tokenizer.json")) and os.remove(os.path.join(work, "tokenizer.json"))
        refused(case, work, f"a short {name}", ["token", "without a gap"])
        with open(path, "w", encoding="utf-8") as file:
            file.write(kept)
        count += 1
    print(f"{case.recipe}: {count} refusals", flush=True)


def short_whisper(scratch):
    """A vocabulary of fewer tokens than a real Whisper's: tiny ones have too few anyway."""
    folder = os.path.join(scratch, "short", "model")
    os.makedirs(folder)
    next(seeded_bins.whisper_cases(folder))
    case = Folder("whisper", folder, "x.bin")
    state = case.state
    state["model.decoder.embed_tokens.weight"] = numpy.zeros((51865, seeded_bins.E), "f4")
    case.write(folder, state)
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    seeded_bins.put(folder, "config.json", {**config, "vocab_size": 51865})
    refused(case, folder, "a short vocabulary", ["tokens"])


def main():
    with tempfile.TemporaryDirectory() as scratch:
        for case in bins(scratch):
            check(case, scratch)
        short_whisper(scratch)
        try:
            import safetensors  # noqa: F401
            import tokenizers  # noqa: F401
            import transformers  # noqa: F401
        except ImportError as error:
            oracle.skip(str(error))
        for case in families(scratch):
            check(case, scratch)
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults)
    oracle.finish()


main()
