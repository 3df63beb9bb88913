"""reader-ggml reads the .bin files of ggml's and whisper.cpp's own scripts and quantizers as their manifests say."""
import glob
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import oracle

np, = oracle.modules("numpy")
import ggml_bin
import reader_list

GPT2 = "n_vocab,n_ctx,n_embd,n_head,n_layer,ftype,tokens,vocab:str*tokens"
GPTJ = "n_vocab,n_ctx,n_embd,n_head,n_layer,n_rot,ftype,tokens,vocab:str*tokens"
SAM = "n_enc_state,n_enc_layer,n_enc_head,n_enc_out_chans,n_pt_embd,ftype"
WHISPER = ("n_vocab,n_audio_ctx,n_audio_state,n_audio_head,n_audio_layer,n_text_ctx,n_text_state,n_text_head,n_text_layer,n_mels,"
           "ftype,filter_mels,filter_fft,filters:f32*filter_mels*filter_fft,tokens,vocab:str*tokens")
SILERO = "kind:str,version:i32*3,window,context,layers,shapes:i32*layers*3,lstm_in,lstm_hidden,final_in,final_out"
FIELDS = {"01": (GPT2, ggml_bin.GPT2), "02": (GPT2, ggml_bin.GPT2), "03-c": (GPT2, ggml_bin.GPT2), "03-g": (GPTJ, ggml_bin.GPTJ),
          "04": (SAM, ggml_bin.SAM), "06-w": (WHISPER, ggml_bin.WHISPER), "08": (GPT2, ggml_bin.GPT2)}
# the scripts wrote data of one width under the type of another, so that these records do not follow each other
BROKEN = ["02-gpt2-hf-st-f16/expect/ggml-model-f32.bin", "06-whisper-pt-f32/expect/ggml-model.bin"]
TYPES = {0: "f32", 1: "f16", 2: "q4_0", 3: "q4_1", 8: "q8_0", 6: "q5_0", 7: "q5_1", 10: "q2_k", 11: "q3_k", 12: "q4_k",
         13: "q5_k", 14: "q6_k"}


def check_refused(program, path, fields):
    try:
        reader_list.read(program, path, options={"ggml.header": fields})
    except reader_list.Refused as refused:
        assert refused.status in (-7, -8), refused
    else:
        raise AssertionError(f"{path} was taken with the header {fields}")


def check_golden(program):
    """Against the manifests, and against an independent parser."""
    root = oracle.case("golden")
    files = sorted(glob.glob(os.path.join(root or "/nowhere", "*", "expect", "*.bin")))
    checked = 0
    for path in files:
        name = os.path.relpath(path, root)
        fields = [f for prefix, f in FIELDS.items() if name.startswith(prefix)]
        if not fields:
            continue
        if name in BROKEN:
            check_refused(program, path, fields[0][0])
            continue
        listing = reader_list.read(program, path, options={"ggml.header": fields[0][0]})
        assert listing.score == 75
        model = ggml_bin.read(path, fields[0][1])
        assert list(model.header) == list(listing.kvs), name
        for key, value in model.header.items():
            same = np.array_equal(value, np.array(listing.kvs[key], "<f4")) if key == "filters" else value == listing.kvs[key]
            assert same, f"{name}: {key}"
        if os.path.exists(path + ".manifest.json"):
            with open(path + ".manifest.json") as file:
                wanted = [(t["name"], TYPES[t["type"]], tuple(t["ne"][::-1]), t["sha256"]) for t in json.load(file)["tensors"]]
        else:
            wanted = [(t.name, TYPES[t.code], t.shape, hashlib.sha256(t.data).hexdigest()) for t in model.tensors.values()]
        got = [(t.name, t.type, t.shape, hashlib.sha256(t.data).hexdigest()) for t in listing.tensors.values()]
        assert wanted == got and got, name
        checked += 1
    assert not root or checked >= 12, f"only {checked} golden files"


def check_vad(program):
    """A header of another kind, and tensors without dimensions."""
    path = oracle.case("golden/06-silero-vad-gen/expect/silero-v6.2.3-ggml.bin")
    if not path:
        return
    listing = reader_list.read(program, path, options={"ggml.header": SILERO})
    assert listing.kvs["kind"] == b"silero-16k" and listing.kvs["version"] == [6, 2, 3] and len(listing.kvs["shapes"]) == 12
    assert len(listing.tensors) == 15 and any(t.shape == () for t in listing.tensors.values())
    blind = reader_list.read(program, path, options={"ggml.header": "102"})
    assert not blind.kvs and blind.tensors == listing.tensors


def check_real(program):
    """whisper.cpp's own vocabulary-only test model."""
    path = oracle.case("real/ggml/for-tests-ggml-tiny.en.bin")
    if not path:
        return
    listing = reader_list.read(program, path, options={"ggml.header": WHISPER})
    assert listing.kvs["n_vocab"] == 51864 and listing.kvs["tokens"] == len(listing.kvs["vocab"]) == 50257
    assert listing.kvs["vocab"][50256 - 1:] == ggml_bin.read(path, ggml_bin.WHISPER).header["vocab"][50256 - 1:]
    assert not listing.tensors


def check_wrong_header(program):
    """A header of the wrong length is refused, whatever it is."""
    path = oracle.case("golden/01-gpt2-ckpt/expect/ggml-model-f32.bin")
    if not path:
        return
    right = ggml_bin.read(path, ggml_bin.GPT2).records_at - 4
    for wrong in [n for n in range(0, 200)] + [right + d for d in range(-40, 41) if d]:
        check_refused(program, path, str(wrong))


def check_recipe(program):
    """A recipe that is named supplies the header: for looking, for comparing and for quantizing anew."""
    ggx, folder = os.environ["GGX"], oracle.case("golden/01-gpt2-ckpt/expect")
    if not folder:
        return
    f32, f16 = (os.path.join(folder, f"ggml-model-{kind}.bin") for kind in ("f32", "f16"))

    def run(*words):
        return subprocess.run([ggx, *words], capture_output=True, text=True, timeout=60)

    listed = json.loads(run("inspect", "--json", "--recipe", "gpt-2", f16).stdout)
    assert len(listed["tensors"]) == 40 and listed["metadata"]["n_layer"]
    compared = json.loads(run("quality", "--json", "--recipe", "gpt-2", f32, f16).stdout)
    by_name = {t["name"]: t for t in compared["tensors"]}
    wte = by_name.pop("model/wte")  # two of its values are beyond f16
    assert wte["not_finite"] == 2 and wte["cosine"] is None, wte
    assert len(by_name) == 39 and all(t["cosine"] > 0.999 for t in by_name.values())
    assert run("quality", "-O", "ggml.header=" + GPT2, f32, f16).returncode == 0
    wrong = run("quality", "-O", "ggml.heads=1", "-O", "ggml.header=" + GPT2, f32, f16)
    assert wrong.returncode == 2 and "ggml.heads" in wrong.stderr, wrong
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "q.bin")
        made = run(f16, "-o", out, "--recipe", "gpt-2-bin", "--type", "q8_0", "--quiet")
        assert made.returncode == 0, made.stderr
        assert {t["type"] for t in json.loads(run("inspect", "--json", "--recipe", "gpt-2", out).stdout)["tensors"]} >= {"q8_0", "f32"}


if __name__ == "__main__":
    for check in (check_recipe, check_golden, check_vad, check_real, check_wrong_header):
        check(sys.argv[1])
    oracle.finish()
