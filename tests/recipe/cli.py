"""`ggx recipes`: lists, shows, checks, and explains what a recipe does to a model, with what it leaves over."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

GGX, SOURCE = os.environ["GGX"], Path(os.environ["GGX_SOURCE"])


def run(*words, code=0):
    done = subprocess.run([GGX, "recipes", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == code, f"{words}: exit {done.returncode}, not {code}: {done.stderr}"
    return done.stdout, done.stderr


def safetensors(path, tensors):
    header, at = {}, 0
    for name, shape in tensors:
        size = 4
        for n in shape:
            size *= n
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(at))


def main():
    shipped = sorted((SOURCE / "plugins/recipes").glob("*.json"))
    listed = json.loads(run("--json")[0])["recipes"]
    assert [r["id"] for r in listed] == [f.stem for f in shipped], listed
    table = run()[0]
    assert all(r["id"] in table and r["about"] in table for r in listed), table
    for file in shipped:
        assert run("show", file.stem)[0] == file.read_text(), file
    out, _ = run("check", *shipped)
    assert out.count(" is good\n") == len(shipped), out

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        bad, good, model = folder / "bad.json", folder / "good.json", folder / "model.safetensors"
        bad.write_text('{"id": "bad",\n "tensors": [{"form": "x"}]}')
        good.write_text('{"id": "good", "tensors": [\n{"from": "h.{i}.w", "to": "w{i}", "do": ["transpose", "neg"]},\n{"drop": "mask"}]}')
        _, error = run("check", bad, good, code=2)
        assert f"{bad}:2:15: 'form' is not a word of a rule; did you mean 'from'?" in error, error
        _, error = run("check", folder / "none.json", code=3)
        safetensors(model, [("h.0.w", [2, 3]), ("mask", [4])])
        told = json.loads(run("explain", good, model, "--json")[0])
        assert told["recipe"] == "good" and told["left_over"] == 0 and told["outputs"] == 1, told
        first, mask = told["tensors"]
        assert (first["name"], first["line"], first["fate"]) == ("h.0.w", 2, "used"), told
        assert first["outputs"] == [{"name": "w0", "shape": [3, 2], "type": "--type or f32", "how": "rearranged, neg"}], told
        assert (mask["name"], mask["line"], mask["fate"], mask["outputs"]) == ("mask", 3, "dropped", []), told
        safetensors(model, [("h.0.w", [2, 3]), ("mask", [4]), ("h.0.b", [3])])
        out, error = run("explain", good, model, code=7)
        assert "LEFT OVER" in out and "1 left over" in out, out
        assert f"{good}:2:10: recipe good has no rule for tensor 'h.0.b'; the nearest is this one, 'h.{{i}}.w'" in error, error
        out, _ = run("explain", model)
        assert "recipe none: 3 tensors become 3, 0 left over" in out, out
        base, above = folder / "base.json", folder / "above.json"  # lines of a file that is extended go with its name
        base.write_text('{"id": "base", "tensors": [\n\n{"from": "h.{i}.w", "to": "w{i}"},\n{"drop": "mask"}]}')
        above.write_text('{"id": "above", "extends": "base", "tensors": [\n{"drop": "h.{i}.b"}]}')
        out, _ = run("check", above)
        assert "    line 2: 'h.{i}.b': dropped" in out and "    line base.json:4: 'mask': dropped" in out, out
        out, _ = run("explain", above, model)
        assert "base.json:3" in out and "base.json:4" in out, out
        told = {t["name"]: t for t in json.loads(run("explain", above, model, "--json")[0])["tensors"]}
        assert told["h.0.w"]["file"].endswith("base.json") and told["h.0.b"]["file"] == str(above), told
        broken, strange = folder / "broken", folder / "strange"
        for at, name, text in ((broken, "model.safetensors", "abc"), (strange, "a.txt", "abc")):
            at.mkdir()
            (at / name).write_text(text)
        for words in (("new", broken), ("explain", broken)):
            _, error = run(*words, code=7)
            assert f"{broken}/model.safetensors: " in error, error
        _, error = run("new", strange, code=8)
        assert "no reader knows this folder, strange;" in error, error
    _, error = run("show", "yolov3-tin", code=3)
    assert "the nearest is 'yolov3-tiny'" in error, error
    run("frobnicate", code=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
