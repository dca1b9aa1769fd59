import json
import pathlib
import re

from hypothesis import given
from hypothesis import strategies as st

from experiments import settings
from experiments.config import Config, Sweep

values = st.one_of(st.text(max_size=12), st.floats(allow_nan=False), st.lists(st.integers(), max_size=3))
overrides = st.dictionaries(st.sampled_from(["optim.lr", "strategy", "head"]), values, max_size=3)


@given(overrides, overrides)
def test_a_name_is_a_folder_and_stands_for_one_setting(one, other):
    names = settings._name(one), settings._name(other)
    assert all(re.fullmatch(r"[\w.=+-]{1,120}", name, re.ASCII) and name not in (".", "..") for name in names)
    assert (names[0] == names[1]) == (json.dumps(one) == json.dumps(other))


def test_all_combinations_then_the_points_each_with_all_seeds():
    config = Config(weights="w", sweep=Sweep({"optim.lr": (1e-3, 1), "strategy": ("probe", "full")}, ({"optim.clip": 0.5},), (0, 3)))
    found = settings.plan(config, pathlib.Path("runs"))
    tried = [(t.config.optim.lr, t.config.strategy, t.config.optim.clip) for t in found[::2]]
    assert tried == [(1e-3, "probe", 1.0), (1e-3, "full", 1.0), (1.0, "probe", 1.0), (1.0, "full", 1.0), (1e-3, "full", 0.5)]
    assert [t.config.seed for t in found] == [0, 3] * 5 and len({t.id for t in found}) == 10
    assert found[-1].about["overrides"] == {"optim.clip": 0.5}
    assert found[-1].values == {"optim.lr": 1e-3, "strategy": "full", "optim.clip": 0.5}
    assert all(t.config.measure == "val" and t.config.sweep == Sweep() for t in found)
    assert len({t.config.train.compilation_cache for t in found}) == 1 and config.train.compilation_cache == ""
