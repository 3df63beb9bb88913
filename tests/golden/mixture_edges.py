"""Promise: where a mixture's rules, the importance matrix's loader and the options have corners, ggx turns as the reference does: numbers of
layers that are not block_count, names that only sscanf understands, layers that a model does not have, entries of a wrong length, files
that are no importance matrix, copies that must guess their type, the list of architectures. Where ggx decides otherwise, both are shown."""
import json
import os
import struct
import subprocess
import sys
import tempfile

import llama as llama_cpp
import mixtures
import oracle
from llama import QUANTIZE_TYPES as TYPES
from mixtures import COLS, Q6_K, compare, ggx, reference, tensors_of, without_origin

Q3_K, Q5_K, IQ4_XS = 11, 13, 23
START = {"context_length": 64, "embedding_length": COLS, "attention.head_count": 8, "attention.head_count_kv": 8,
         "feed_forward_length": 2 * COLS, "attention.layer_norm_rms_epsilon": 1e-5, "attention.layer_norm_epsilon": 1e-5}
PARTS = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]


class Bench:
    """A folder, the library, and how a model gets there."""

    def __init__(self, folder):
        self.np, self.gguf = oracle.modules("numpy", "gguf")
        self.llama, self.folder = llama_cpp.Library(), folder
        self.source, self.theirs, self.ours = (os.path.join(folder, n) for n in ("in.gguf", "theirs.gguf", "ours.gguf"))

    def write(self, arch, layers, more=None, extra=(), tensors=None, kind="float16", file_type=1, parts=PARTS,
              alignment=None):
        """Extra tensors: (name, rows, columns) or with a numpy type behind."""
        np, gguf = self.np, self.gguf
        writer = gguf.GGUFWriter(self.source, arch)
        for key, value in {"block_count": layers, **START, **(more or {})}.items():
            full = f"{arch}.{key}"
            add = writer.add_array if isinstance(value, list) else writer.add_float32 if isinstance(value, float) else writer.add_uint32
            add(full, value)
        if alignment:
            writer.add_custom_alignment(alignment)
        if file_type is not None:
            writer.add_uint32("general.file_type", file_type)
        if tensors is None:
            tensors = [("token_embd.weight", 4, COLS), ("output.weight", 4, COLS), ("output_norm.weight", 0, COLS)]
            tensors += [(f"blk.{i}.{part}.weight", 3, COLS) for i in range(layers) for part in parts]
        for name, rows, cols, *own in [*tensors, *extra]:
            values = np.random.default_rng([*name.encode()]).standard_normal((rows, cols) if rows else cols, dtype=np.float32)
            writer.add_tensor(name, values.astype(own[0] if own else kind) if rows else values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    def refused(self, type_name, imatrix=None, **more):
        """What the library says, in a process of its own, which it may end; None when it makes the file."""
        out, into = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.close(out)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                os.dup2(into, 2)
                os.environ["GGML_NO_BACKTRACE"] = "1"
                self.llama.said = []
                made = reference(self.llama, self.source, self.theirs, type_name, imatrix, **more)
                os.write(2, "; ".join(self.llama.said).encode())
                os._exit(0 if made else 1)
            finally:
                os._exit(9)
        os.close(into)
        with open(out, "rb") as file:
            text = file.read().decode(errors="replace")
        ended = os.waitpid(child, 0)[1]
        return None if ended == 0 else text or f"ended with {ended}"

    def same(self, label, type_name, options=(), **more):
        """Equal files, or both refuse the model."""
        compare(label, self.llama, self.folder, self.source, type_name, None, "", options, 7, **more)

    def run(self, type_name, *more):
        if os.path.exists(self.ours):
            os.unlink(self.ours)
        return ggx(self.source, self.ours, type_name, *more)

    def no(self, code, words, type_name, *more):
        ran = self.run(type_name, *more)
        assert ran.returncode == code and words in ran.stderr and not os.path.exists(self.ours), (type_name, more, ran)


def layers(b):
    """The number of layers that rules divide is n_layer_all, which is not always block_count."""
    switch = {"logit_scale": 1.0, "adapters.count": 2, "adapters.lora_rank": 4, "adapters.token_ids_activate": [1, 2],
              "adapters.token_ids_substitute": [1, 2]}
    cases = [("nanbeige", 9, {"num_loops": 1}), ("nanbeige", 9, {"num_loops": 2}), ("nanbeige", 9, {"num_loops": 3}), ("nanbeige", 9, {}),
             ("graniteswitch", 7, switch), ("graniteswitch", 15, switch), ("clip", 9, {}), ("clip", 9, {"expert_count": 8})]
    for arch, count, more in cases:
        b.write(arch, count, more)
        for type_name in ("q4_k_m", "q3_k_m", "q4_k_s", "q5_k_m", *(() if arch == "clip" else ("iq4_xs", "q2_k"))):
            b.same(f"{arch} {count} {more}", type_name)
    assert b.refused("iq4_xs") and b.run("iq4_xs").returncode == 0  # the library looks for heads that no clip has, and aborts


def names(b):
    """A layer's number is what sscanf reads behind blk., also to sort by."""
    odd = ["abcde", "weigh", "abcd", "xweight", "weight", "blk.0.foo.weight.x", "blk.x.attn_v.weight", "blk.007.attn_v.weight", "blk.3x.ffn_down.weight",
           "blk.-5.ffn_down.weight", "blk. 2.attn_v.weight", "blk.+2.attn_v.weight", "blk.99999999999.attn_v.weight", "blk..attn_v.weight",
           "blk.99999999999999999999999.ffn_down.weight", "blk.-99999999999999999999999.ffn_down.weight", "blk.2147483648.attn_v.weight",
           "blk.2", "blk.", "blk.-.ffn_up.weight", "blk.2attn_v.weight", "Blk.1.attn_v.weight", "\u00e9.attn_v.weight", "~.ffn_down.weight"]
    for name in odd:
        b.write("llama", 9, extra=[(name, 3, COLS)])
        for type_name in ("q4_k_m", "q3_k_m"):
            b.same("name " + ascii(name), type_name)
    experts = {"expert_count": 4, "expert_used_count": 2}
    folder, path, ones = b.folder, os.path.join(b.folder, "imatrix.gguf"), b.np.ones(COLS, b.np.float32)
    weights = {f"blk.{i}.{part}.weight": ones for i in range(9) for part in PARTS}
    for name in ("x.ffn_down.weight", "blk.20.ffn_up.weight", "blk.8x.ffn_gate.weight", "blk.x.ffn_up.weight", "dec.blk.0.ffn_up.weight",
                 "blk.20.ffn_gate_inp.weight", "blk.20.ffn_gate.bias", "blk.20.attn_v.weight", "blk.20.ffn_down.weight", "blk.-1.ffn_gate.weight"):
        b.write("llama", 9, experts, extra=[(name, 3, COLS)])
        mixtures.write_imatrix(b.np, b.gguf, path, {**weights, name: ones}, [(n, 3, COLS) for n in [*weights, name]])
        for type_name in ("q4_k_m", "q4_0", "iq3_m", "mxfp4_moe", "f16"):
            b.same("experts, name " + name, type_name)
        compare("experts, name " + name, b.llama, folder, b.source, "iq2_m", {**weights, name: ones}, path, (), 7)
        b.same("experts, name " + name, "q4_0", ["--tensor-type", f"*{name[-12:]}=q6_k"], patterns=[(name[-12:] + "$", Q6_K)])
        b.same("experts, name " + name, "q4_k_m", ["--pure"], pure=True)
    b.write("llama", 9, experts, extra=[("blk.20.ffn_up.weight", 3, COLS)])
    assert "Bad layer 20" in b.refused("q8_0")
    b.no(7, "layer 20 of tensor blk.20.ffn_up.weight is none of 9", "q8_0")
    b.write("llama", 9, experts, extra=[("x.ffn_up.weight", 3, COLS)])
    assert "Failed to determine layer" in b.refused("q8_0")
    b.no(7, "tensor x.ffn_up.weight", "q8_0")


def patterns(b):
    """--tensor-type is obeyed by every mixture; the library passes over it where the mixture's own type has no blocks."""
    b.write("llama", 3, extra=[("per_layer_token_embd.weight", 4, COLS)])
    assert b.refused("q8_0", patterns=[(r"attn_v", Q6_K)]) is None
    wanted = {n: t for n, t in tensors_of(b.gguf, b.theirs).items() if "attn_v" in n}
    for type_name in ("f16", "bf16", "f32"):
        assert b.refused(type_name, patterns=[(r"attn_v", Q6_K)]) is None
        theirs = tensors_of(b.gguf, b.theirs)
        ran = b.run(type_name, "--tensor-type", "*attn_v*=q6_k")
        assert ran.returncode == 0, ran.stderr
        assert {t[0] for n, t in theirs.items() if n in wanted} == {TYPES_OF[type_name]}, "the library obeys now: docs/quantizing.md"
        assert tensors_of(b.gguf, b.ours) == {**theirs, **wanted}, type_name
    options = ["--tensor-type", "*token_embd*=q6_k", "--token-embedding-type", "q3_k"]
    more = {"patterns": [("token_embd", Q6_K)], "token_embedding_type": Q3_K}
    b.same("a table for each layer", "q4_k_m", options, **more)
    assert b.refused("f16", **more) is None
    assert b.run("f16", *options).returncode == 0
    theirs, ours = tensors_of(b.gguf, b.theirs), tensors_of(b.gguf, b.ours)
    assert {n: ours[n][0] for n in ours if ours[n] != theirs[n]} == {"per_layer_token_embd.weight": Q6_K}


TYPES_OF = {"f32": 0, "f16": 1, "bf16": 30}


def lengths(b):
    """Only the embeddings may have an entry of another length, whatever type the tensor gets."""
    path = os.path.join(b.folder, "imatrix.gguf")
    for kind, types in (("float32", ("q4_k_m", "q5_0", "f16", "q6_k")), ("float16", ("f32", "bf16"))):
        b.write("llama", 2, extra=[("per_layer_token_embd.weight", 4, COLS)], kind=kind)
        for name in ("output.weight", "token_embd.weight", "per_layer_token_embd.weight", "blk.1.attn_q.weight"):
            weights = {"blk.0.attn_v.weight": b.np.full(COLS, 0.5, b.np.float32), name: b.np.ones(100, b.np.float32)}
            mixtures.write_imatrix(b.np, b.gguf, path, weights, [("blk.0.attn_v.weight", 3, COLS), (name, 3, 100)])
            for type_name in types:
                said = b.refused(type_name, weights)
                assert (said is None) == ("token_embd" in name), said
                if said:
                    assert f"imatrix size 100 is different from tensor size 256 for {name}" in said, said
                    b.no(7, f"has 100 weights for tensor '{name}', which needs 256", type_name, "--imatrix", path)
                    continue
                ran = b.run(type_name, "--imatrix", path)
                assert ran.returncode == 0 and without_origin(b.theirs) == without_origin(b.ours), (name, type_name, ran.stderr)


def write_measured(b, path, entries, keys=("datasets", "chunk_count", "chunk_size")):
    """`entries`: (tensor, sums or None, counts or None)."""
    writer = b.gguf.GGUFWriter(path, "imatrix")
    for key in keys:
        if key == "datasets":
            writer.add_array("imatrix.datasets", ["text.txt"])
        else:
            writer.add_uint32("imatrix." + key, 3)
    for name, sums, counts in entries:
        for end, values in ((".in_sum2", sums), (".counts", counts)):
            if values is not None:
                writer.add_tensor(name + end, values.astype(b.np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_dat(b, path, calls, entries=1, cut=0):
    name = b"blk.0.attn_q.weight"
    sums = b.np.random.default_rng(5).random(COLS, dtype=b.np.float32) + b.np.float32(0.25)
    data = struct.pack("<ii", entries, len(name)) + name + struct.pack("<ii", calls, COLS) + sums.tobytes()
    with open(path, "wb") as file:
        file.write(data[:len(data) - cut])


def weights_of_program(b, loaded):
    """What llama-quantize makes of the loader's sums and counts (tools/quantize/quantize.cpp); None: it ends."""
    np = b.np
    if loaded is None or not (loaded.legacy or loaded.has_metadata):
        return None
    out = {}
    for name, (sums, counts) in loaded.entries.items():
        sums, counts = np.array(sums, np.float32), np.array(counts, np.float32)
        if loaded.legacy:
            out[name] = sums / counts[0] if counts[0] > 0 else sums
            continue
        rows = sums.reshape(len(counts), -1)
        out[name] = np.stack([row / c if c > 0 else np.ones_like(row) for row, c in zip(rows, counts)]).ravel()
    return out


def loader(b):
    """The file of an importance matrix: taken or refused as the reference's own loader and program do, and the same weights."""
    np = b.np
    names = ["blk.0.attn_q.weight", "blk.0.ffn_down.weight"]
    b.write("llama", 1)
    sums = {n: np.random.default_rng([*n.encode()]).random((1, COLS), dtype=np.float32) + np.float32(0.25) for n in names}

    def entries(count, only=2):
        return [(n, sums[n], np.full((1, 1), count, np.float32)) for n in names[:only]]

    good, dat = os.path.join(b.folder, "measured.gguf"), os.path.join(b.folder, "measured.dat")
    cases = [("counts of 3", lambda: write_measured(b, good, entries(3)), None),
             ("counts of 7", lambda: write_measured(b, good, entries(7)), None),
             ("counts between", lambda: write_measured(b, good, entries(2.5)), None),
             ("counts near 0", lambda: write_measured(b, good, entries(0.001)), None),
             ("large sums, counts near 0", lambda: write_measured(b, good, [(names[0], np.full((1, COLS), 3e38), np.full((1, 1), 1e-3))]), None),
             ("counts below 0", lambda: write_measured(b, good, entries(-3)), None),
             ("sums of no count", lambda: write_measured(b, good, [*entries(3, 1), (names[1], sums[names[1]], None)]), "but not how many"),
             ("counts of no sums", lambda: write_measured(b, good, [*entries(3, 1), (names[1], None, np.ones((1, 1)))]), "but no sums"),
             ("no entries", lambda: write_measured(b, good, [("x", None, None)]), None),
             *((f"without {key}", lambda k=key: write_measured(b, good, entries(3), [x for x in ("datasets", "chunk_count", "chunk_size") if x != k]),
                f"it has no key imatrix.{key}") for key in ("datasets", "chunk_count", "chunk_size")),
             ("without keys", lambda: write_measured(b, good, entries(3), []), "it has no key imatrix.datasets"),
             ("dat", lambda: write_dat(b, dat, 3), None), ("dat, no calls", lambda: write_dat(b, dat, 0), None),
             ("dat, calls below 0", lambda: write_dat(b, dat, -1), None),
             ("dat, no entries", lambda: write_dat(b, dat, 3, 0), "of 0 entries"),
             ("dat, entries below 0", lambda: write_dat(b, dat, 3, -2), "of -2 entries"),
             ("dat, cut off", lambda: write_dat(b, dat, 3, cut=9), "it is cut short")]
    for label, write, words in cases:
        write()
        path = dat if label.startswith("dat") else good
        weights = weights_of_program(b, b.llama.imatrix(path))
        assert not words or weights is None, (label, "the reference takes it")
        if not weights:
            b.no(7, words or "no importance matrix", "q4_0", "--imatrix", path)
            continue
        for type_name in ("q4_0", "q4_k_m"):
            said, ran = b.refused(type_name, weights), b.run(type_name, "--imatrix", path)
            assert said is None and ran.returncode == 0, (label, said, ran.stderr)
            assert without_origin(b.theirs) == without_origin(b.ours), (label, type_name)


def copies(b):
    """A copy of a file that does not say its type: the type of most tensors, marked as a guess."""
    plain = [("token_embd.weight", 4, COLS), ("blk.0.attn_q.weight", 4, COLS), ("blk.1.attn_q.weight", 4, COLS), ("blk.10.attn_q.weight", 4, COLS)]
    for kinds in (["float16"] * 4, ["float32"] * 4, ["float16", "float16", "float32", "float32"], ["float32", "float32", "float16", "float16"],
                  ["float16", "float32", "float32", "float16"], ["int8"] * 4, ["float16", "int32", "int32", "float32"]):
        tensors = [(*t, k) for t, k in zip(plain, kinds)]
        for order in (tensors, tensors[::-1]):
            for file_type in (None, 7):
                b.write("llama", 11, tensors=order, file_type=file_type)
                assert b.refused("q4_0", only_copy=True) is None
                ran = b.run("copy")
                with open(b.theirs, "rb") as theirs, open(b.ours, "rb") as ours:
                    assert ran.returncode == 0 and theirs.read() == ours.read(), (kinds, file_type, ran.stderr)
    for type_name in ("q4_k_m", "q3_k_l", "q2_k", "q5_k_s", "q6_k", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl", "iq4_xs", "iq3_s", "bf16", "tq1_0", "tq2_0",
                      "mxfp4_moe", "q1_0", "q2_0"):
        b.write("llama", 11, tensors=plain + [(f"blk.{i}.ffn_up.weight", 4, COLS) for i in range(3)])
        small = os.path.join(b.folder, "small.gguf")
        assert ggx(b.source, small, type_name, "--layout", "source", "--pure").returncode == 0
        with open(small, "rb") as file:
            data = file.read()
        assert data.count(b"general.file_type") == 1
        with open(b.source, "wb") as file:
            file.write(data.replace(b"general.file_type", b"general.file_kind"))
        assert b.refused("q4_0", only_copy=True) is None
        ran = b.run("copy")
        with open(b.theirs, "rb") as theirs, open(b.ours, "rb") as ours:
            assert ran.returncode == 0 and theirs.read() == ours.read(), (type_name, ran.stderr)


def kept_splits(b):
    """The same with a set of files, whose own order decides nothing there."""
    for kinds in (["float16", "float16", "float32", "float32"], ["float32", "float32", "float16", "float16"]):
        tensors = [(f"blk.{i}.attn_q.weight", 4, COLS, kind) for i, kind in zip((3, 2, 1, 0), kinds)]
        b.write("llama", 4, tensors=tensors, file_type=None)
        parts = os.path.join(b.folder, "set.gguf")
        ran = subprocess.run([os.environ["GGX"], b.source, "-o", parts, "--recipe", "none", "--split-max-tensors", "1", "--quiet"], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        b.source, whole = parts.replace(".gguf", "-00001-of-00004.gguf"), b.source
        b.theirs, theirs = os.path.join(b.folder, "kept"), b.theirs
        assert b.refused("q4_0", only_copy=True, keep_split=True) is None
        ran = ggx(b.source, b.ours, "copy", "--keep-split")
        assert ran.returncode == 0, ran.stderr
        for i in range(1, 5):
            end = f"-{i:05d}-of-00004.gguf"
            with open(b.theirs + end, "rb") as a, open(b.ours.replace(".gguf", end), "rb") as c:
                assert a.read() == c.read(), (kinds, i)
        b.source, b.theirs = whole, theirs


def architectures(b):
    """Mixtures are for the architectures that the library quantizes, all of them and no other."""
    known = 0
    with open(os.path.join(os.environ["GGX_SOURCE"], "plugins/mixtures/llama.json"), encoding="utf-8") as file:
        listed = json.load(file)["values"]["architectures"]
    for arch in sorted({*b.gguf.MODEL_ARCH_NAMES.values(), *listed, "gptj", "glm5-next", "no-such"}):
        b.write(arch, 1)
        said, ran = b.refused("q4_k_m") or "", b.run("q4_k_m")
        missing = any(f"{word} model architecture: '{arch}'" in said for word in ("unknown", "unsupported"))
        assert missing == ("is not for this model" in ran.stderr) and missing == (ran.returncode != 0), (arch, said, ran.stderr)
        known += not missing
    assert known > 140, known


def decisions(b):
    """What ggx does otherwise, as docs/quantizing.md says."""
    b.write("llama", 2)
    small, again = os.path.join(b.folder, "small.gguf"), os.path.join(b.folder, "again.gguf")
    assert ggx(b.source, small, "q4_k_m").returncode == 0
    for type_name in ("f16", "bf16", "f32"):  # nothing is lost that was there
        assert not reference(b.llama, small, again, type_name)
        assert reference(b.llama, small, again, type_name, allow_requantize=True)
        ran = ggx(small, b.ours, type_name)
        with open(again, "rb") as theirs, open(b.ours, "rb") as ours:
            assert ran.returncode == 0 and theirs.read() == ours.read(), (type_name, ran.stderr)
    for alignment in (8, 16, 64, 128):
        b.write("llama", 2, alignment=alignment)
        ran = b.run("q4_k_m")
        assert ran.returncode == 0, ran.stderr
        ours = tensors_of(b.gguf, b.ours)
        b.write("llama", 2)
        assert b.run("q4_k_m").returncode == 0
        assert ours == tensors_of(b.gguf, b.ours), alignment
    for key in ("split.no=int:0", "split.count=int:3", "split.tensors.count=int:9"):
        for layout in ([], ["--layout", "source"]):
            b.no(2, key.partition("=")[0], "q4_k_m", "--override-kv", key, *layout)


PARTS_OF_TEST = (layers, names, patterns, lengths, loader, copies, kept_splits, decisions, architectures)


def main():
    with tempfile.TemporaryDirectory() as folder:
        b = Bench(folder)
        for part in PARTS_OF_TEST:
            if part.__name__ in (sys.argv[1:] or part.__name__):
                part(b)
                print(part.__name__, flush=True)


if __name__ == "__main__":
    main()
    oracle.finish()
