import json

import pytest

from tljax.runs import trials


def lines(folder):
    return (folder / trials.FILE).read_bytes().splitlines()


def test_a_job_runs_once_and_its_row_comes_back(tmp_path):
    rows, ran = trials.Trials(tmp_path), []
    first = rows.once("köln", lambda: ran.append(1) or {"x": 0.1 + 0.2, "name": "猫"})
    assert trials.Trials(tmp_path).once("köln", lambda: pytest.fail("ran again")) == first == {"id": "köln", "x": 0.1 + 0.2, "name": "猫"}
    assert len(ran) == 1 and len(lines(tmp_path)) == 1


@pytest.mark.parametrize("kept", [1, 7, -2, -1])
def test_a_line_cut_anywhere_runs_again_and_joins_no_other(kept, tmp_path):
    rows = trials.Trials(tmp_path)
    for name in ("a", "猫"):
        rows.once(name, lambda: {"x": "köln"})
    whole = (tmp_path / trials.FILE).read_bytes()
    cut = whole.index(b"\n") + 1
    (tmp_path / trials.FILE).write_bytes(whole[:cut] + whole[cut:][:kept])  # -1: all but the line's end; -2: inside
    assert [row["id"] for row in trials.read(tmp_path)] == ["a"]
    again = trials.Trials(tmp_path)
    for name in ("猫", "b"):
        again.once(name, lambda: {"x": 1})
    assert [json.loads(line)["id"] for line in lines(tmp_path)] == ["a", "猫", "b"]


@pytest.mark.parametrize("bad", ["{", '{"x": 1}', "3", "", "\udcff"])
def test_a_damaged_line_is_named(bad, tmp_path):
    text = '{"id": "a"}\n' + bad + '\n{"id": "b"}\n'
    (tmp_path / trials.FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"trials.jsonl: line 2 is damaged"):
        trials.Trials(tmp_path)


def test_a_job_that_raises_leaves_no_row(tmp_path):
    rows = trials.Trials(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        rows.once("a", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    assert trials.read(tmp_path) == [] and rows.once("a", lambda: {}) == {"id": "a"}
