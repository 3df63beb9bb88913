"""hostile.py READER PROGRAM: files of the corpora and of the reference cases through torment (torment.c), each cut at every length and
changed at every byte. A reader without a file here fails: a new one has to be added."""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

import oracle

CORPUS = pathlib.Path(os.environ["GGX_SOURCE"]) / "tests" / "corpus"


# Inputs of the fuzz targets are files behind a frame, which tests/fuzz/READER.c describes. Each of these gives [(name, bytes)…].

def plain(name):
    return lambda data: [(name, data)]


def behind_byte(first, second=None):
    """One file behind a byte; or two, when its lowest bit is set, the length of the first in two bytes."""
    def split(data):
        if not data[0] & 1:
            return [(first, data[1:])]
        size = struct.unpack_from("<H", data, 1)[0]
        names = second or (first, first)
        return [(names[0], data[3:3 + size]), (names[1], data[3 + size:])]
    return split


def tensorflow(data):
    return [("e", data[1:])] if data[0] & 7 == 3 else behind_byte("", ("m.index", "m.data-00000-of-00001"))(data)


def darknet(data):
    size, total = struct.unpack_from("<H", data)[0] & 0x7FFF, struct.unpack("<I", data[-4:])[0]
    weights = data[2 + size:-4]
    return [("n.weights", weights + bytes(max(0, total - len(weights)))), ("n.cfg", data[2:2 + size])]


def ggml(data):
    return [("m.bin", data[1 + data[0]:])]


def ggml_fields(data):
    return data[1:1 + data[0]].decode()


CORPORA = {  # reader: (folder, how to split, files that are in order)
    "safetensors": ("reader_safetensors", behind_byte("s.safetensors", ("s.safetensors.index.json", "s.safetensors")), ["two", "every_dtype", "index"]),
    "pth": ("reader_pth", plain("x.pt"), ["zip", "zip_deflated", "stream", "tar_views", "zip_module", "zip_ordered"]),
    "tf": ("reader_tf", tensorflow, ["index", "index_sliced", "v1"]),
    "hf-h5": ("reader_hf_h5", plain("m.h5"), ["types", "chunks-single-fixed", "chunks-extensible", "chunks-btree2", "archive.keras"]),
    "darknet": ("reader_darknet", darknet, ["conv_norm", "grouped", "gru"]),
    "npz": ("reader_npz", plain("x.npz"), ["npy", "npy2", "npz", "npz_deflated"]),
    "gguf": ("reader_gguf", behind_byte("m.gguf", ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf")), ["tensors", "kvs", "types", "split"]),
    "ggml": ("reader_ggml", ggml, ["plain", "vocab"]),
    "imatrix-dat": ("reader_imatrix_dat", plain("m.dat"), ["good", "old"]),
}
REAL = {  # files as they were published: the first is named, the others lie beside it
    "safetensors": [["real/safetensors/burn_multi/multi_layer.safetensors"]],
    "pth": [["real/pth/burn_reader/reader/test_data/state_dict.pt"], ["real/pth/burn_reader/reader/test_data/legacy_shared_storage.pt"],
            ["real/pth/candle_tests/test.pt"], ["real/pth/lpips/v0.0/vgg.pth"]],
    "tf": [["real/tf/half_plus_three/variables/variables.index", "real/tf/half_plus_three/variables/variables.data-00000-of-00001"],
           ["real/tf/half_plus_two_tf2/variables/variables.index", "real/tf/half_plus_two_tf2/variables/variables.data-00000-of-00001"],
           ["real/tf/serving_bad_half/export"]],
    "hf-h5": [["real/h5/pyfive/latest.hdf5"], ["real/h5/pyfive/fletcher32.hdf5"]],
    "npz": [["real/npz/whisper_mel/mel_filters.npz"]],
}


def torment(program, paths, options=()):
    ran = subprocess.run([program, *options, *map(str, paths)], capture_output=True, text=True, timeout=600)
    print(f"{pathlib.Path(paths[0]).parent.name}/{pathlib.Path(paths[0]).name}: {ran.stdout.strip()}", flush=True)
    assert ran.returncode == 0, f"{paths}: {ran.returncode}\n{ran.stderr[-4000:]}"


def main():
    reader, program = sys.argv[1:]
    folder, split, names = CORPORA[reader]
    with tempfile.TemporaryDirectory() as work:
        for name in names:
            data = (CORPUS / folder / name).read_bytes()
            base = pathlib.Path(work) / name
            base.mkdir()
            paths = []
            for file, content in split(data):
                (base / file).write_bytes(content)
                paths.append(base / file)
            torment(program, paths, ["-s", f"ggml.header={ggml_fields(data)}"] if reader == "ggml" and ggml_fields(data) else ())
    for paths in REAL.get(reader, []):
        found = [oracle.case(path) for path in paths]
        if all(found):
            torment(program, found)
    oracle.finish()


main()
