"""Changes of a config by the names of its fields: ``{"optim.lr": 3e-3, "strategy": "probe"}``."""

import copy
import dataclasses
import difflib
import typing
from collections.abc import Mapping
from typing import Any

from experiments.config import Config


def changed(config: Config, overrides: Mapping[str, Any]) -> Config:
    """A copy of `config` with other values; an int becomes a float and a list a tuple where the field is one.

    Raises:
      ValueError: an unknown field, with near names; a value of another type than the field's.
    """
    copied, kinds = copy.deepcopy(config), fields(Config)
    for name, value in overrides.items():
        if name not in kinds:
            raise ValueError(f"config has no field {name!r}{_near(str(name), list(kinds))}")
        holder, last = _holder(copied, name)
        setattr(holder, last, _typed(name, value, kinds[name]))
    return copied


def value(config: Config, name: str) -> Any:
    """The value of a field."""
    holder, last = _holder(config, name)
    return getattr(holder, last)


def fields(kind: type, prefix: str = "") -> dict[str, Any]:
    """``{"optim.lr": float, ...}``: the fields of a dataclass and of the dataclasses in it, with their types."""
    found: dict[str, Any] = {}
    for name, of in typing.get_type_hints(kind).items():
        found |= fields(of, f"{prefix}{name}.") if dataclasses.is_dataclass(of) else {prefix + name: of}  # type: ignore[arg-type]  # a class
    return found


def _holder(config: Config, name: str) -> tuple[Any, str]:
    *parents, last = name.split(".")
    holder: Any = config
    for parent in parents:
        holder = getattr(holder, parent)
    return holder, last


def _typed(name: str, given: Any, kind: Any) -> Any:
    origin = typing.get_origin(kind) or kind
    if origin is tuple and isinstance(given, list | tuple):
        return tuple(_typed(name, item, typing.get_args(kind)[0]) for item in given)
    if origin is float and type(given) is int:
        return float(given)
    if type(given) is not origin:
        wanted = kind.__name__ if isinstance(kind, type) and origin is kind else str(kind)
        raise ValueError(f"config.{name}={given!r}: the field takes {wanted}")
    return given


def _near(name: str, known: list[str]) -> str:
    by_last = [k for k in known if k.split(".")[-1] == name.split(".")[-1]]
    inside = [k for k in known if k.startswith(f"{name}.")]
    near = (by_last or inside or difflib.get_close_matches(name, known, cutoff=0.5))[:3]
    return f"; did you mean {' or '.join(near)}?" if near else ""
