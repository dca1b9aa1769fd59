"""The readable description of a run: one entry for each field, and their hash."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tljax import data, registry, strategies
from tljax.runs.run import Run

MAY_DIFFER = frozenset({
    "workers", "eval_batch_size", "data_devices", "fsdp", "log_every", "save_every", "keep", "certificate", "compilation_cache", "title",
})  # fmt: skip
"""Fields that a resumed run may change: they affect where and how fast it runs, not its result."""


def spec(run: Run) -> dict[str, Any]:
    """Describe a run as a flat dict of JSON values. Two runs with the same description give the same result.

    A call expression is an entry itself. An object of a registered factory is described by its call, any other dataclass by its fields, a
    source by its description and fingerprint.

    Raises:
      ValueError: an object that cannot describe itself and has no entry in ``Run.names``.
    """
    entries: dict[str, Any] = {}
    for field in dataclasses.fields(run):
        if field.name != "names":
            _add(entries, field.name, getattr(run, field.name), run.names)
    return dict(json.loads(json.dumps(entries)))


def hashed(entries: Mapping[str, Any]) -> str:
    """Hash a description, without the fields of `MAY_DIFFER`."""
    hashed_entries = {name: value for name, value in entries.items() if not may_differ(name)}
    return data.digest(json.dumps(hashed_entries, sort_keys=True))


def may_differ(name: str) -> bool:
    """True if a resumed run may change this entry."""
    return name.split(".")[0] in MAY_DIFFER


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One line for each entry that differs, those of `MAY_DIFFER` excepted."""
    names = sorted(before.keys() | now.keys())
    return [
        f"{name} was {before.get(name)!r}, now {now.get(name)!r}"
        for name in names
        if before.get(name) != now.get(name) and not may_differ(name)
    ]


def _add(entries: dict[str, Any], name: str, value: Any, names: Mapping[str, str]) -> None:
    if name in names:
        entries[name] = names[name]
    elif value is None or isinstance(value, bool | int | float | str):
        entries[name] = value
    elif isinstance(value, registry.Call):
        entries[name] = str(value)
    elif name == "pretrained":
        entries |= {f"{name}.{key}": part for key, part in _pretrained(value).items()}
    elif _is_source(value):
        entries[name] = f"{data.describe(value)} [{data.fingerprint(value)}]"
    elif isinstance(value, Mapping):
        for key, part in value.items():
            _add(entries, f"{name}.{key}", part, names)
    elif isinstance(value, tuple | list):
        for i, part in enumerate(value):
            _add(entries, f"{name}.{i}", part, names)
    else:
        _add_object(entries, name, value, names)


def _add_object(entries: dict[str, Any], name: str, value: Any, names: Mapping[str, str]) -> None:
    data_only = dataclasses.is_dataclass(value) and not any(callable(getattr(value, f.name)) for f in dataclasses.fields(value))
    call = "" if isinstance(value, strategies.Strategy) else getattr(value, "call", "")  # a strategy's fields tell all, changes too
    if call:
        entries[name] = str(call)
    elif callable(fingerprint := getattr(value, "fingerprint", None)):
        entries[name] = str(fingerprint())
    elif data_only:
        for field in dataclasses.fields(value):
            _add(entries, f"{name}.{field.name}", getattr(value, field.name), names)
    else:
        kind = type(value).__name__
        raise ValueError(
            f"{name}: a {kind} cannot describe itself, so the workdir could not tell runs apart; give Run(names={{{name!r}: 'v1'}})"
        )


def _is_source(value: Any) -> bool:
    return hasattr(value, "fields") and hasattr(value, "classes") and hasattr(value, "__getitem__")


def _pretrained(value: Any) -> dict[str, Any]:
    c = value.config
    shown = {key: getattr(c, key) for key in ("model", "head", "num_classes", "in_channels", "input_size", "mean", "std", "task")}
    described = {"weights": value.origin or "random", "new_head": value.new_head, "channel_order": c.channel_order}
    return (
        shown
        | described
        | {"crop_fraction": c.crop_fraction, "labels": data.digest(*c.labels) if c.labels else "", "tokens": c.tokenizer != ""}
    )
