"""Overrides of a dataclass by the names of its fields: ``{"optim.lr": 3e-3, "strategy": "linear_probe"}``."""

import dataclasses
import difflib
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def apply(base: T, changes: Mapping[str, Any]) -> T:
    """Copy `base` with other values, converting an int to a float and a list to a tuple where the field has that type.

    Args:
      base: a dataclass, such as a `Run` or a recipe.
      changes: ``{"optim.lr": 3e-3}``; a dot leads into a dataclass within.

    Raises:
      ValueError: an unknown field, with near names; a value of another type than the field's.
    """
    kinds = field_types(type(base))
    for name, value in changes.items():
        if name not in kinds:
            raise ValueError(f"there is no field {name!r}{_near(str(name), list(kinds))}")
        base = _replaced(base, name.split("."), _typed(name, value, kinds[name]))
    return base


def value(base: Any, name: str) -> Any:
    """The value of the field `name`, such as ``"optim.lr"``."""
    for part in name.split("."):
        base = getattr(base, part)
    return base


def field_types(kind: type, prefix: str = "") -> dict[str, Any]:
    """``{"optim.lr": float, ...}``: the fields of a dataclass and of the dataclasses in it, with their types."""
    kinds: dict[str, Any] = {}
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        inner, name = hints[field.name], prefix + field.name
        kinds |= field_types(inner, f"{name}.") if dataclasses.is_dataclass(inner) and name != "pretrained" else {name: inner}  # type: ignore[arg-type]
    return kinds


def _replaced(holder: Any, path: list[str], value: Any) -> Any:
    first, *rest = path
    return dataclasses.replace(holder, **{first: _replaced(getattr(holder, first), rest, value) if rest else value})


def _typed(name: str, value: Any, kind: Any) -> Any:
    origin = typing.get_origin(kind) or kind
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_typed(name, item, typing.get_args(kind)[0]) for item in value)
    if origin is float and type(value) is int:
        return float(value)
    if origin in (bool, int, float, str, tuple, dict) and type(value) is not origin:
        expected = kind.__name__ if isinstance(kind, type) and origin is kind else str(kind)
        raise ValueError(f"{name}={value!r}: the field takes {expected}")
    return value


def _near(name: str, fields: list[str]) -> str:
    by_last = [field for field in fields if field.split(".")[-1] == name.split(".")[-1]]
    inside = [field for field in fields if field.startswith(f"{name}.")]
    near = (by_last or inside or difflib.get_close_matches(name, fields, cutoff=0.5))[:3]
    return f"; did you mean {' or '.join(near)}?" if near else ""
