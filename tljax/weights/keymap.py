"""`Keymap`: one family's table from a checkpoint's names to our paths, and the transforms between the two layouts."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tljax.registry import Registry
from tljax.weights.config import PretrainedConfig

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Transform:
    """A change of layout as a pair: `forward` takes the file's array to ours, `backward` takes ours to the file's."""

    name: str
    ndim: int | None
    forward: Callable[[np.ndarray], np.ndarray]
    backward: Callable[[np.ndarray], np.ndarray]


def _transposed(name: str, axes: tuple[int, ...]) -> Transform:
    back = tuple(int(i) for i in np.argsort(axes))
    return Transform(name, len(axes), lambda a: a.transpose(axes), lambda a: a.transpose(back))


IDENTITY = Transform("", None, lambda a: a, lambda a: a)
CONV = _transposed("conv OIHW -> HWIO", (2, 3, 1, 0))
LINEAR = _transposed("linear [out, in] -> [in, out]", (1, 0))


@dataclass(frozen=True)
class Keymap:
    r"""One family of checkpoints.

    Attributes:
      family: its name.
      rules: regex over the file's whole name -> (path template, transform); the template refers to groups as in `re.Match.expand`, and
        begins with ``params/`` or ``batch_stats/``. First match wins. In a regex everything but its groups is a literal (``\.`` for a
        dot) and groups do not nest: so each rule also reads backwards (`file_name`).
      infer: the file's names and shapes -> the fields `model`, `num_classes`, `in_channels` of its `PretrainedConfig`; 0 classes: the
        file has no head. Raises ValueError saying what differs where the names fit and the architecture does not.
      config: these fields -> the config assumed where none lies beside the file.
      ignored: regexes of names that hold nothing of ours.
    """

    family: str
    rules: Mapping[str, tuple[str, Transform]]
    infer: Callable[[Shapes], dict[str, Any]]
    config: Callable[[dict[str, Any]], PretrainedConfig]
    ignored: tuple[str, ...] = ()


keymaps = Registry("key table")
"""The families by name; one file of `keymaps/` registers one factory ``() -> Keymap``."""


@dataclass(frozen=True)
class Translation:
    """File names sorted by what a keymap says of them: `known` maps name -> (path, transform)."""

    known: dict[str, tuple[str, Transform]]
    ignored: tuple[str, ...]
    unknown: tuple[str, ...]


def translate(keymap: Keymap, names: Iterable[str]) -> Translation:
    """Apply the table to a file's names."""
    known: dict[str, tuple[str, Transform]] = {}
    ignored: list[str] = []
    unknown: list[str] = []
    for name in names:
        for regex, (template, transform) in keymap.rules.items():
            if match := re.fullmatch(regex, name):
                known[name] = (match.expand(template), transform)
                break
        else:
            (ignored if any(re.fullmatch(regex, name) for regex in keymap.ignored) else unknown).append(name)
    return Translation(known, tuple(ignored), tuple(unknown))


def file_name(keymap: Keymap, path: str) -> str | None:
    """The name that `path` has in a file of this family, or None where the table does not lead there."""
    for regex, (template, _) in keymap.rules.items():
        groups = re.findall(r"\(([^()]*)\)", regex)
        path_regex = re.sub(r"\\\\(\d)", lambda m: f"(?P<g{m[1]}>{groups[int(m[1]) - 1]})", re.escape(template))  # noqa: B023
        numbers = iter(range(1, len(groups) + 1))
        name_template = re.sub(r"\([^()]*\)", lambda _: f"\\g<g{next(numbers)}>", regex).replace("\\.", ".")  # noqa: B023
        if match := re.fullmatch(path_regex, path):
            name = match.expand(name_template)
            if re.fullmatch(regex, name):
                return name
    return None
