"""A Darknet network read a second time, for tests: the .cfg by shapes of numpy arrays, the .weights by numpy.fromfile.

Written apart from the plugin and knowing only the sections that the published networks use; what it does not know it refuses
(Unknown). Every layer is told by the array that it would give out: its shape, channels first."""
import numpy as np


class Unknown(Exception):
    pass


def sections(path):
    """[(name, {key: value})] with all white space removed and the first of equal keys kept."""
    found = []
    with open(path, encoding="latin-1") as file:
        for line in file:
            line = "".join(line.split())
            if not line or line[0] in "#;":
                continue
            if line.startswith("["):
                found.append((line[1 : line.index("]")], {}))
            elif "=" in line:
                key, value = line.split("=", 1)
                found[-1][1].setdefault(key, value)
    return found


class Network:
    """tensors: [(name, shape)] in file order; types: the sections' names; classes: of the last head."""

    def __init__(self, cfg):
        (first, net), *layers = sections(cfg)
        assert first in ("net", "network")
        self.width, self.height, self.channels = (int(net.get(k, 0)) for k in ("width", "height", "channels"))
        self.tensors, self.types, self.classes, self.outputs = [], [], 0, []
        now = (self.channels, self.height, self.width)
        if "inputs" in net and not now[0]:
            now = (int(net["inputs"]),)
        for name, options in layers:
            self.options, self.name = options, name
            self.types.append(name)
            method = getattr(self, "_" + name.lower(), None)
            if method is None:
                raise Unknown(name)
            now = method(now)
            self.outputs.append(now)

    def get(self, key, default=0):
        return int(self.options.get(key, default))

    def add(self, part, *shape):
        self.tensors.append(("l%d_%s" % (len(self.types) - 1, part), shape))

    def norms(self, n, inside=""):
        if self.get("batch_normalize"):
            for part in ("scales", "rolling_mean", "rolling_variance"):
                self.add(inside + part, n)

    def dense(self, inside, came, n):
        """A connected layer inside another one."""
        self.add(inside + "_biases", n)
        self.add(inside + "_weights", n, came)
        self.norms(n, inside + "_")

    def _convolutional(self, now):
        c, h, w = now
        n, k, stride = self.get("filters", 1), self.get("size", 1), self.get("stride", 1)
        pad = k // 2 if self.get("pad") else self.get("padding")
        self.add("biases", n)
        self.norms(n)
        self.add("weights", n, c // self.get("groups", 1), k, k)
        return n, (h + 2 * pad - k) // stride + 1, (w + 2 * pad - k) // stride + 1

    def _connected(self, now):
        n = self.get("output", 1)
        self.add("biases", n)
        self.add("weights", n, int(np.prod(now)))
        self.norms(n)
        return n, 1, 1

    # Recurrent layers as files of version 0.2.5 keep them.
    def _rnn(self, now):
        n, hidden = self.get("output", 1), self.get("hidden", 1)
        for inside, came, width in (("input", int(np.prod(now)), hidden), ("self", hidden, hidden), ("output", hidden, n)):
            self.dense(inside, came, width)
        return n, 1, 1

    def _gru(self, now):
        n = self.get("output", 1)
        for inside in ("input_z", "input_r", "input_h", "state_z", "state_r", "state_h"):
            self.dense(inside, int(np.prod(now)) if inside[0] == "i" else n, n)
        return (n,)

    def _lstm(self, now):
        n = self.get("output", 1)
        for inside in ("wf", "wi", "wg", "wo", "uf", "ui", "ug", "uo"):
            self.dense(inside, int(np.prod(now)) if inside[0] == "u" else n, n)
        return n, 1, 1

    def _crnn(self, now):
        n, hidden, k = self.get("output", 1), self.get("hidden", 1), self.get("size", 3)
        for inside, came, width in (("input", now[0], hidden), ("self", hidden, hidden), ("output", hidden, n)):
            self.add(inside + "_biases", width)
            self.norms(width, inside + "_")
            self.add(inside + "_weights", width, came, k, k)
        return (n,) + now[1:]

    def _maxpool(self, now):
        c, h, w = now
        stride = self.get("stride", 1)
        size = self.get("size", stride)
        pad = self.get("padding", size - 1)
        return c, (h + pad - size) // stride + 1, (w + pad - size) // stride + 1

    def _avgpool(self, now):
        return now[0], 1, 1

    def _upsample(self, now):
        return now[0], now[1] * self.get("stride", 2), now[2] * self.get("stride", 2)

    def _reorg(self, now):
        s = self.get("stride", 1)
        return now[0] * s * s, now[1] // s, now[2] // s

    def _route(self, now):
        which = [int(i) for i in self.options["layers"].split(",")]
        here = len(self.types) - 1
        taken = [self.outputs[here + i if i < 0 else i] for i in which]
        assert len({t[1:] for t in taken}) == 1
        return (sum(t[0] for t in taken) // self.get("groups", 1),) + taken[0][1:]

    def _same(self, now):
        return now

    _shortcut = _dropout = _softmax = _cost = _same

    def _head(self, now):
        self.classes = self.get("classes")
        return now

    _yolo = _region = _detection = _head

    @property
    def floats(self):
        return sum(int(np.prod(shape)) for _, shape in self.tensors)

    def read(self, weights):
        """{name: array}, after checking that the file holds exactly this network."""
        major, minor, _ = np.fromfile(weights, "<i4", 3)
        header = 20 if major * 10 + minor >= 2 and major < 1000 and minor < 1000 else 16
        values = np.fromfile(weights, "<f4", offset=header)
        assert len(values) == self.floats, (len(values), self.floats)
        arrays, at = {}, 0
        for name, shape in self.tensors:
            count = int(np.prod(shape))
            arrays[name] = values[at : at + count].reshape(shape)
            at += count
        return arrays
