"""reader-hf-h5 on what Keras 3 itself saves: .keras, .weights.h5 and the older .h5, a model that was trained for a step, so that there is an optimizer too."""
import os
import sys
import tempfile

import oracle

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
keras, np, h5py = oracle.modules("keras", "numpy", "h5py")
import oracle_h5
import reader_list


def make_model():
    layers = keras.layers
    inner = keras.Sequential([layers.Input((6, 6, 2)), layers.Conv2D(3, 3, name="conv"), layers.BatchNormalization(name="norm")], name="inner")
    given = layers.Input((6, 6, 2))
    x = inner(given)
    x = layers.Reshape((16, 3))(x)
    x = layers.LSTM(4, name="lstm")(x)
    x = layers.Dense(5, name="dense")(x)
    model = keras.Model(given, layers.Dense(2, use_bias=False, name="last")(x))
    model.compile("adam", "mse")
    rng = np.random.default_rng(1)
    model.fit(rng.normal(size=(4, 6, 6, 2)), rng.normal(size=(4, 2)), verbose=0)
    return model


def weights_of(listing):
    return {n: t for n, t in listing.tensors.items() if not t.flags}


def check(program, path, model):
    """All weights of the model, each once, and nothing besides but what is marked."""
    listing = reader_list.read(program, path)
    assert listing.score == 100, path
    mine = weights_of(listing)
    left = [np.ascontiguousarray(w.numpy()) for w in model.weights]
    for name, tensor in mine.items():
        array = tensor.array()
        at = [i for i, w in enumerate(left) if w.dtype == array.dtype and w.shape == array.shape and w.tobytes() == array.tobytes()]
        assert at, f"{path}: {name} is no weight of the model"
        left.pop(at[0])
    assert not left, f"{path}: {len(left)} weights are missing"
    return listing


def main():
    program = sys.argv[1]
    model = make_model()
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: os.path.join(folder, name) for name in ("m.keras", "m.weights.h5", "m.h5", "l.weights.h5")}
        model.save(paths["m.keras"])
        model.save_weights(paths["m.weights.h5"])
        model.save(paths["m.h5"])
        for name in ("m.keras", "m.weights.h5", "m.h5"):
            listing = check(program, paths[name], model)
            print(name, list(listing.tensors)[:4], list(listing.kvs))
        listing = reader_list.read(program, paths["m.keras"])
        assert {"config.json", "metadata.json"} <= set(listing.kvs)
        dense = model.get_layer("dense").weights
        for name in ("m.keras", "m.weights.h5"):
            mine = reader_list.read(program, paths[name]).tensors
            assert any(n.startswith("optimizer/") for n in mine), name
            for i, weight in enumerate(dense):
                assert mine[f"layers/dense/vars/{i}"].array().tobytes() == weight.numpy().tobytes(), name
        with h5py.File(paths["m.h5"]) as file:
            oracle_h5.compare(file, reader_list.read(program, paths["m.h5"]))
        listing = reader_list.read(program, paths["m.h5"])
        assert sum(t.flags for t in listing.tensors.values()) >= 2 * len(model.trainable_weights)
    oracle.finish()


main()
