"""The trials of a sweep, checked before the first one runs."""

import dataclasses
import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tljax.runs import overrides, renamed

FIXED = {
    "seed": "sweep.seeds does",
    "measure_on": "trials are measured on val, the selected setting on test",
    "title": "it is a title",
    "compilation_cache": "all trials share one",
    "train.compilation_cache": "all trials share one",
} | {
    f"{prefix}{name}": "it changes the examples that are measured, so scores could not be compared; make a sweep for each value"
    for prefix, names in {
        "": ("val", "test"),
        "data.": (
            "source", "val", "test", "streams", "classes", "parts", "part", "val_per_class", "val_share", "test_size", "invert", "noise",
            "rotate",
        ),
    }.items()
    for name in names
}  # fmt: skip
"""Field that a sweep cannot vary -> the reason."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Attributes:
      id: name of its folder and of its row.
      base: the recipe with the setting and the seed.
      about: the entries of its row that are known before it runs.
      values: the values of all swept fields; the recipe's for fields that the setting leaves out.
    """

    id: str
    base: Any
    about: dict[str, Any]
    values: dict[str, Any]


def plan(
    base: Any, *, title: str, grid: Mapping[str, Sequence[Any]], points: Sequence[Mapping[str, Any]] = (), seeds: Sequence[int] = (0, 1, 2)
) -> list[Trial]:
    """List the trials of a sweep: the settings in order, each with all seeds.

    Args:
      base: a `Run`, or a recipe with a field `seed`.
      title: of the rows.
      grid: field -> its values; every combination is a setting.
      points: more settings, each ``{field: value}``; an empty one is the unchanged recipe.
      seeds: each setting runs once with each seed.

    Raises:
      ValueError: nothing to run; an unknown field, or one of `FIXED`; a value of a wrong type; a setting or a seed that occurs twice.
    """
    settings = _settings(grid, points)
    if not settings or not seeds:
        raise ValueError("the sweep has nothing to run: give it a grid or points, and seeds")
    if len(set(seeds)) < len(seeds) or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError(f"sweep.seeds={tuple(seeds)}: whole numbers of at least 0, each once")
    swept = list(dict.fromkeys(name for setting in settings for name in setting))
    trials: list[Trial] = []
    for setting in settings:
        variant = _variant(base, setting)
        values = {name: overrides.value(variant, name) for name in swept}
        if any(values == trial.values for trial in trials):
            raise ValueError(f"the sweep has a setting twice: {values}")
        trials += [_trial(variant, setting, seed, values, title=title) for seed in seeds]
    return trials


def _settings(grid: Any, points: Any) -> list[dict[str, Any]]:
    if not isinstance(grid, Mapping):
        raise ValueError(f"sweep.grid={grid!r}: a dict {{field: (value, ...)}} is expected")
    for name, values in grid.items():
        if not isinstance(values, tuple | list) or not values:
            raise ValueError(f"sweep.grid: {name!r} has {values!r}; a tuple of values is expected")
    for point in points:
        if not isinstance(point, Mapping):
            raise ValueError(f"sweep.points holds {point!r}; a tuple of dicts {{field: value}} is expected")
    combined = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())] if grid else []
    return [*combined, *points]


def _variant(base: Any, setting: Mapping[str, Any]) -> Any:
    """The recipe with a setting's values. Raises ValueError that names the field or value at fault."""
    for name in setting:
        why = "no trial reads it" if str(name).startswith(("compare.", "sweep.")) else FIXED.get(name)
        if why:
            raise ValueError(f"a sweep does not vary {name}: {why}")
    try:
        return overrides.apply(base, setting)
    except ValueError as e:
        raise ValueError(f"sweep, {dict(setting)}: {e}") from None


def _trial(variant: Any, setting: Mapping[str, Any], seed: int, values: dict[str, Any], *, title: str) -> Trial:
    own = {name: values[name] for name in setting}
    name = folder_name(own)
    about = {"task": title, "setting": name, "overrides": {k: _plain(v) for k, v in own.items()}, "seed": seed, "split": "val"}
    return Trial(f"{name}_seed{seed}", overrides.apply(variant, {"seed": seed}), about, {k: _plain(v) for k, v in values.items()})


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | tuple | list | None) else str(value)


def ids(trial: Trial) -> list[str]:
    """The trial's id, then the one that an earlier version gave it, where that differs."""
    setting = trial.about["overrides"]
    spellings = renamed.spellings(str(setting["strategy"])) if "strategy" in setting else [""]
    earlier = folder_name(setting | {"strategy": spellings[-1]}) if len(spellings) > 1 else trial.about["setting"]
    return list(dict.fromkeys([trial.id, f"{earlier}_seed{trial.about['seed']}"]))


def folder_name(setting: Mapping[str, Any]) -> str:
    """A folder name that spells out a setting, followed by eight digits of its hash where the name alone would be ambiguous."""
    whole = "_".join(f"{name}={value}" for name, value in setting.items()) or "recipe"
    readable = re.sub(r"[^\w.=+-]+", "-", whole, flags=re.ASCII)[:100].strip("-")
    clear = readable == whole and whole.count("=") == len(setting)
    digest = hashlib.sha256(json.dumps({k: _plain(v) for k, v in setting.items()}).encode()).hexdigest()
    return readable if clear else f"{readable}-{digest[:8]}"
