"""reader-hf-h5 gives what h5py gives, on the files that people published."""
import glob
import io
import os
import sys
import zipfile

import oracle

np, h5py = oracle.modules("numpy", "h5py")
import oracle_h5
import reader_list


def check_files(program):
    root = oracle.case("real/h5")
    if not root:
        return
    paths = sorted(p for p in glob.glob(os.path.join(root, "**", "*"), recursive=True) if p.endswith((".h5", ".hdf5")))
    assert len(paths) >= 20, "the cases changed"
    for path in paths:
        try:
            listing = reader_list.read(program, path)
            with h5py.File(path) as file:
                count = oracle_h5.compare(file, listing)
                attributes = oracle_h5.compare_attributes(file, listing)
        except (AssertionError, reader_list.Refused) as error:
            raise AssertionError(f"{os.path.relpath(path, root)}: {error}") from error
        assert listing.score == 100, path
        print(f"{os.path.relpath(path, root)}: {count} tensors, {attributes} attributes")


def check_keras_archive(program):
    root = oracle.case("real/h5/keras-zip-art")
    if not root:
        return
    for path in glob.glob(os.path.join(root, "*.keras")):
        listing = reader_list.read(program, path)
        assert listing.score == 100
        with zipfile.ZipFile(path) as archive:
            assert listing.kvs["config.json"] == archive.read("config.json")
            with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
                assert oracle_h5.compare(file, listing) > 4


if __name__ == "__main__":
    for check in (check_files, check_keras_archive):
        check(sys.argv[1])
    oracle.finish()
