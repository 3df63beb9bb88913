"""reader-pth against checkpoints put together opcode by opcode: calls of anything, bombs, forged sizes, cuts and flipped bytes."""
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


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "case.pt")
        for check in (check_cases, check_values, check_cuts, check_flips):
            check(sys.argv[1], path)
    oracle.finish()


main()
