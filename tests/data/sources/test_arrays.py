import numpy as np
import pytest

from tljax import data


def test_npz_is_read_under_any_keys(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (4, 3, 2), np.uint8)
    np.savez(tmp_path / "f.npz", pixels=x, kind=np.array([1, 0, 1, 2]))
    source = data.create(f"npz({str(tmp_path / 'f.npz')!r}, x='pixels', label='kind')")
    assert len(source) == 4 and source[2]["x"].shape == (3, 2, 1) and source[2]["label"] == 1
    assert np.array_equal(source[3]["x"][..., 0], x[3]) and source[3]["x"].dtype == np.uint8


def test_floats_become_float32_and_keep_their_shape():
    source = data.from_arrays(np.ones((2, 6)), np.arange(2), shape=(3, 2, 1))
    assert source[0]["x"].dtype == np.float32 and source[0]["x"].shape == (3, 2, 1)
    assert data.from_arrays(np.ones((2, 6, 5)), np.arange(2))[0]["x"].shape == (6, 5)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": np.array([[1.0], [np.nan]]), "y": np.arange(2)}, "x of example 1 is not finite"),
        ({"x": np.array([[np.inf], [0]]), "y": np.arange(2)}, "x of example 0 is not finite"),
        ({"x": np.zeros((3, 2)), "y": np.arange(2)}, r"x \[3, 2\] and label \[2\]"),
        ({"x": np.zeros((2, 2), np.int64), "y": np.arange(2)}, "x is int64"),
        ({"x": np.zeros((2, 2), complex), "y": np.arange(2)}, "x is complex"),
        ({"x": np.zeros(2), "y": np.arange(2)}, r"x \[2\]"),
        ({"x": np.zeros((2, 2))}, "no array 'y'; there are x"),
        ({"x": np.zeros((2, 2)), "y": np.array([{}, {}])}, "pickle"),
    ],
)
def test_wrong_arrays_are_named(tmp_path, arrays, says):
    path = tmp_path / "f.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=says) as error:
        data.create(f"npz({str(path)!r})")
    assert str(path) in str(error.value)


def test_a_shape_that_does_not_fit_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"\[2, 6\] and cannot be read as \[2, 4, 2\]"):
        data.from_arrays(np.zeros((2, 6)), np.arange(2), shape=(4, 2))


def test_damaged_and_missing_files_are_named(tmp_path):
    path = tmp_path / "f.npz"
    with pytest.raises(FileNotFoundError, match=r"f\.npz"):
        data.create(f"npz({str(path)!r})")
    np.savez(path, x=np.zeros((20, 20)), y=np.arange(20))
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=r"f\.npz"):
            data.create(f"npz({str(path)!r})")
