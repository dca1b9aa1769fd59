"""Training, validation and test data; parts of one source are disjoint."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tljax import data


@dataclasses.dataclass
class Splits:
    """Training, validation and test data.

    Attributes:
      source: call expression of `tljax.data.create`, such as ``folder('flowers', split='train')``.
      streams: more sources to train on, by name, such as ``{"target": "folder('sketch')"}``; `source` is then the stream ``source``. The
        share `val_share` of each is drawn for validation.
      val: source of the validation examples; empty: drawn from `source`.
      test: source of the test examples; empty: drawn from `source`, the same ones for every seed.
      classes: names of the classes to keep; empty: all.
      parts: sizes of disjoint parts into which the source is first split by a fixed draw; empty: it stays whole.
      part: index of the part that is used.
      per_class: labeled training examples per class; 0: all that are left.
      val_per_class: validation examples per class, if `val` is empty; 0: the share `val_share` instead.
      val_share: share of the source drawn for validation.
      test_size: number (>= 1) or share (< 1) of the source's examples set aside for the test, if `test` is empty.
      invert: domain shift: replace x in [0, 1] by ``1 - x``.
      noise: domain shift: standard deviation of the normal noise added to x in [0, 1].
      rotate: domain shift: rotation in degrees.
    """

    source: str = "digits"
    streams: dict[str, str] = dataclasses.field(default_factory=dict)
    val: str = ""
    test: str = ""
    classes: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()
    part: int = 0
    per_class: int = 0
    val_per_class: int = 0
    val_share: float = 0.2
    test_size: float = 0.2
    invert: bool = False
    noise: float = 0.0
    rotate: float = 0.0


def make(s: Splits, seed: int) -> tuple[Any, Any, data.Source]:
    """Make ``(train, val, test)``; with several streams, `train` and `val` are mappings of sources.

    The test part does not depend on the seed.

    Raises:
      ValueError, KeyError, FileNotFoundError: an error of a source; an empty split, by its name.
    """
    rest = _source(s, s.source)
    if s.test:
        test = _like(rest, _source(s, s.test), s.test)
    else:
        size = int(s.test_size) if s.test_size >= 1 else float(s.test_size)
        test, rest = data.split(rest, [size, None], seed=0)
    if s.val:
        val = _like(rest, _source(s, s.val), s.val)
        train = data.k_per_class(rest, s.per_class, seed) if s.per_class else rest
    elif s.val_per_class:
        val, train = data.split(rest, [s.val_per_class, s.per_class or None], seed, per_class=True)
    else:
        val, train = data.split(rest, [float(s.val_share), None], seed)
        train = data.k_per_class(train, s.per_class, seed) if s.per_class else train
    for name, source in {"train": train, "val": val, "test": test}.items():
        if not len(source):
            raise ValueError(f"the {name} split of {s.source} is empty; look at config.data")
    return (*_with_streams(s, train, val, seed), test) if s.streams else (train, val, test)


def _with_streams(s: Splits, train: data.Source, val: data.Source, seed: int) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    trained, validated = {"source": train}, {"source": val}
    for name, expression in s.streams.items():
        if name == "source":
            raise ValueError("data.streams: 'source' is data.source; give the further stream another name, such as target")
        validated[name], trained[name] = data.split(data.create(expression), [float(s.val_share), None], seed)
    return trained, validated


def _source(s: Splits, expression: str) -> data.Source:
    source = data.create(expression)
    if s.classes:
        source = data.only_classes(source, s.classes)
    if s.parts:
        if not 0 <= s.part < len(s.parts):
            raise ValueError(f"data.part={s.part}: there are {len(s.parts)} parts")
        if sum(s.parts) > len(source):
            raise ValueError(f"data.parts={s.parts} needs {sum(s.parts)} examples, {expression} has {len(source)}")
        source = data.split(source, list(s.parts), seed=0)[s.part]
    if s.invert or s.noise or s.rotate:
        source = data.distort(source, s.invert, s.noise, s.rotate)
    return source


def _like(source: data.Source, other: data.Source, expression: str) -> data.Source:
    """`other` with its labels numbered as in `source`."""
    try:
        return data.relabel(other, tuple(source.classes)) if source.classes else other
    except ValueError as e:
        raise ValueError(f"{expression}: {e}") from None
