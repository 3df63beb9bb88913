"""reader-pth against checkpoints put together opcode by opcode: calls of anything, bombs, forged sizes, cuts and flipped bytes; shards
and their index."""
import json
import os
import random
import sys
import tempfile
import time

import oracle
import reader_list

sys.path.insert(0, os.path.join(os.environ["GGX_SOURCE"], "tests", "corpus"))
import make_pth  # noqa: E402


def listing_of(program, path, data):
    with open(path, "wb") as file:
        file.write(data)
    begin = time.monotonic()
    try:
        return reader_list.read(program, path), ""
    except reader_list.Refused as refused:
        assert refused.status in (-7, -8, -6), refused
        return None, str(refused)
    except UnicodeDecodeError:
        return None, "a name that the listing cannot say"
    finally:
        assert time.monotonic() - begin < 20, "it took too long"


def check_cases(program, path):
    for name, (good, data, word) in make_pth.CASES.items():
        listing, why = listing_of(program, path, data)
        assert (listing is not None) == good, f"{name}: {why or 'it was read'}"
        assert good or word in why, f"{name}: {why}"
        if good and name not in ("stream_empty",):
            assert listing.tensors and listing.score == 100, name


def check_values(program, path):
    whole = bytes(range(24))
    listing, _ = listing_of(program, path, make_pth.CASES["zip"][1])
    assert listing.tensors["w"].data == whole and listing.kvs == {"epoch": 3, "name": b"x"}
    for case in ("zip_deflated", ):
        listing, _ = listing_of(program, path, make_pth.CASES[case][1])
        assert listing.tensors["w"].data == whole
        assert listing.tensors["v"].data == b"".join(whole[i:i + 4] for i in (0, 12, 4, 16, 8, 20))
    listing, _ = listing_of(program, path, make_pth.CASES["zip_broadcast"][1])
    assert listing.tensors["w"].data == whole[:4] * 6 and listing.tensors["s"].data == whole[20:]
    listing, _ = listing_of(program, path, make_pth.CASES["stream"][1])
    assert listing.tensors["w"].data == whole and listing.tensors["h"].data == whole[8:12]
    listing, _ = listing_of(program, path, make_pth.CASES["tar_of_others"][1])
    assert listing.tensors["a.w"].data == listing.tensors["b"].data == whole and listing.tensors["b"].type == "f64"
    listing, _ = listing_of(program, path, make_pth.CASES["zip_module"][1])
    assert list(listing.tensors) == ["weight"]


def check_cuts(program, path):
    for case in ("stream", "zip"):
        data = make_pth.CASES[case][1]
        for size in range(0, len(data), 1 if case == "stream" else 3):
            listing, _ = listing_of(program, path, data[:size])
            assert listing is None, f"{case}: {size} of {len(data)} bytes were read"


def check_flips(program, path):
    rng, read = random.Random(9), 0
    for case in ("stream", "zip", "zip_deflated"):
        good = make_pth.CASES[case][1]
        for _ in range(150):
            data = bytearray(good)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            read += listing_of(program, path, data)[0] is not None
    assert 20 < read < 400, read


def index_of(**where):
    return json.dumps({"metadata": {"total_size": 1}, "weight_map": where}).encode()


def check_shards(program, path):
    """Found through the index as file and as folder; each name from the file that the index says."""
    folder = os.path.dirname(path)
    pairs, tensor, archive = make_pth.pairs, make_pth.tensor, make_pth.archive
    files = {"config.json": b"{}",
             "pytorch_model-00001-of-00002.bin": archive(pairs(a=tensor(), b=tensor(size=(3, 2), stride=(1, 3)), epoch=make_pth.number(1))),
             "pytorch_model-00002-of-00002.bin": archive(pairs(a=tensor(offset=5, size=(), stride=()), c=tensor(), epoch=make_pth.number(2)),
                                                         method=8),
             "training_args.bin": make_pth.CASES["class_custom"][1]}
    index, one, two = "pytorch_model.bin.index.json", "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"
    whole = bytes(range(24))

    def listing(kind, index_bytes, **more):
        made = {**files, index: index_bytes, **more}
        for name, data in made.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        names = sorted(made) if kind == "d" else [index] + sorted(set(made) - {index})
        return reader_list.read(program, *(os.path.join(folder, n) for n in names), folder=folder, source=kind)

    def refused(status, word, kind, index_bytes, **more):
        try:
            listing(kind, index_bytes, **more)
        except reader_list.Refused as why:
            assert why.status == status and word in str(why), why
            return
        raise AssertionError("it was read: " + word)

    for kind in "df":
        read = listing(kind, index_of(a=one, b=one, c=two))
        assert list(read.tensors) == ["a", "b", "c"] and read.score == 100 and read.kvs == {"epoch": 1}
        assert read.tensors["a"].data == read.tensors["c"].data == whole
        assert [t.access for t in read.tensors.values()] == [0, 0, 2]
        read = listing(kind, index_of(c=two, a=two, b=one))  # the other a, and that order of the files stays
        assert list(read.tensors) == ["b", "a", "c"] and read.tensors["a"].data == whole[20:]
        refused(-3, "not beside it", kind, index_of(a=one, b="pytorch_model-00003-of-00003.bin"))
        refused(-7, "holds tensor 'd', but it does not", kind, index_of(a=one, d=two))
        refused(-7, "holds tensor 'c', but it does not", kind, index_of(a=one, c=one))
        refused(-7, "twice", kind, b'{"weight_map": {"a": "%s", "a": "%s"}}' % (one.encode(), two.encode()))
        refused(-7, "no weight_map", kind, b"{}")
        refused(-7, "", kind, index_of(a="../" + one))
        refused(-7, "", kind, index_of(a=one)[:-1])
        refused(-8, "__main__.Net", kind, index_of(a="training_args.bin"))
    os.remove(os.path.join(folder, index))
    for name in (one, two):
        os.remove(os.path.join(folder, name))
    files = {"config.json": b"{}", "pytorch_model.bin": make_pth.CASES["zip"][1], "rng_state.pth": make_pth.CASES["class_custom"][1],
             "training_args.bin": b""}
    index = "vocab.json"
    assert list(listing("d", b"{}").tensors) == ["w"]
    del files["pytorch_model.bin"]
    refused(-8, "__main__.Net", "d", b"{}")
    files["rng_state.pth"] = make_pth.CASES["stream"][1]
    assert list(listing("d", b"{}").tensors) == ["w", "h"]
    refused(-2, "2 PyTorch files", "d", b"{}", **{"other.pt": files["rng_state.pth"]})
    del files["rng_state.pth"]
    refused(-3, "no pytorch_model.bin", "d", b"{}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "case.pt")
        for check in (check_cases, check_values, check_cuts, check_flips):
            check(sys.argv[1], path)
    with tempfile.TemporaryDirectory() as folder:
        check_shards(sys.argv[1], os.path.join(folder, "x"))
    oracle.finish()


main()
