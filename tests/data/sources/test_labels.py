import numpy as np
import pytest

from tljax.data.sources.labels import encode


def test_names_are_sorted_or_follow_the_given_order():
    names = np.array(["猫", "ant", "猫", "bee"])
    assert encode(names, None, "f")[1] == ("ant", "bee", "猫")
    ids, classes = encode(names, ["猫", "bee", "ant"], "f")
    assert ids.tolist() == [0, 2, 0, 1] and ids.dtype == np.int32 and classes == ("猫", "bee", "ant")
    assert encode(np.array([b"b", b"a"]), None, "f")[0].tolist() == [1, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.int32])
def test_ids_of_any_integer_type(dtype):
    ids, classes = encode(np.array([[2], [0]], dtype), None, "f")
    assert ids.tolist() == [2, 0] and ids.dtype == np.int32 and classes == ("0", "1", "2")


def test_flags_and_targets_are_floats():
    flags, classes = encode(np.array([[1, 0, 1], [0, 0, 0]]), None, "f")
    assert flags.dtype == np.float32 and classes == ("0", "1", "2")
    targets, none = encode(np.array([1.5, -2.0]), None, "f")
    assert targets.dtype == np.float32 and none == ()


@pytest.mark.parametrize(
    ("labels", "classes", "says"),
    [
        (np.array([0, -1]), None, "label -1 of example 1"),
        (np.array([0, 5]), ["a", "b"], "label 5 of example 1"),
        (np.array(["a", "x"]), ["a", "b"], "'x' not among"),
        (np.array([0.5]), ["a"], "labels are float64"),
        (np.array([0.0, np.nan]), None, "example 1 is not finite"),
        (np.array([[0, 1], [2, 0]]), None, "example 1 is"),
        (np.array([[0, 1]]), ["a", "b", "c"], "3 classes"),
        (np.array([1j]), None, "complex"),
        (np.zeros((1, 2, 3)), None, r"\[1, 2, 3\]"),
        (np.array([0]), ["a", "a"], "different names"),
        (np.array([0]), "ab", "list of different names"),
    ],
)
def test_wrong_labels_are_named(labels, classes, says):
    with pytest.raises(ValueError, match=says) as error:
        encode(labels, classes, "f.npz")
    assert "f.npz" in str(error.value)
