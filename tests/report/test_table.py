import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tljax.report import table


def test_mean_spread_is_the_sample_standard_deviation():
    assert table.mean_spread([0.8, 0.82, 0.84]) == "0.820 ± 0.020 (3)"
    assert table.mean_spread([0.8123]) == "0.812 (1)"
    assert table.mean_spread(np.array([1.0, 1.0]), digits=1) == "1.0 ± 0.0 (2)"
    with pytest.raises(ValueError, match="no values"):
        table.mean_spread([])


def test_text_is_aligned():
    lines = table.text([{"a": 1, "b": "long word"}, {"a": 12345, "b": None}], ["a", "b"]).splitlines()
    assert lines == ["    a  b", "-----  ---------", "    1  long word", "12345"]


cells = st.one_of(st.none(), st.integers(), st.floats(), st.text("ab|\n\\é", max_size=5), st.booleans())


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries({"a": cells, "b": cells}), max_size=5))
def test_markdown_has_the_same_cells_in_every_line(rows):
    lines = table.markdown(rows, ["a", "b", "absent"]).split("\n")
    assert len(lines) == len(rows) + 2
    assert {line.replace("\\|", "").count("|") for line in lines} == {4}
    assert len({len(line) for line in lines}) == 1


def test_markdown_without_rows_is_a_heading():
    assert table.markdown([], ["a"]) == "| a   |\n| --- |"
    assert table.text([], ["a"]) == "a\n-"
