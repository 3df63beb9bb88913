"""Promise: mixtures are llama-quantize's for models that no case has: many heads to one key head, eight experts, 80 layers, Falcon, one
matrix for embeddings and output, shared experts; with and without importance matrix, with options; also requantizing and
refusals. Each model is made here, as tiny as the rules allow, and quantized by the reference library and by ggx: equal files."""
import ctypes
import json
import os
import struct
import subprocess
import sys
import tempfile

import llama as llama_cpp
import oracle
from llama import QUANTIZE_TYPES as TYPES, Imatrix, Pattern

NEED = {"iq2_xxs", "iq2_xs", "q2_k_s", "iq3_xs", "iq3_xxs", "iq1_s", "iq2_s", "iq2_m", "iq1_m"}
Q8_0, Q3_K, Q4_K, Q6_K = 8, 11, 12, 14
COLS = 256


def write_model(np, gguf, path, arch, layers, keys, tensors):
    """`tensors`: (name, rows or (experts, rows), columns); values from the name alone."""
    writer = gguf.GGUFWriter(path, arch)
    writer.add_block_count(layers)
    writer.add_context_length(64)
    writer.add_embedding_length(COLS)
    for key, value in keys.items():
        full = f"{arch}.{key}"
        if isinstance(value, float):
            writer.add_float32(full, value)
        else:
            writer.add_uint32(full, value)
    writer.add_uint32("general.file_type", 1)
    for name, rows, cols in tensors:
        rng = np.random.default_rng([len(name), *name.encode()])
        shape = (*rows, cols) if isinstance(rows, tuple) else (rows, cols) if rows else (cols,)
        values = rng.standard_normal(shape, dtype=np.float32)
        writer.add_tensor(name, values.astype(np.float16) if rows else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def block(i, parts, experts=0):
    for part in parts:
        down = "down" in part
        rows = (experts, 2) if part.endswith("exps") else 0 if part.endswith("norm") else 2
        yield f"blk.{i}.{part}.weight", rows, 2 * COLS if down else COLS


def models():
    dense = ["attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down"]
    moe = dense[:6] + ["ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"]
    ends = [("token_embd.weight", 4, COLS), ("output_norm.weight", 0, COLS), ("output.weight", 4, COLS)]
    rms = {"attention.layer_norm_rms_epsilon": 1e-5, "feed_forward_length": 2 * COLS}

    def llama(layers, parts, untied=True, experts=0, **keys):
        more = {"expert_count": experts, "expert_used_count": 2} if experts else {}
        tensors = ends[:3 if untied else 2] + [t for i in range(layers) for t in block(i, parts, experts)]
        return "llama", layers, {**rms, **more, **{k.replace("__", "."): v for k, v in keys.items()}}, tensors

    heads = {"attention__head_count": 8}
    yield "llama, a key head for each", llama(9, dense, **heads, attention__head_count_kv=8)
    yield "llama, tied, 4 heads to a key head", llama(17, dense, untied=False, **heads, attention__head_count_kv=2)
    yield "llama, 8 experts", llama(16, moe, experts=8, **heads, attention__head_count_kv=8)
    yield "llama, 4 experts", llama(8, moe, experts=4, **heads, attention__head_count_kv=4)
    yield "llama, 80 layers", llama(80, dense, **heads, attention__head_count_kv=4)
    yield "falcon", ("falcon", 32, {"attention.layer_norm_epsilon": 1e-5, "attention.head_count": 8, "attention.head_count_kv": 8,
                                    "feed_forward_length": 2 * COLS},
                     ends + [t for i in range(32) for t in block(i, ["attn_norm", "attn_qkv", "attn_output", "ffn_up", "ffn_down"])])
    shared = moe[:6] + ["ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps", "ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp"]
    yield "qwen2moe", ("qwen2moe", 8, {**rms, "attention.head_count": 8, "attention.head_count_kv": 2, "expert_count": 6,
                                       "expert_used_count": 2, "expert_feed_forward_length": COLS},
                       ends + [t for i in range(8) for t in block(i, shared, 6)])


COUNTS = (3, 7, 11)  # of experts in turn: what sums are divided by must not be a power of two


def summed(np, values, slabs):
    """The sums that divided by the counts are these very weights."""
    counts = np.array([COUNTS[i % len(COUNTS)] for i in range(slabs)], np.float32)
    return values.reshape(slabs, -1) * counts[:, None], counts[:, None]


def weights_of(np, tensors):
    """An importance matrix of all matrices, as {tensor: weights}."""
    out = {}
    for name, rows, cols in tensors:
        if rows:
            slabs = rows[0] if isinstance(rows, tuple) else 1
            drawn = np.random.default_rng([7, *name.encode()]).standard_normal(cols * slabs, dtype=np.float32)
            values = drawn ** 2 + np.float32(0.01)
            for _ in range(8):  # until times and by the count leaves them alone
                sums, counts = summed(np, values, slabs)
                values = (sums / counts).ravel()
            out[name] = values
    return out


def write_imatrix(np, gguf, path, weights, tensors):
    shape = {name: (rows[0] if isinstance(rows, tuple) else 1, cols) for name, rows, cols in tensors}
    writer = gguf.GGUFWriter(path, "none")
    writer.add_array("imatrix.datasets", ["text.txt"])
    writer.add_uint32("imatrix.chunk_count", 3)
    writer.add_uint32("imatrix.chunk_size", 512)
    for name, values in weights.items():
        slabs, cols = shape[name]
        sums, counts = summed(np, values, slabs)
        again = (sums / counts).ravel()
        assert np.array_equal(again, values, equal_nan=True) or values.size % slabs, name
        writer.add_tensor(name + ".in_sum2", sums)
        writer.add_tensor(name + ".counts", counts)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_legacy(np, path, weights):
    """The older form: means times calls. Returns the means that come of it."""
    calls, sums = np.float32(5), {name: values * np.float32(5) for name, values in weights.items()}
    with open(path, "wb") as file:
        file.write(struct.pack("<i", len(weights)))
        for name, values in sums.items():
            file.write(struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", int(calls), values.size) + values.tobytes())
        file.write(struct.pack("<ii", 3, 8) + b"text.txt")
    return {name: values / calls for name, values in sums.items()}


def reference(llama, source, target, type_name, imatrix=None, **more):
    params = llama.llama_model_quantize_default_params()
    params.nthread, params.ftype = 1, TYPES[type_name]
    keep = []
    if imatrix:
        entries = (Imatrix * (len(imatrix) + 1))()
        for i, (name, values) in enumerate(imatrix.items()):
            entries[i] = Imatrix(name.encode(), values.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), values.size)
        params.imatrix = entries
        keep.append(entries)
    for key, value in more.items():
        if key == "patterns":
            value = (Pattern * (len(value) + 1))(*[Pattern(p.encode(), t) for p, t in value])
            key = "tt_overrides"
            keep.append(value)
        setattr(params, key, value)
    return llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)) == 0


def ggx(source, target, type_name, *more):
    return subprocess.run([os.environ["GGX"], source, "-o", target, "--type", type_name, "--quiet", *more], capture_output=True, text=True)


def without_origin(data):
    """The library writes no keys of the importance matrix, its program does: tensors and their places suffice then."""
    import gguf
    reader = gguf.GGUFReader(data)
    keys = [k for k in reader.fields if not k.startswith(("GGUF.", "quantize.imatrix."))]
    return keys, [(t.name, int(t.tensor_type), t.shape.tolist(), t.data.tobytes()) for t in reader.tensors]


def compare(label, llama, folder, source, type_name, imatrix, imatrix_path, options=(), refusal=2, **more):
    theirs, ours = os.path.join(folder, "theirs.gguf"), os.path.join(folder, "ours.gguf")
    for path in (theirs, ours):
        if os.path.exists(path):
            os.unlink(path)
    made = reference(llama, source, theirs, type_name, imatrix, **more)
    ran = ggx(source, ours, type_name, *options, *(["--imatrix", imatrix_path] if imatrix else []))
    assert made == (ran.returncode == 0), (label, type_name, bool(imatrix), made, ran.stderr)
    if not made:
        assert ran.returncode == refusal and not os.path.exists(ours), ran.stderr
        return
    with open(theirs, "rb") as a, open(ours, "rb") as b:
        same = a.read() == b.read() if not imatrix else without_origin(theirs) == without_origin(ours)
    assert same, (label, type_name, bool(imatrix), list(options))


def main():
    np, gguf = oracle.modules("numpy", "gguf")
    llama = llama_cpp.Library()
    listed = json.loads(subprocess.run([os.environ["GGX"], "types", "--json"], capture_output=True, text=True, check=True).stdout)
    assert {m["name"] for m in listed["mixtures"]} == {*TYPES, "copy"}
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        source, imatrix_path = os.path.join(folder, "in.gguf"), os.path.join(folder, "imatrix.gguf")
        for label, (arch, layers, keys, tensors) in models():
            write_model(np, gguf, source, arch, layers, keys, tensors)
            weights = weights_of(np, tensors)
            write_imatrix(np, gguf, imatrix_path, weights, tensors)
            for type_name in TYPES:
                slow = layers > 20 and type_name.startswith("iq") and type_name not in ("iq2_s", "iq3_xxs", "iq4_xs")
                for given in (None, weights):
                    if slow or (given and type_name in ("f32", "f16", "bf16", "tq1_0", "tq2_0", "q1_0", "q2_0")):
                        continue
                    compare(label, llama, folder, source, type_name, given, imatrix_path)
                    count += 1
            legacy = os.path.join(folder, "imatrix.dat")
            compare(label + ", older form", llama, folder, source, "q4_0", write_legacy(np, legacy, weights), legacy)
            compare(label, llama, folder, source, "q4_k_m", None, "", ["--pure"], pure=True)
            compare(label, llama, folder, source, "q4_k_m", None, "", ["--output-tensor-type", "q8_0"], output_tensor_type=Q8_0)
            compare(label, llama, folder, source, "q4_k_m", None, "", ["--token-embedding-type", "q4_k", "--leave-output-tensor"],
                    token_embedding_type=Q4_K, quantize_output_tensor=False)
            compare(label, llama, folder, source, "q4_k_m", None, "", ["--tensor-type", "blk.1.*=q6_k", "--tensor-type", "*norm*=q8_0"],
                    patterns=[(r"^blk\.1\..*$", Q6_K), ("norm", Q8_0)])
        refusals(np, gguf, llama, folder, source, tensors, weights)
        odd_rows(np, gguf, llama, folder)
        budgets(np, gguf, llama, folder)
        layouts(np, gguf, folder)
    print(count, "files equal")


def tensors_of(gguf, path):
    return {t.name: (int(t.tensor_type), t.data.tobytes()) for t in gguf.GGUFReader(path).tensors}


def budgets(np, gguf, llama, folder):
    """Larger tensors in tiles: the same bytes for every number of threads, budget and level, each expert with its own weights."""
    arch, layers, keys, tensors = dict(models())["qwen2moe"]
    tensors = [(n, (r[0], 40) if isinstance(r, tuple) else 40 if r == 2 else r, c) for n, r, c in tensors]
    source, imatrix_path, target = (os.path.join(folder, n) for n in ("big.gguf", "big-imatrix.gguf", "big-out.gguf"))
    write_model(np, gguf, source, arch, layers, keys, tensors)
    weights = weights_of(np, tensors)
    write_imatrix(np, gguf, imatrix_path, weights, tensors)
    for type_name in ("q4_0", "q4_k_m", "iq2_xs"):
        made = set()
        for more in (["--threads", "1"], ["--threads", "2", "--memory", "600K"], ["--threads", "3", "--memory", "2M"], ["--cpu", "portable"]):
            ran = ggx(source, target, type_name, "--imatrix", imatrix_path, *more)
            assert ran.returncode == 0, ran.stderr
            with open(target, "rb") as file:
                made.add(file.read())
        assert len(made) == 1, f"{type_name}: other bytes with other threads, budgets or levels"
    compare("in tiles", llama, folder, source, "q4_0", weights, imatrix_path, ["--memory", "1M"])


def layouts(np, gguf, folder):
    """--layout source keeps both orders; --via is the conversion in two steps; --override-kv is seen by the mixture's rules."""
    arch, layers, keys, tensors = dict(models())["llama, tied, 4 heads to a key head"]
    source, half, *made = (os.path.join(folder, n) for n in ("f32.gguf", "f16.gguf", "one.gguf", "two.gguf"))
    writer = gguf.GGUFWriter(source, arch)
    for key, value in {"block_count": layers, **keys}.items():
        (writer.add_float32 if isinstance(value, float) else writer.add_uint32)(f"{arch}.{key}", value)
    writer.add_uint32("general.file_type", 0)
    writer.add_uint32("last.key", 5)
    for name, rows, cols in tensors:
        values = np.random.default_rng([*name.encode()]).standard_normal((rows, cols) if rows else cols, dtype=np.float32)
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    def make(target, *words):
        ran = ggx(*words[:1], target, *words[1:])
        assert ran.returncode == 0, ran.stderr
        return tensors_of(gguf, target)

    make(half, source, "f16")
    direct, through = make(made[0], source, "q4_k_m"), make(made[1], source, "q4_k_m", "--via", "f16")
    assert through == make(made[0], half, "q4_k_m") and through != direct
    kept = make(made[0], source, "q4_k_m", "--layout", "source")
    assert kept == direct and list(kept) == [t[0] for t in tensors] and list(direct) != list(kept)
    fields = gguf.GGUFReader(made[0]).fields
    assert fields["general.file_type"].contents() == 15 and list(fields)[-2:] == ["last.key", "general.quantization_version"]
    make(made[0], source, "q2_k", "--override-kv", f"{arch}.attention.head_count_kv=int:8", "--override-kv", "a.b=str:x=y:z",
         "--override-kv", "c=bool:true", "--override-kv", "d=float:0.5")
    reader = gguf.GGUFReader(made[0])
    assert [list(reader.fields)[-4:], reader.fields["a.b"].contents()] == [[f"{arch}.attention.head_count_kv", "a.b", "c", "d"], "x=y:z"]
    grouped = make(made[1], source, "q2_k")
    values = {name: tensors_of(gguf, made[0])[name][0] for name in grouped}
    assert (values["blk.0.attn_v.weight"], grouped["blk.0.attn_v.weight"][0]) == (Q3_K, Q4_K)  # a key head for each, for four


def odd_rows(np, gguf, llama, folder):
    """Rows that the type's blocks do not divide: another type, as the reference chooses it, whoever named the first. Rows of 96 fit blocks of 32,
    rows of 80 and 20 only those of 16 and plain floats."""
    source, imatrix_path = os.path.join(folder, "odd.gguf"), os.path.join(folder, "odd-imatrix.gguf")
    keys = {"attention.layer_norm_rms_epsilon": 1e-5, "feed_forward_length": 80, "attention.head_count": 2, "attention.head_count_kv": 1}
    parts = {"attn_norm": (0, 96), "attn_q": (3, 96), "attn_k": (3, 96), "attn_v": (3, 80), "attn_output": (3, 20), "ffn_norm": (0, 96),
             "ffn_gate": (3, 96), "ffn_up": (3, 20), "ffn_down": (3, 80)}
    tensors = [("token_embd.weight", 4, 96), ("output_norm.weight", 0, 96), ("output.weight", 4, 80)]
    tensors += [(f"blk.{i}.{part}.weight", *size) for i in range(8) for part, size in parts.items()]
    write_model(np, gguf, source, "llama", 8, keys, tensors)
    weights = weights_of(np, tensors)
    write_imatrix(np, gguf, imatrix_path, weights, tensors)
    for type_name in TYPES:
        compare("odd rows", llama, folder, source, type_name, None, "")
        compare("odd rows", llama, folder, source, type_name, weights, imatrix_path)
        compare("odd rows", llama, folder, source, type_name, None, "", ["--pure"], pure=True)
    for type_name, words in (("q5_k_m", ["--output-tensor-type", "q4_k", "--token-embedding-type", "q6_k"]), ("q4_0", ["--tensor-type", "*attn*=q3_k"]),
                             ("q4_k", []), ("iq4_nl", ["--layout", "source"])):  # the reference aborts, or has no such thing
        ran = ggx(source, os.path.join(folder, "ours.gguf"), type_name, *words)
        assert ran.returncode == 0 and "another type than asked for" in ran.stderr and "rows of" in ran.stderr, ran.stderr
    os.unlink(os.path.join(folder, "ours.gguf"))
    ran = ggx(source, os.path.join(folder, "ours.gguf"), "q1_0", "--layout", "source")
    assert ran.returncode == 2 and "no other type stands in" in ran.stderr and not os.path.exists(os.path.join(folder, "ours.gguf")), ran.stderr


def refusals(np, gguf, llama, folder, source, tensors, weights):
    """Every refusal comes before there is any output."""
    small, out, bad = (os.path.join(folder, n) for n in ("small.gguf", "no.gguf", "bad.gguf"))
    assert ggx(source, small, "q8_0").returncode == 0
    compare("requantize", llama, folder, small, "q4_k_m", None, "")
    compare("requantize", llama, folder, small, "q4_k_m", None, "", ["--allow-requantize"], allow_requantize=True)
    name = next(n for n in weights if n.startswith("blk."))
    for change, words in ((lambda v: v[:-1], "needs"), (lambda v: np.where(np.arange(v.size) == 5, np.nan, v), "finite"),
                          (lambda v: np.where(np.arange(v.size) == 9, np.inf, v), "finite")):
        wrong = dict(weights)
        wrong[name] = change(weights[name]).astype(np.float32)
        shapes = [(n, r, wrong[n].size if n == name else c) for n, r, c in tensors]
        write_imatrix(np, gguf, bad, wrong, shapes)
        ran = ggx(source, out, "q4_k_m", "--imatrix", bad)
        assert ran.returncode == 7 and words in ran.stderr and name in ran.stderr, ran.stderr
    for words, *more in (("importance matrix", "iq2_xxs"), ("needs a value", "q4_k_m", "--imatrix"), ("none for it", "iq1_s", "--imatrix", bad),
                         ("no importance matrix", "q4_k_m", "--imatrix", source), ("no layout", "q4_k_m", "--layout", "other"),
                         ("did you mean", "q4_k_m", "--allow-requantise"), ("expected", "q4_k_m", "--override-kv", "a=int:x")):
        if words == "none for it":
            write_imatrix(np, gguf, bad, {k: v for k, v in weights.items() if k != name}, tensors)
        ran = ggx(source, out, *more)
        assert ran.returncode in (2, 7) and words in ran.stderr, (words, ran.stderr)
    other = os.path.join(folder, "other.gguf")
    write_model(np, gguf, other, "no-such-architecture", 1, {}, [("blk.0.attn_q.weight", 4, COLS)])
    ran = ggx(other, out, "q4_k_m")
    assert ran.returncode == 2 and "not for this model" in ran.stderr, ran.stderr
    ran = ggx(other, out, "q4_k", "--layout", "llama-quantize")
    assert ran.returncode == 2 and "goes with a mixture" in ran.stderr, ran.stderr
    assert not os.path.exists(out)


if __name__ == "__main__":
    main()
    oracle.finish()
