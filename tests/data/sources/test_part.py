import pytest

from tljax import data


def test_a_part_holds_consecutive_examples():
    digits, part = data.create("digits"), data.create("part('digits', start=5, stop=8)")
    assert part.labels.tolist() == digits.labels[5:8].tolist() and part.classes == digits.classes and part.fields == digits.fields
    assert (part[0]["x"] == digits[5]["x"]).all() and data.name_of(part, 2) == "digits, example 7"
    assert data.describe(part) == "part('digits', start=5, stop=8), 3 examples of 10 classes"
    assert len(data.create("part('digits', 1000)")) == 797 and len(data.create("part('digits')")) == 1797
    nested = data.create("part(\"part('digits', 5)\", 1, 2)")
    assert nested.labels.tolist() == [digits.labels[6]]


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (5, 5), (6, 5), (0, 1798), (1797, None)])
def test_examples_that_are_not_there_are_named(start, stop):
    with pytest.raises(ValueError, match="<= 1797, the number of examples"):
        data.create(f"part('digits', {start}, {stop})")


def test_the_other_source_is_named_where_it_fails():
    with pytest.raises(KeyError, match="did you mean digits"):
        data.create("part('digit')")
