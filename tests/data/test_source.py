import numpy as np
import pytest

from tljax import data
from tljax.data.source import sources as registered


def test_the_embedded_digits():
    digits = data.create("digits")
    assert len(digits) == 1797 and digits.classes == tuple("0123456789")
    example = digits[3]
    assert example["x"].shape == (8, 8, 1) and example["x"].dtype == np.float32 and example["label"].dtype == np.int32
    assert min(e["x"].min() for e in digits) == 0 and max(e["x"].max() for e in digits) == 1
    assert data.class_counts(digits).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_every_module_with_a_source_is_found():
    assert {"digits", "npz", "idx", "hdf5", "folder", "listed", "unlabelled"} <= set(registered)


@pytest.mark.parametrize(
    ("expression", "says"),
    [("digit", "did you mean digits"), ("digits(3)", "called as digits()"), ("folder(", "neither a name nor a call")],
)
def test_a_wrong_expression_is_named(expression, says):
    with pytest.raises((KeyError, ValueError), match=None) as error:
        data.create(expression)
    assert says in str(error.value)


def test_a_class_without_examples_counts_zero():
    source = data.from_arrays(np.zeros((3, 2), np.float32), np.array([0, 2, 2]), classes=["a", "b", "c", "d"])
    assert data.class_counts(source).tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize("label", [np.array([0.5, 1.5]), np.array([[0, 1], [1, 1]])])
def test_regression_and_multi_label_have_no_class_counts(label):
    with pytest.raises(ValueError, match="one class per example"):
        data.class_counts(data.from_arrays(np.zeros((2, 3), np.float32), label))


def test_name_of_falls_back_to_the_number():
    assert data.name_of(data.from_arrays(np.zeros((2, 3), np.float32), np.arange(2), where="f.npz"), 1) == "f.npz, example 1"
    assert data.name_of([{"x": 0}], 0) == "example 0"
