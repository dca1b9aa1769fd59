import pickle
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest

from tljax import data


def written(path, **arrays):
    with h5py.File(path, "w") as file:
        for key, value in arrays.items():
            file[f"train/{key}"] = value
    return str(path)


def create(path, shape=None):
    return data.create(f"hdf5({path!r}, x='train/x', label='train/y', shape={shape!r})")


def test_it_reads_by_example_and_survives_pickling_and_threads(tmp_path):
    x = np.random.default_rng(0).random((50, 12)).astype(np.float32)
    source = create(written(tmp_path / "f.h5", x=x, y=np.arange(50) % 3), shape=(4, 3, 1))
    assert len(source) == 50 and source.classes == ("0", "1", "2")
    assert np.array_equal(source[7]["x"], x[7].reshape(4, 3, 1)) and source[7]["label"] == 1
    for one in (source, pickle.loads(pickle.dumps(source))):
        with ThreadPoolExecutor(8) as pool:
            assert np.array_equal(np.stack(list(pool.map(lambda i, s=one: s[i]["x"].reshape(-1), range(50)))), x)
    assert np.array_equal(source[-1]["x"].reshape(-1), x[-1])
    with pytest.raises(IndexError):
        source[50]


def test_float64_images_and_bytes_as_names(tmp_path):
    source = create(written(tmp_path / "f.h5", x=np.ones((2, 3, 3, 1)), y=np.array([b"dog", b"cat"])))
    assert source.classes == ("cat", "dog") and source[0]["label"] == 1 and source[0]["x"].dtype == np.float32
    assert create(written(tmp_path / "g.h5", x=np.ones((2, 3, 4), np.uint8), y=np.arange(2)))[0]["x"].shape == (3, 4, 1)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": np.zeros((3, 2)), "y": np.arange(2)}, r"train/x \[3, 2\] and train/y \[2\]"),
        ({"x": np.zeros((2, 2), np.int32), "y": np.arange(2)}, "x is int32"),
        ({"x": np.zeros((2, 2)), "z": np.arange(2)}, "no dataset 'train/y'; there are train/x, train/z"),
        ({"x": np.zeros((2, 2)), "y": np.array([0, -3])}, "label -3 of example 1"),
    ],
)
def test_wrong_files_are_named(tmp_path, arrays, says):
    with pytest.raises(ValueError, match=says) as error:
        create(written(tmp_path / "f.h5", **arrays))
    assert "f.h5" in str(error.value)


def test_what_does_not_fit_or_is_not_finite(tmp_path):
    path = written(tmp_path / "f.h5", x=np.array([[0.0, 1.0], [np.nan, 0.0]]), y=np.arange(2))
    with pytest.raises(ValueError, match=r"f\.h5.*\[2\] and cannot be read as \[3, 1\]"):
        create(path, shape=(3, 1))
    source = create(path)
    assert source[0]["x"].tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"f\.h5: train/x: x of example 1 is not finite"):
        source[1]


def test_truncated_and_missing_files(tmp_path):
    path = written(tmp_path / "f.h5", x=np.zeros((100, 100)), y=np.arange(100))
    raw = (tmp_path / "f.h5").read_bytes()
    for cut in (0, 100, len(raw) // 2):
        (tmp_path / "f.h5").write_bytes(raw[:cut])
        with pytest.raises(ValueError, match=r"f\.h5: cannot be read as HDF5"):
            create(path)
    with pytest.raises(FileNotFoundError, match=r"g\.h5"):
        create(str(tmp_path / "g.h5"))


def test_kinds_no_labels_and_fingerprints(tmp_path):
    path = written(tmp_path / "f.h5", x=np.ones((2, 4)), y=np.array([[0.0, 1.0], [1.0, 1.0]]))
    number, flags = (data.create(f"hdf5({path!r}, x='train/x', label='train/y', kind={kind!r})") for kind in ("number", "classes"))
    assert number.fields == {"x": "vector", "label": "number"} and flags.fields["label"] == "classes" and flags.classes == ("0", "1")
    bare = data.create(f"hdf5({path!r}, x='train/x', label='', shape=(2, 2, 1))")
    assert bare.fields == {"x": "image"} and bare.labels is None and set(bare[1]) == {"x"} and len(bare) == 2
    copied = written(tmp_path / "g.h5", x=np.ones((2, 4)), y=np.array([[0.0, 1.0], [1.0, 1.0]]))
    again = data.create(f"hdf5({copied!r}, x='train/x', label='train/y', kind='number')")
    assert data.fingerprint(again) == data.fingerprint(number) and len({*map(data.fingerprint, (number, flags, bare))}) == 3
