import numpy as np
import pytest

from tljax import data

X = np.arange(3, dtype=np.float32)[:, None]
ABC = ("a", "b", "c")


def source_of(labels, kind=None, classes=ABC):
    return data.from_arrays(X, np.array(labels), classes, kind=kind)


def same(source, labels):
    assert np.array_equal(source.labels, labels)
    assert all(np.array_equal(source[i]["label"], label) and source[i]["x"] == i for i, label in enumerate(labels))
    assert source.labels.dtype == source[0]["label"].dtype


def test_class_ids_are_matched_by_name():
    source = data.relabel(source_of([0, 2, 1]), ("c", "x", "b", "a"))
    assert source.classes == ("c", "x", "b", "a") and data.class_counts(source).tolist() == [1, 0, 1, 1]
    same(source, [3, 0, 2])
    assert source[0]["label"].dtype == np.int32 and source[0]["label"].shape == () and source.fields["label"] == "class"


@pytest.mark.parametrize("kind", ["classes", "distribution"])
def test_columns_are_permuted_and_missing_ones_are_zero(kind):
    source = data.relabel(source_of([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]], kind), ("c", "x", "b", "a"))
    same(source, [[0, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]])
    assert source.labels.dtype == np.float32


def test_what_needs_no_numbers_stays_as_it_is():
    for source in (source_of([0.5, 1, 2], classes=None), data.from_arrays(X), source_of([0, 1, 2])):
        assert data.relabel(source, ABC) is source


def test_the_example_is_changed_and_not_replaced():
    class Augmented:
        fields, classes, labels = {"x": "vector", "label": "class"}, ABC, np.array([0, 0, 0])

        def __len__(self):
            return 3

        def __getitem__(self, index):
            return {"x": X[index], "label": np.int32(2), "more": 1}

    assert data.relabel(Augmented(), ABC[::-1])[1] == {"x": 1, "label": 0, "more": 1}


def test_unknown_classes_are_named_with_what_can_be_done():
    with pytest.raises(ValueError, match=r"names the classes \['b', 'c'\] that the training data lacks; it has \['a', 'z'\]; drop"):
        data.relabel(source_of([0, 1, 2]), ("a", "z"))
    left = data.relabel(data.only_classes(source_of([0, 1, 2]), ["a"]), ("z", "a"))
    assert left.labels.tolist() == [1] and len(left) == 1


def test_classes_are_matched_by_order_where_told():
    source = data.relabel(source_of([0, 2, 1]), ("x", "y", "z"), by_order=True)
    assert source.classes == ("x", "y", "z")
    same(source, [0, 2, 1])
    same(data.relabel(source_of([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]], "classes"), ("x", "y", "z"), by_order=True), np.eye(3))
    with pytest.raises(ValueError, match="has 3 classes, to be matched by order with 2"):
        data.relabel(source_of([0, 2, 1]), ("x", "y"), by_order=True)


def test_it_is_described_and_known():
    source = source_of([0, 2, 1])
    first, other = data.relabel(source, ("c", "b", "a")), data.relabel(source, ("b", "c", "a"))
    assert data.describe(first) == "arrays, classes matched by name, 3 examples of 3 classes"
    assert len({*map(data.fingerprint, (source, first, other, data.relabel(source, ("c", "b", "a"))))}) == 3
