import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tljax import data


def source_of(counts, seed=0):
    """`counts[c]` examples of class c in random order; x tells the place."""
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    return data.from_arrays(np.arange(len(labels), dtype=np.float32)[:, None], labels, [f"class{c}" for c in range(len(counts))])


def places(source):
    return [int(source[i]["x"][0]) for i in range(len(source))]


COUNTS = st.lists(st.integers(3, 30), min_size=1, max_size=6)
SEEDS = st.integers(0, 2**40)


def test_a_view_holds_what_it_names():
    source = source_of([4, 5])
    view = data.take(source, [8, 0, 3])
    assert places(view) == [8, 0, 3] and view.labels.tolist() == source.labels[[8, 0, 3]].tolist()
    assert view[1]["label"] == source.labels[0] and data.name_of(view, 0) == "arrays, example 8"
    nested = data.take(view, [2, 2])
    assert places(nested) == [3, 3] and data.name_of(nested, 0) == "arrays, example 3"
    with pytest.raises(IndexError):
        view[3]
    with pytest.raises(ValueError, match="9 examples"):
        data.take(source, [9])


@given(COUNTS, SEEDS)
@settings(max_examples=30, deadline=None)
def test_k_per_class_is_balanced_deterministic_and_nested(counts, seed):
    source = source_of(counts)
    small, large = data.k_per_class(source, 1, seed), data.k_per_class(source, 3, seed)
    assert (data.class_counts(small) == 1).all() and (data.class_counts(large) == 3).all()
    assert set(places(small)) <= set(places(large)) and len(set(places(large))) == 3 * len(counts)
    assert places(large) == places(data.k_per_class(source, 3, seed)) == sorted(places(large))


def test_seeds_draw_differently():
    source = source_of([20, 20])
    assert len({tuple(places(data.k_per_class(source, 5, seed))) for seed in range(20)}) == 20


def test_k_larger_than_a_class_names_it():
    with pytest.raises(ValueError, match="need 5 examples, but class 'class1' has 4 examples"):
        data.k_per_class(source_of([9, 4]), 5, 0)
    with pytest.raises(ValueError, match="k must be at least 1"):
        data.k_per_class(source_of([9]), 0, 0)
    absent = data.from_arrays(np.zeros((2, 1), np.float32), np.zeros(2, int), ["here", "absent"])
    with pytest.raises(ValueError, match="class 'absent' has 0"):
        data.k_per_class(absent, 1, 0)


@given(COUNTS, SEEDS, st.floats(0.01, 1))
@settings(max_examples=60, deadline=None)
def test_a_fraction_keeps_the_proportions(counts, seed, f):
    source = source_of(counts)
    part = data.fraction(source, f, seed)
    assert len(part) == round(f * len(source))
    assert np.abs(data.class_counts(part) - f * np.array(counts)).max() <= 2
    assert set(places(data.fraction(source, f / 2, seed))) <= set(places(part))


def test_small_classes_are_spread_over_the_parts():
    source = source_of([100] + [1] * 50)
    fifth, rest = data.split(source, [0.2, None], seed=0)
    assert abs(data.class_counts(fifth)[0] - 20) <= 2 and abs(data.class_counts(rest)[0] - 80) <= 2


@given(COUNTS, SEEDS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_parts_are_disjoint_and_complete(counts, seed, stratified):
    source = source_of(counts)
    parts = data.split(source, [0.3, 2, None], seed, stratified=stratified)
    everything = sorted(place for p in parts for place in places(p))
    assert everything == list(range(len(source))) and len(parts[1]) == 2
    again = data.split(source, [0.3, 2, None], seed, stratified=stratified)
    assert [places(p) for p in parts] == [places(p) for p in again]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10])
def test_fractions_that_make_one_lose_nothing(n):
    for sizes in ([0.5, 0.5], [0.5, None], [0.1, 0.2, 0.7], [1 / 3, 1 / 3, 1 / 3], [1.0], [None]):
        assert sum(map(len, data.split(source_of([n]), sizes, seed=0))) == n


def test_sizes_per_class():
    parts = data.split(source_of([9, 5]), [2, None, 1], seed=3, per_class=True)
    assert [data.class_counts(p).tolist() for p in parts] == [[2, 2], [6, 2], [1, 1]]
    with pytest.raises(ValueError, match="need 6 examples, but class 'class1' has 5"):
        data.split(source_of([9, 5]), [4, 2], seed=3, per_class=True)


@pytest.mark.parametrize(
    ("sizes", "more", "says"),
    [
        ([-1], {}, "-1 is none of"),
        ([0.0], {}, "0.0 is none of"),
        ([1.5], {}, "1.5 is none of"),
        ([True], {}, "True is none of"),
        ([0.5], {"per_class": True}, "0.5 is none of"),
        ([None, None], {}, "only one part"),
        ([0.6, 0.6], {}, "need 17 examples, but the source has 14"),
        ([15], {}, "need 15 examples, but the source has 14"),
    ],
)
def test_wrong_sizes_are_named(sizes, more, says):
    with pytest.raises(ValueError, match=says):
        data.split(source_of([9, 5]), sizes, seed=0, **more)


LABELS_OF_KINDS = {
    "class": np.arange(10) % 2,
    "classes": np.arange(20).reshape(10, 2) % 2,
    "distribution": np.stack([np.linspace(0, 1, 10), np.linspace(1, 0, 10)], axis=1),
    "number": np.linspace(0, 1, 10),
    None: None,
}


@pytest.mark.parametrize("kind", LABELS_OF_KINDS)
def test_every_kind_of_label_is_split(kind):
    source = data.from_arrays(np.arange(10, dtype=np.float32)[:, None], LABELS_OF_KINDS[kind], kind=kind)
    parts = data.split(source, [0.6, 0.2, None], seed=0)
    assert [len(p) for p in parts] == [6, 2, 2] and sorted(place for part in parts for place in places(part)) == list(range(10))
    for part in parts:
        assert part.fields == source.fields and ("label" in part[0]) == (kind is not None)
        if kind:
            assert all(np.array_equal(part[i]["label"], LABELS_OF_KINDS[kind][p].astype(np.float32)) for i, p in enumerate(places(part)))
            assert np.array_equal(part.labels, source.labels[places(part)])
    if kind != "class":
        have = f"are of kind {kind!r}" if kind else "are absent"
        for refused in (lambda: data.split(source, [1], 0, per_class=True), lambda: data.k_per_class(source, 1, 0)):
            with pytest.raises(ValueError, match=f"one class per example is needed .*but its labels {have}"):
                refused()


def test_a_class_that_only_decoding_shows_is_split_plainly():
    class Hidden:
        fields, classes, labels = {"x": "vector", "label": "class"}, ("a", "b"), None

        def __len__(self):
            return 4

        def __getitem__(self, index):
            return {"x": np.float32([index]), "label": np.int32(index % 2)}

    part, rest = data.split(Hidden(), [0.5, None], seed=0)
    assert len(part) == len(rest) == 2 and part.labels is None and part[0]["label"] == places(part)[0] % 2
    with pytest.raises(ValueError, match="hidden: its class ids cannot be read without decoding"):
        data.k_per_class(Hidden(), 1, 0)


def test_a_view_writes_no_label_over_an_example():
    source = source_of([4, 5])
    views = data.take(Augmented(source), [1, 0]), data.fraction(Augmented(source), 0.5, 0)
    assert all(view[i]["label"] == 7 for view in views for i in range(len(view)))
    assert data.only_classes(Augmented(source_of([1] * 9)), [7])[0]["label"] == 0


class Augmented:
    """Every example's label is 7 where its source's labels say otherwise."""

    def __init__(self, source):
        self.source, self.labels, self.classes, self.fields = source, source.labels, source.classes, source.fields

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        return {**self.source[index], "label": np.int32(7)}


def test_only_classes_relabels_in_the_order_given():
    source = source_of([3, 4, 5])
    part = data.only_classes(source, ["class2", 0])
    assert part.classes == ("class2", "class0") and data.class_counts(part).tolist() == [5, 3]
    assert all(part[i]["label"] == {2: 0, 0: 1}[int(source.labels[p])] for i, p in enumerate(places(part)))
    assert places(part) == sorted(places(part))


def test_digits_may_be_names_or_ids():
    digits = data.create("digits")
    assert data.only_classes(digits, ["3", 4]).classes == ("3", "4")


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (["class9"], "no class is 'class9'; there are 2, such as class"),
        ([2], "no class is 2"),
        ([], "at least one"),
        (["class0", 0], "each once"),
    ],
)
def test_unknown_or_double_classes_are_named(wanted, says):
    with pytest.raises(ValueError, match=says):
        data.only_classes(source_of([3, 4]), wanted)


def test_a_subset_of_a_subset_of_one_class():
    source = data.only_classes(source_of([6]), [0])
    assert len(data.k_per_class(data.fraction(source, 0.5, 0), 2, 0)) == 2
