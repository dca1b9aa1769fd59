import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tljax.report import table

RUNS = [
    {"strategy": s, "seed": seed, "lr": lr, "val_accuracy": v, "test_accuracy": v - 0.1}
    for s, lr, values in (("scratch", 0.1, (0.7, 0.8)), ("probe", 0.01, (0.9, 0.9)))
    for seed, v in enumerate(values)
]


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


def test_compare_table_groups_in_order_with_spread():
    rows = table.compare_table(RUNS, by=("strategy", "lr"))
    assert rows == [
        {"strategy": "scratch", "lr": 0.1, "val_accuracy": "0.750 ± 0.071 (2)", "test_accuracy": "0.650 ± 0.071 (2)"},
        {"strategy": "probe", "lr": 0.01, "val_accuracy": "0.900 ± 0.000 (2)", "test_accuracy": "0.800 ± 0.000 (2)"},
    ]
    assert "0.750 ± 0.071 (2)" in table.text(rows, list(rows[0]))


def test_compare_table_refuses_a_seed_counted_twice_and_a_missing_key():
    with pytest.raises(ValueError, match="strategy=scratch has a seed twice"):
        table.compare_table([*RUNS, dict(RUNS[0], lr=1.0)])
    with pytest.raises(ValueError, match="run 0 has no test_f1"):
        table.compare_table(RUNS, metrics=("test_f1",))
    assert table.compare_table([]) == []
