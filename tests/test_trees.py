import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tljax import strategies, trees

keys = st.text(st.characters(blacklist_characters="/", blacklist_categories=["Cs"]), min_size=1, max_size=5)
nested = st.recursive(st.integers(), lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=3), max_leaves=8)
PARAMS = {
    "backbone": {"stem": {"kernel": np.ones((3, 2), np.float32)}, "top": {"kernel": np.ones(4, np.float32)}},
    "head": {"bias": np.ones(5)},
}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(keys, nested, min_size=1, max_size=3))
def test_flatten_and_unflatten_are_inverse_and_merge_undoes_split(tree):
    assert trees.unflatten(trees.flatten(tree)) == tree
    labels = trees.unflatten({path: len(path) % 2 for path in trees.flatten(tree)})
    trainable, frozen = trees.split(tree, labels, frozen={1})
    assert trees.merge(trainable, frozen) == tree == trees.merge(frozen, trainable)
    assert not trees.flatten(trainable).keys() & trees.flatten(frozen).keys()


def test_first_rule_wins_and_the_whole_path_must_match():
    labels = trees.flatten(trees.label(PARAMS, [("backbone/stem/.*", "a"), ("backbone/.*", "b"), (".*", "c")]))
    assert labels == {"backbone/stem/kernel": "a", "backbone/top/kernel": "b", "head/bias": "c"}
    with pytest.raises(ValueError, match="no rule covers"):
        trees.label(PARAMS, [("stem", 0), ("backbone", 1)])


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([("backbone/.*", 0)], "no rule covers head/bias"),
        ([("backbone/stme/.*", 0), (".*", 1)], "backbone/stme/.*' wins no parameter; nearest names: backbone/stem/kernel"),
        ([("head/.*", 0), ("head/bias", 1), (".*", 2)], "earlier rules already took head/bias"),
        ([("head/(", 0), (".*", 1)], "not a regular expression"),
        ([(".*", 1), (".*", 0)], None),
    ],
)
def test_a_rule_that_covers_too_little_is_named(rules, said):
    if said is None:  # a closing .* may win nothing
        trees.label(PARAMS, rules)
        return
    with pytest.raises(ValueError) as e:
        trees.label(PARAMS, rules)
    assert said in str(e.value)


def test_bad_trees_are_refused():
    with pytest.raises(ValueError, match="cannot be a key of a parameter tree"):
        trees.flatten({"a/b": 1})
    with pytest.raises(ValueError, match="two of the trees to merge hold a"):
        trees.merge({"a": 1}, {"a": 2})
    with pytest.raises(ValueError, match=r"runs through a leaf"):
        trees.unflatten({"a": 1, "a/b": 2})
    with pytest.raises(ValueError, match="need the same paths; only one of the two has backbone"):
        trees.split(PARAMS, {"head": {"bias": 0}}, frozen={0})
    with pytest.raises(ValueError, match="matches no parameter"):
        trees.subset(PARAMS, ["haed/.*"])


def test_subset_pick_and_drop():
    assert trees.flatten(trees.subset(PARAMS, ["head/.*"])).keys() == {"head/bias"}
    both = trees.merge(trees.pick(PARAMS, {"head/bias"}), trees.drop(PARAMS, {"head/bias"}))
    assert trees.flatten(both).keys() == trees.flatten(PARAMS).keys()


def test_the_table_sums_by_stage_and_names_groups():
    groups = trees.label(PARAMS, [("backbone/stem/.*", strategies.FROZEN), (".*", strategies.Group(0.5))])
    table = trees.describe(PARAMS, groups)
    assert "backbone/stem/kernel  (3, 2)" in table and "frozen" in table and "0.5" in table
    assert f"{trees.nbytes(PARAMS):,}" == table.splitlines()[-1].split()[-1] == "80"
    assert trees.size(PARAMS) == 15
    assert "backbone/stem/kernel" not in trees.describe(PARAMS, groups, leaves=False)


def test_the_table_lists_stages_from_input_to_output():
    params = {"backbone": {"block0": {"w": np.ones(2)}, "stem": {"w": np.ones(3)}}, "head": {"w": np.ones(1)}}
    rows = lambda **order: [line.split()[1] for line in trees.describe(params, leaves=False, **order).splitlines()[1:]]  # noqa: E731
    assert rows(stages=("stem", "block0")) == ["backbone/stem", "backbone/block0", "head", "all"]
    assert rows() == ["backbone/block0", "backbone/stem", "head", "all"]
    assert rows(stages=("stem", "gone")) == ["backbone/stem", "backbone/block0", "head", "all"]


def test_the_prefix_of_a_part_begins_its_paths_and_no_others():
    paths = trees.flatten(PARAMS)
    assert [[p for p in paths if p.startswith(trees.part_prefix(part))] for part in ("stem", "top", "head")] == [
        ["backbone/stem/kernel"], ["backbone/top/kernel"], ["head/bias"]
    ]  # fmt: skip
    assert not any(path.startswith(trees.part_prefix("ste")) for path in paths)
