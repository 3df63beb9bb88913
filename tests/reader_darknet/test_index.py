"""Every published cfg: what the reader lists (darknet_list) against an independent reading of cfg and weights."""
import glob
import os
import subprocess
import sys

import oracle
from darknet_numpy import Network, Unknown

(np,) = oracle.modules("numpy")

SAMPLE = os.path.join(os.environ["GGX_SOURCE"], "tests", "sample", "tiny-digits.cfg")


def list_network(program, cfg, weights):
    """(tensors as lists of words, the other lines)."""
    done = subprocess.run([program, cfg, str(weights)], check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    tensors = [line.split(" ") for line in lines if line.startswith("tensor ")]
    return tensors, [line for line in lines if not line.startswith("tensor ")]


def check(program, cfg):
    weights = cfg[: -len(".cfg")] + ".weights"
    real = os.path.exists(weights)
    try:
        network = Network(cfg)
    except Unknown as unknown:
        _, rest = list_network(program, cfg, 420)
        assert len(rest) == 1 and rest[0].startswith("error -8 ") and "[%s]" % unknown in rest[0], rest
        return "refused by name: [%s]" % unknown
    size = 20 + 4 * network.floats
    if real:
        assert os.path.getsize(weights) == size, (os.path.getsize(weights), size)
    tensors, rest = list_network(program, cfg, weights if real else size)
    assert not any(line.startswith("error") for line in rest), rest
    assert [(t[1], t[4]) for t in tensors] == [(n, ",".join(map(str, s))) for n, s in network.tensors]
    values = dict(line.split(" ", 2)[1:] for line in rest if line.startswith("kv "))
    assert values["darknet.layer_types"].split(",") == network.types
    for key in ("width", "height", "channels", "classes"):
        assert int(values["darknet." + key]) == getattr(network, key), key
    end = 20
    arrays = network.read(weights) if real else {}
    for _, name, offset, nbytes, _, strides in tensors:
        assert int(offset) == end and set(strides) <= {"0", ","}, name
        end += int(nbytes)
        if real:
            lies = np.fromfile(weights, "<f4", int(nbytes) // 4, offset=int(offset))
            assert lies.tobytes() == arrays[name].tobytes(), name
    assert end == size
    for other in (size - 4, size + 4):
        _, rest = list_network(program, cfg, other)
        assert rest[0].startswith("error -7 cfg needs %d bytes, file has %d" % (size, other)), rest
    return "%d tensors, %d floats%s" % (len(tensors), network.floats, ", each in its place" if real else "")


def main():
    real = oracle.case(os.path.join("real", "darknet"))
    cfgs = sorted(glob.glob(os.path.join(real, "**", "*.cfg"), recursive=True)) if real else []
    assert not real or len(cfgs) >= 20, "the reference networks are not all there"
    for cfg in cfgs + [SAMPLE]:
        print(os.path.basename(cfg) + ": " + check(sys.argv[1], cfg))
    oracle.finish()


if __name__ == "__main__":
    main()
