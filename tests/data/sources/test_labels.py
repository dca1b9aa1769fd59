import numpy as np
import pytest

from tljax.data.sources.labels import encode


def test_names_are_sorted_or_follow_the_given_order():
    names = np.array(["猫", "ant", "猫", "bee"])
    assert encode(names, None, "f")[1] == ("ant", "bee", "猫")
    ids, classes, _ = encode(names, ["猫", "bee", "ant"], "f")
    assert ids.tolist() == [0, 2, 0, 1] and ids.dtype == np.int32 and classes == ("猫", "bee", "ant")
    assert encode(np.array([b"b", b"a"]), None, "f")[0].tolist() == [1, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.int32])
def test_ids_of_any_integer_type(dtype):
    ids, classes, _ = encode(np.array([[2], [0]], dtype), None, "f")
    assert ids.tolist() == [2, 0] and ids.dtype == np.int32 and classes == ("0", "1", "2")


def test_flags_and_targets_are_floats():
    flags, classes, _ = encode(np.array([[1, 0, 1], [0, 0, 0]]), None, "f")
    assert flags.dtype == np.float32 and classes == ("0", "1", "2")
    targets, none, _ = encode(np.array([1.5, -2.0]), None, "f")
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


@pytest.mark.parametrize(
    ("labels", "kind", "becomes"),
    [
        (np.array([1, 0]), None, "class"),
        (np.array([True, False]), None, "class"),
        (np.array(["a", "b"]), None, "class"),
        (np.array([[1, 0], [1, 1]]), None, "classes"),
        (np.array([[1.0, 0.0], [1.0, 1.0]]), None, "number"),  # they happen to be 0 and 1
        (np.array([[1.0, 0.0], [1.0, 1.0]]), "classes", "classes"),
        (np.array([[0.25, 0.75], [1, 0]]), None, "number"),
        (np.array([[0.25, 0.75], [1, 0]]), "distribution", "distribution"),
        (np.array([[1, 0], [0, 1]]), "distribution", "distribution"),
        (np.array([1, 5, 3]), "number", "number"),
        (np.array([[1], [5]]), "number", "number"),
        (np.array([1.0, 0.0]), "class", "class"),
    ],
)
def test_the_kind_follows_from_how_it_is_asked(labels, kind, becomes):
    encoded = encode(labels, None, "f", kind)
    assert encoded.kind == becomes and encoded.values.dtype == (np.int32 if becomes == "class" else np.float32)
    assert (encoded.classes == ()) == (becomes == "number")
    assert np.array_equal(encoded.values, labels.reshape(encoded.values.shape)) or labels.dtype.kind == "U"


@pytest.mark.parametrize(
    ("labels", "kind", "says"),
    [
        (np.array([[0.5, 0.5], [0.5, 0.4]]), "distribution", "example 1 is .*sums to 0.9"),
        (np.array([[0.5, 0.5], [1.5, -0.5]]), "distribution", "example 1 is .*at least 0"),
        (np.array([[np.nan, 1.0]]), "distribution", "example 0"),
        (np.array([0.5, 0.5]), "distribution", r"float64 \[2\]; kind='distribution' needs numbers \[N, K\]"),
        (np.array([[0.5, 1.0]]), "classes", "example 0 is"),
        (np.array([1, 0]), "classes", r"int64 \[2\]; kind='classes'"),
        (np.array([1.0, 0.5]), "class", "label 0.5 of example 1 is no class id"),
        (np.array([1.0, np.nan]), "class", "label nan of example 1"),
        (np.array([[1, 0]]), "class", r"int64 \[1, 2\]; kind='class' needs numbers \[N\]"),
        (np.array(["a"]), "number", "kind='number'"),
        (np.array([1]), "clas", "kind='clas' must be one of class, classes, distribution, number"),
    ],
)
def test_labels_of_another_kind_are_named(labels, kind, says):
    with pytest.raises(ValueError, match=says) as error:
        encode(labels, None, "f.npz", kind)
    assert "f.npz" in str(error.value)


def test_columns_are_named_by_the_classes():
    assert encode(np.array([[0.5, 0.5]]), ["a", "b"], "f", "distribution").classes == ("a", "b")
    with pytest.raises(ValueError, match="probabilities of 3 classes"):
        encode(np.array([[0.5, 0.5]]), ["a", "b", "c"], "f", "distribution")
