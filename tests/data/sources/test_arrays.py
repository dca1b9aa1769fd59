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


@pytest.mark.parametrize(
    ("x", "kind"),
    [
        (np.zeros((2, 3)), "vector"),
        (np.zeros((2, 3, 4)), "series"),
        (np.zeros((2, 3, 4), np.uint8), "image"),
        (np.zeros((2, 3, 4, 1)), "image"),
    ],
)
def test_the_fields_are_declared(x, kind):
    assert data.from_arrays(x, np.arange(2)).fields == {"x": kind, "label": "class"}
    unlabeled = data.from_arrays(x)
    assert unlabeled.fields == {"x": kind} and unlabeled.labels is None and set(unlabeled[1]) == {"x"} and len(unlabeled) == 2


def test_an_input_of_no_kind_is_named():
    with pytest.raises(ValueError, match=r"x of an example is \[2, 2, 2, 2\]; expected"):
        data.from_arrays(np.zeros((3, 2, 2, 2, 2)), np.arange(3))


def test_npz_takes_a_kind_and_no_labels(tmp_path):
    path = str(tmp_path / "f.npz")
    np.savez(path, x=np.zeros((2, 3)), y=np.array([[0.25, 0.75], [1, 0]]))
    source = data.create(f"npz({path!r}, kind='distribution', classes=('a', 'b'))")
    assert source.fields["label"] == "distribution" and source.classes == ("a", "b") and source[0]["label"].tolist() == [0.25, 0.75]
    assert data.create(f"npz({path!r})").fields["label"] == "number" and "label" not in data.create(f"npz({path!r}, label='')").fields


def test_the_fingerprint_follows_the_content():
    x, y = np.arange(6.0).reshape(3, 2), np.array([[0, 1], [1, 0], [1, 1]])
    same = {data.fingerprint(data.from_arrays(x.astype(dtype), y, where=where)) for dtype, where in ((np.float32, "a"), (np.float64, "b"))}
    others = [
        data.from_arrays(x + 1, y),
        data.from_arrays(x, 1 - y),
        data.from_arrays(x, y, ["a", "b"]),
        data.from_arrays(x, y, kind="number"),
        data.from_arrays(x),
        data.from_arrays(x, y, shape=(2, 1)),
    ]
    assert len(same) == 1 and len(same | set(map(data.fingerprint, others))) == 7 and all(len(f) == 16 and int(f, 16) >= 0 for f in same)
