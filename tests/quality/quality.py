"""Promise: ggx quality's numbers are those that numpy computes from what the gguf package decodes; its page needs nothing else and
escapes names; what cannot be compared is refused. ggx bench measures every type at every level, portable C being the measure."""
import html.parser
import json
import os
import subprocess
import tempfile

import oracle

numpy, gguf = oracle.modules("numpy", "gguf")
EVIL = "blk.0.<script>&\"x.weight"


def ggx(*words):
    return subprocess.run([os.environ["GGX"], *words], capture_output=True, text=True)


def write(path, tensors):
    writer = gguf.GGUFWriter(path, "toy")
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def decoded(path):
    return {t.name: gguf.dequantize(t.data, t.tensor_type).astype(numpy.float64).ravel() for t in gguf.GGUFReader(path).tensors}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        assert not {"src", "href"} & {k for k, _ in attributes}, "the page fetches something"

    def handle_data(self, data):
        self.text += data


def check_numbers(first, second):
    ran = ggx("quality", first, second, "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    a, b = decoded(first), decoded(second)
    assert [row["name"] for row in found["tensors"]] == [n for n in a if n in b]
    assert (found["only_in_first"], found["only_in_second"]) == (1, 1)
    for row in found["tensors"]:
        x, y = a[row["name"]], b[row["name"]]
        finite = numpy.isfinite(x) & numpy.isfinite(y)
        assert row["not_finite"] == (~finite).sum()
        x, y = x[finite], y[finite]
        rmse = numpy.sqrt(((x - y) ** 2).mean())
        wanted = {"rmse": rmse, "relative_rmse": rmse / numpy.sqrt((x * x).mean()) if x.any() else 0, "max_error": abs(x - y).max(),
                  "cosine": x @ y / numpy.linalg.norm(x) / numpy.linalg.norm(y) if x.any() else 1}
        for key, value in wanted.items():
            assert abs(row[key] - value) <= 1e-7 * max(1, abs(value)), (row["name"], key, row[key], value)
    return found


with tempfile.TemporaryDirectory() as folder:
    first, same, second, other, page = (os.path.join(folder, n) for n in ("a.gguf", "s.gguf", "b.gguf", "c.gguf", "page.html"))
    rng = numpy.random.default_rng(3)
    odd = rng.standard_normal((3, 64), dtype=numpy.float32)
    odd[1, 5], odd[2, 0] = numpy.nan, numpy.inf
    weights = {"long.weight": rng.standard_normal((300, 512), dtype=numpy.float32), EVIL: rng.standard_normal((8, 256), dtype=numpy.float32),
               "zero.weight": numpy.zeros((2, 32), numpy.float32), "one.bias": numpy.ones(7, numpy.float32), "odd": odd}
    write(first, {**weights, "left": numpy.ones(3, numpy.float32)})
    write(same, {**weights, "right": numpy.ones(3, numpy.float32)})
    assert ggx(same, "-o", second, "--type", "q8_0", "--tensor-type", "odd=f16", "--tensor-type", "long*=q4_k", "-q").returncode == 0
    found = check_numbers(first, second)
    assert {row["type"] for row in found["tensors"]} == {"q4_k", "q8_0", "f16", "f32"}
    assert found["tensors"][0]["bits_per_weight"] == 4.5
    check_numbers(first, same)
    ran = ggx("quality", first, second, "--html", page)
    assert ran.returncode == 0 and "long.weight" in ran.stdout and "only in the first" in ran.stdout, ran.stderr
    with open(page, encoding="utf-8") as file:
        parser = Page()
        parser.feed(file.read())
    assert parser.tags.count("svg") == 2 and parser.tags.count("rect") == 2 * (1 + len(weights)) and "script" not in parser.tags
    assert EVIL in parser.text
    # What is finite in one file only is never called alike, nor is a tensor of which nothing is finite.
    lost = weights["long.weight"].copy()
    lost[7, 9] = numpy.inf
    write(other, {"long.weight": lost, EVIL: numpy.full_like(weights[EVIL], numpy.nan), "odd": odd})
    for left, names in ((first, {"long.weight": 1, EVIL: 2048}), (other, {EVIL: 2048})):
        rows = {row["name"]: row for row in json.loads(ggx("quality", left, other, "--json").stdout)["tensors"]}
        for name, row in rows.items():
            bad = name in names
            assert all((row[key] is None) == bad for key in ("rmse", "relative_rmse", "max_error", "cosine")), row
            assert not bad or row["not_finite"] == names[name], row
    ran = ggx("quality", first, other)
    line = next(t for t in ran.stdout.splitlines() if t.startswith("long.weight"))
    assert "NOT FINITE" in ran.stdout and line.split()[-4:] == ["nan", "nan", "nan", "1"], ran.stdout
    ran = ggx("diff", first, other, "--recipe", "none")
    assert ran.returncode == 6 and "NOT FINITE" in ran.stdout and "long.weight" in ran.stderr + ran.stdout, (ran.stdout, ran.stderr)
    write(other, {"long.weight": numpy.ones((2, 2), numpy.float32)})
    ran = ggx("quality", first, other)
    assert ran.returncode == 8 and "another shape" in ran.stderr, ran.stderr
    write(other, {"stranger": numpy.ones((2, 2), numpy.float32)})
    ran = ggx("quality", first, other)
    assert ran.returncode == 3 and "in common" in ran.stderr, ran.stderr
    assert ggx("quality", first).returncode == 2
    assert ggx("quality", first, os.path.join(folder, "none")).returncode == 3

ran = ggx("bench", "--type", "q4_0", "--json")
assert ran.returncode == 0, ran.stderr
results = json.loads(ran.stdout)["results"]
assert results[0]["kernels"] == "portable" and results[0]["quantize_ratio"] == 1 and results[0]["dequantize_ratio"] == 1
assert all(r["type"] == "q4_0" and r["quantize_mb_s"] > 0 and r["dequantize_mb_s"] > 0 for r in results)
assert len({r["kernels"] for r in results}) == len(results)
ran = ggx("bench", "--type", "q4")
assert ran.returncode == 0 and "portable" in ran.stdout, ran.stderr
assert ggx("bench", "--type", "none").returncode == 3
oracle.finish()
