import pickle

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
    assert {"digits", "npz", "idx", "hdf5", "folder", "listed", "masks", "part", "squad", "tagged", "tfds", "text", "unlabeled"} <= set(
        registered
    )


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


class Own:
    """A source as a user writes one, without name and fingerprint."""

    fields, classes = {"x": "vector", "label": "number"}, ()

    def __init__(self, labels):
        self.labels = np.array(labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return {"x": np.zeros(2, np.float32), "label": self.labels[index]}


def test_sources_are_described():
    digits = data.create("digits")
    lines = {
        "digits, 1797 examples of 10 classes": digits,
        "digits, 5 per class (seed 1), 50 examples of 10 classes": data.k_per_class(digits, 5, 1),
        "digits, only 3, a fraction of 0.5 (seed 0), 92 examples of 1 class": data.fraction(data.only_classes(digits, ["3"]), 0.5, 0),
        "digits, part 1 of [0.6, 0.2, None] (seed 0), 360 examples of 10 classes": data.split(digits, [0.6, 0.2, None], 0)[1],
        "digits, chosen examples, 1 example of 10 classes": data.take(digits, [3]),
        "own, 2 examples with labels of kind number": Own([1.0, 2.0]),
        "f.npz, 4 examples without labels": data.from_arrays(np.zeros((4, 2)), where="f.npz"),
    }
    assert {data.describe(source) for source in lines.values()} == set(lines)


def test_a_created_source_pickles_with_its_expression():
    assert data.describe(pickle.loads(pickle.dumps(data.create("digits")))) == "digits, 1797 examples of 10 classes"


def test_fingerprints_tell_views_apart():
    digits = data.create("digits")
    views = [
        digits,
        data.take(digits, [1, 2]),
        data.take(digits, [2, 1]),
        data.only_classes(digits, [1, 2]),
        data.only_classes(digits, [2, 1]),
    ]
    prints = list(map(data.fingerprint, views))
    assert len(set(prints)) == 5 and data.fingerprint(data.take(data.create("digits"), [1, 2])) == prints[1]


def test_a_source_without_a_fingerprint_is_known_by_labels_names_and_length():
    class Named(Own):
        def name(self, index):
            return f"n{index}"

    prints = [data.fingerprint(source) for source in (Own([1.0, 2.0]), Own([1.0, 3.0]), Own([1.0]), Named([1.0, 2.0]), Own([1.0, 2.0]))]
    assert prints[0] == prints[4] and len(set(prints)) == 4 and all(len(p) == 16 for p in prints)


def test_class_ids_outside_the_classes_are_named():
    class Broken(Own):
        fields, classes = {"x": "vector", "label": "class"}, ("a", "b")

    for wrong in (-1, 2):
        with pytest.raises(ValueError, match=rf"broken: the label {wrong} of example 1 is no class id \(0 to 1\)"):
            data.class_ids(Broken([0, wrong]))


def test_an_object_that_is_no_source_is_refused_when_it_is_given():
    class Bare:
        """Examples without a declaration."""

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return {"x": np.zeros(2, np.float32)}

    with pytest.raises(ValueError, match=r"Bare is no source: it has no fields, labels, classes; a source has fields, labels, "):
        data.create(Bare())
    with pytest.raises(ValueError, match="unknown kind 'vectr' of the field 'x'; did you mean vector"):
        data.create(kinds(x="vectr"))
    for kind in ("class", "classes", "distribution"):
        with pytest.raises(ValueError, match=f"a field of kind '{kind}' needs class names, but classes is empty"):
            data.create(kinds(x="vector", label=kind))
    assert len(data.create(Own([1.0]))) == 1


def kinds(**fields):
    source = Own([0, 1])
    source.fields = fields
    return source
