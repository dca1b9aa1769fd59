"""The trials of a sweep, checked before any of them runs."""

import copy
import dataclasses
import hashlib
import itertools
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from experiments import overrides
from experiments.config import Compare, Config, Sweep

FIXED = {
    "seed": "config.sweep.seeds does",
    "measure": "trials are measured on val, the selected setting on test",
    "task": "it is a title",
    "train.compilation_cache": "all trials share one",
} | {
    f"data.{name}": "it changes the examples that are measured, so scores could not be compared; make a sweep for each value"
    for name in (
        "source", "val", "test", "classes", "parts", "part", "val_per_class", "val_share", "test_size", "invert", "noise", "rotate"
    )
}  # fmt: skip
"""The fields that a sweep does not vary, and why."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Attributes:
      id: its folder, and the name of its row.
      config: what `finetune.run` gets.
      about: what its row begins with.
      values: of all swept fields; the recipe's where the setting gives none.
    """

    id: str
    config: Config
    about: dict[str, Any]
    values: dict[str, Any]


def plan(config: Config, folder: pathlib.Path) -> list[Trial]:
    """The trials of ``config.sweep``: settings in the order given, each with all its seeds.

    Raises:
      ValueError: nothing to run; a field that is unknown or not to be varied; a value of a wrong type, or that `Config.validate` refuses;
        a setting or a seed that is given twice.
    """
    settings, seeds = _settings(config.sweep), config.sweep.seeds
    if not settings or not seeds:
        raise ValueError("config.sweep has nothing to run: give it a grid or points, and seeds")
    if len(set(seeds)) < len(seeds) or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError(f"config.sweep.seeds={seeds}: whole numbers of at least 0, each once")
    base = copy.deepcopy(config)
    base.measure, base.compare, base.sweep = "val", Compare(), Sweep()
    base.train.compilation_cache = config.train.compilation_cache or str(folder.absolute() / "compiled")
    swept = list(dict.fromkeys(name for setting in settings for name in setting))
    found: list[Trial] = []
    for setting in settings:
        variant = _variant(base, setting)
        values = {name: overrides.value(variant, name) for name in swept if name in overrides.fields(Config)}
        if any(values == trial.values for trial in found):
            raise ValueError(f"config.sweep gives a setting twice: {values}")
        found += [_trial(variant, setting, seed, values) for seed in seeds]
    return found


def _settings(s: Sweep) -> list[dict[str, Any]]:
    if not isinstance(s.grid, dict):
        raise ValueError(f"config.sweep.grid={s.grid!r}: wanted is a dict {{field: (value, ...)}}")
    for name, values in s.grid.items():
        if not isinstance(values, tuple | list) or not values:
            raise ValueError(f"config.sweep.grid: {name!r} has {values!r}; wanted is a tuple of values")
    for point in s.points:
        if not isinstance(point, dict):
            raise ValueError(f"config.sweep.points holds {point!r}; wanted is a tuple of dicts {{field: value}}")
    grid = [dict(zip(s.grid, values, strict=True)) for values in itertools.product(*s.grid.values())] if s.grid else []
    return [*grid, *s.points]


def _variant(base: Config, setting: Mapping[str, Any]) -> Config:
    """The recipe with a setting's values. Raises ValueError naming what is wrong with them."""
    for name in setting:
        why = "no trial reads it" if str(name).startswith(("compare.", "sweep.")) else FIXED.get(name)
        if why:
            raise ValueError(f"config.sweep does not vary {name}: {why}")
    variant = overrides.changed(base, setting)
    try:
        variant.validate()
    except ValueError as e:
        raise ValueError(f"config.sweep, {dict(setting)}: {e}") from None
    return variant


def _trial(variant: Config, setting: Mapping[str, Any], seed: int, values: dict[str, Any]) -> Trial:
    config = copy.deepcopy(variant)
    config.seed = seed
    given = {name: values[name] for name in setting}
    name = _name(given)
    about = {"task": config.task, "setting": name, "overrides": given, "seed": seed, "split": "val"}
    return Trial(f"{name}_seed{seed}", config, about, values)


def _name(given: Mapping[str, Any]) -> str:
    """A folder name that tells the overrides; eight digits of their hash follow where it cannot tell all."""
    whole = "_".join(f"{name}={value}" for name, value in given.items()) or "recipe"
    readable = re.sub(r"[^\w.=+-]+", "-", whole, flags=re.ASCII)[:100].strip("-")
    clear = readable == whole and whole.count("=") == len(given)
    return readable if clear else f"{readable}-{hashlib.sha256(json.dumps(given).encode()).hexdigest()[:8]}"
