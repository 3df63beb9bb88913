"""Promise: a model with a weight that is no number, or too large for a type's scales, is refused where llama_model_quantize refuses it, with the tensor's
name, and where that writes a file the file is the same. One weight of a tensor is replaced by each value; for each mixture the reference runs in a
process of its own, because it aborts at some."""
import os
import tempfile

import llama as llama_cpp
import mixtures
import oracle

TYPES = ["f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k_s", "q4_k_m", "q5_k_s", "q6_k", "iq4_nl", "iq4_xs", "tq1_0", "tq2_0",
         "q1_0", "q2_0"]
VALUES = [float("nan"), float("inf"), float("-inf"), 1e38, -1e30, 1e9, 4e6, 7e4, -65504.0, 3e4]
ODD = "blk.1.ffn_up.weight"


def write_model(np, gguf, path, value):
    arch, layers, keys, tensors = dict(mixtures.models())["llama, tied, 4 heads to a key head"]
    writer = gguf.GGUFWriter(path, arch)
    for key, number in {"block_count": layers, "context_length": 64, "embedding_length": mixtures.COLS, **keys}.items():
        (writer.add_float32 if isinstance(number, float) else writer.add_uint32)(f"{arch}.{key}", number)
    writer.add_uint32("general.file_type", 0)
    for name, rows, cols in tensors:
        values = np.random.default_rng([*name.encode()]).standard_normal((rows, cols) if rows else cols, dtype=np.float32)
        if name == ODD:
            values[1, 70] = value
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def reference(library, source, target, kind):
    """0 when it writes the file."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os._exit(not mixtures.reference(library, source, target, kind, None))
    return os.waitpid(child, 0)[1]


def main():
    np, gguf = oracle.modules("numpy", "gguf")
    library = llama_cpp.Library()
    refused = equal = 0
    with tempfile.TemporaryDirectory() as folder:
        source, theirs, ours = (os.path.join(folder, n) for n in ("in.gguf", "theirs.gguf", "ours.gguf"))
        for value in VALUES:
            write_model(np, gguf, source, value)
            for kind in TYPES:
                wrong = reference(library, source, theirs, kind)
                ran = mixtures.ggx(source, ours, kind)
                assert (wrong == 0) == (ran.returncode == 0), (value, kind, wrong, ran.returncode, ran.stderr)
                if wrong:
                    assert ran.returncode == 7 and ODD in ran.stderr and ran.stderr.count("\n") == 1 and not os.path.exists(ours), ran.stderr
                    refused += 1
                    continue
                with open(theirs, "rb") as a, open(ours, "rb") as b:
                    assert a.read() == b.read() or value != value, (value, kind)  # what a number becomes that is none, no standard says
                equal += 1
                os.remove(ours)
    print(refused, "refused,", equal, "equal")
    assert refused > 50 and equal > 50


if __name__ == "__main__":
    main()
    oracle.finish()
