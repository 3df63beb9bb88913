"""The same weights published in two formats come out of ggx as the same bytes, whatever they are called: facenet's networks as a
PyTorch stream and as a pickled dict in an .npy, DTLN as Keras' HDF5 and as a SavedModel."""
import collections
import os
import subprocess
import tempfile

import oracle

np, safetensors = oracle.modules("numpy", "safetensors")
import safetensors.numpy

GGX = os.environ["GGX"]


def tensors_of(path, folder):
    """What ggx makes of it as safetensors, without a recipe."""
    out = os.path.join(folder, "out.safetensors")
    subprocess.run([GGX, path, "-o", out, "--recipe", "none", "--quiet"], check=True, timeout=120)
    tensors = safetensors.numpy.load_file(out)
    os.remove(out)
    return tensors


def check_dtln(folder):
    h5, model = oracle.case("real/h5/dtln_norm/DTLN_norm_500h.h5"), oracle.case("real/tf/dtln_norm")
    if not h5 or not model:
        return
    left, right = tensors_of(h5, folder), tensors_of(model, folder)
    content = lambda tensors: collections.Counter((t.dtype.str, t.shape, t.tobytes()) for t in tensors)
    weights = {name: t for name, t in right.items() if "/keras_api/states/" not in name}  # an LSTM's running state is no weight
    assert len(left) == len(weights) == 22, (len(left), len(weights))
    assert content(left.values()) == content(weights.values())


def check_facenet(folder):
    for torch_name, numpy_name in (("pnet", "det1"), ("rnet", "det2")):
        torch, plain = oracle.case(f"real/pth/facenet_mtcnn/{torch_name}.pt"), oracle.case(f"real/npz/facenet_det/{numpy_name}.npy")
        if not torch or not plain:
            continue
        left, right = tensors_of(torch, folder), tensors_of(plain, folder)
        assert len(left) == len(right), (len(left), len(right))
        found = {(t.shape, t.tobytes()) for t in left.values()}
        assert len(found) == len(left)
        for name, tensor in right.items():  # Caffe's axes the other way round
            assert (tensor.shape[::-1], np.ascontiguousarray(tensor.T).tobytes()) in found, f"{plain}: {name}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_dtln(folder)
        check_facenet(folder)
    oracle.finish()


main()
