import json
import re

from hypothesis import given
from hypothesis import strategies as st

from tests.runs.conftest import of_kind
from tljax import strategies
from tljax.runs import sweep_grid

values = st.one_of(st.text(max_size=12), st.floats(allow_nan=False), st.lists(st.integers(), max_size=3))
overrides = st.dictionaries(st.sampled_from(["optim.lr", "strategy", "head"]), values, max_size=3)


@given(overrides, overrides)
def test_a_name_is_a_folder_and_stands_for_one_setting(one, other):
    names = sweep_grid.folder_name(one), sweep_grid.folder_name(other)
    assert all(re.fullmatch(r"[\w.=+-]{1,120}", name, re.ASCII) and name not in (".", "..") for name in names)
    assert (names[0] == names[1]) == (json.dumps(one) == json.dumps(other))


def test_all_combinations_then_the_points_each_with_all_seeds():
    base = of_kind("classification")
    grid = {"optim.lr": (1e-3, 1), "strategy": ("linear_probe", "full")}
    trials = sweep_grid.plan(base, title="t", grid=grid, points=({"optim.clip": 0.5},), seeds=(0, 3))
    tried = [(t.base.optim.lr, t.base.strategy, t.base.optim.clip) for t in trials[::2]]
    assert tried == [
        (1e-3, "linear_probe", 1.0),
        (1e-3, "full", 1.0),
        (1.0, "linear_probe", 1.0),
        (1.0, "full", 1.0),
        (0.03, "scratch", 0.5),
    ]
    assert [t.base.seed for t in trials] == [0, 3] * 5 and len({t.id for t in trials}) == 10
    assert trials[-1].about["overrides"] == {"optim.clip": 0.5} and trials[0].about["task"] == "t"
    assert trials[-1].values == {"optim.lr": 0.03, "strategy": "scratch", "optim.clip": 0.5}
    assert base.optim.lr == 0.03 and base.seed == 0


def test_objects_can_be_swept_by_their_calls():
    grid = {"strategy": (strategies.linear_probe(), strategies.freeze_first(1))}
    trials = sweep_grid.plan(of_kind("classification"), title="t", grid=grid, seeds=(0,))
    assert [t.values["strategy"] for t in trials] == ["linear_probe", "freeze_first(1)"] and len({t.id for t in trials}) == 2
    json.dumps([t.about for t in trials])
