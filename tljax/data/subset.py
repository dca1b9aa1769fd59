"""Views of a source: some of its examples, or some of its classes."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from tljax.data.order import permutation
from tljax.data.relabel import Relabeled
from tljax.data.source import Source, class_ids, digest, fingerprint, name_of, origin_of


@dataclass(frozen=True, eq=False)
class Subset:
    """The examples `indices` of `source`, in that order, untouched; build it with `take` or one of the functions below."""

    source: Source
    indices: np.ndarray
    note: str

    @property
    def fields(self) -> Mapping[str, str]:
        """The fields of the source."""
        return self.source.fields

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the source."""
        return tuple(self.source.classes)

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The labels of the chosen examples."""
        return None if self.source.labels is None else np.asarray(self.source.labels)[self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.source[int(self.indices[index])]

    def name(self, index: int) -> str:
        """The name of an example in the source."""
        return name_of(self.source, int(self.indices[index]))

    def fingerprint(self) -> str:
        """A hash of the source's fingerprint and of the indices."""
        return digest("subset", fingerprint(self.source), self.indices)


def take(source: Source, indices: Sequence[int] | np.ndarray, note: str = "chosen examples") -> Subset:
    """The examples `indices` (ints [n]) of a source, in that order.

    Args:
      source: N examples.
      indices: each in 0..N-1; one may come several times.
      note: the choice in words, for `describe`.

    Raises:
      ValueError: an index that the source does not have.
    """
    chosen = np.asarray(indices, np.int64).reshape(-1)
    if chosen.size and (chosen.min() < 0 or chosen.max() >= len(source)):
        raise ValueError(f"{origin_of(source)}: indices reach from {chosen.min()} to {chosen.max()}; the source has {len(source)} examples")
    return Subset(source, chosen, note)


def k_per_class(source: Source, k: int, seed: int) -> Subset:
    """`k` examples of every class, drawn by `seed`, in the source's order. With one seed, a smaller k gives a part of a larger one.

    Raises:
      ValueError: k below 1; labels of another kind than ``class``; a class with fewer than k examples, by name and count.
    """
    if k < 1:
        raise ValueError(f"k_per_class(k={k}): k must be at least 1")
    (part,) = split(source, [k], seed, per_class=True)
    return replace(part, note=f"{k} per class (seed {seed})")


def fraction(source: Source, f: float, seed: int) -> Subset:
    """``round(f * N)`` examples, every class in proportion (a class much smaller than 1/f examples may get none), 0 < f <= 1.

    Labels of other kinds than ``class`` are drawn without regard to them. With one seed, a smaller fraction is always part of a larger one.
    Raises ValueError for another f.
    """
    (part,) = split(source, [float(f)], seed)
    return replace(part, note=f"a fraction of {f:g} (seed {seed})")


def split(
    source: Source, sizes: Sequence[int | float | None], seed: int, stratified: bool = True, per_class: bool = False
) -> tuple[Subset, ...]:
    """Disjoint parts of a source, drawn by `seed`, each in the source's order.

    Args:
      source: N examples.
      sizes: one per part: an int counts examples (1 is one example), a float in (0, 1] is a fraction of N (1.0 is all), None (once) takes
        the rest. Examples that no part takes are left out.
      seed: the draw is a pure function of the seed, the labels and N.
      stratified: every class is in every part in proportion, up to rounding. Labels of other kinds than ``class`` are not regarded.
      per_class: sizes (ints or None) count examples of each class.

    Raises:
      ValueError: sizes that are no such numbers or exceed the source; with `per_class` the class is named, with its count, and labels of
        another kind than ``class`` are refused.
    """
    _check_sizes(sizes, per_class)
    if not per_class:
        by_class = stratified and source.fields.get("label") == "class" and source.labels is not None
        order = _stratified_order(source, seed) if by_class else permutation(len(source), "split", seed)
        parts = _cut(order, sizes, f"the source has {len(source)} examples")
    else:
        cut = [_cut(members, sizes, f"class {name!r} has {len(members)} examples") for name, members in _members(source, seed)]
        parts = [np.concatenate([of_class[i] for of_class in cut]) if cut else np.zeros(0, np.int64) for i in range(len(sizes))]
    note = f"{list(sizes)}{' per class' if per_class else ''} (seed {seed})"
    return tuple(take(source, np.sort(part), f"part {i} of {note}") for i, part in enumerate(parts))


def only_classes(source: Source, names_or_ids: Sequence[str | int]) -> Relabeled:
    """The examples of some classes, in the source's order, relabeled 0..n-1 in the order of `names_or_ids`; the names stay.

    Raises:
      ValueError: no class, an unknown one (with the nearest names), or one that is given twice; labels of another kind than ``class``.
    """
    ids = [_class_id(c, tuple(source.classes)) for c in names_or_ids]
    if not ids or len(set(ids)) != len(ids):
        raise ValueError(f"only_classes({list(names_or_ids)}): give at least one class, and each once")
    new_ids = np.full(len(source.classes), -1, np.int32)
    new_ids[ids] = np.arange(len(ids))
    indices = np.flatnonzero(new_ids[class_ids(source)] >= 0)
    names = tuple(source.classes[i] for i in ids)
    return Relabeled(take(source, indices, note=""), new_ids, names, f"only {', '.join(names)}")


def _class_id(name_or_id: str | int, classes: tuple[str, ...]) -> int:
    if isinstance(name_or_id, str) and name_or_id in classes:
        return classes.index(name_or_id)
    if not isinstance(name_or_id, str) and 0 <= name_or_id < len(classes):
        return int(name_or_id)
    near = difflib.get_close_matches(str(name_or_id), classes, n=3) or classes[:20]
    raise ValueError(f"no class is {name_or_id!r}; there are {len(classes)}, such as {', '.join(near)}")


def _check_sizes(sizes: Sequence[int | float | None], per_class: bool) -> None:
    if list(sizes).count(None) > 1:
        raise ValueError(f"sizes {list(sizes)}: only one part can take the rest (None)")
    for size in sizes:
        whole = isinstance(size, int | np.integer) and not isinstance(size, bool) and size >= 0
        part = isinstance(size, float) and 0 < size <= 1 and not per_class
        if size is not None and not whole and not part:
            kinds = "ints of at least 0 for each class" if per_class else "ints of at least 0, or fractions as floats in (0, 1]"
            raise ValueError(f"sizes {list(sizes)}: {size!r} is none of: {kinds}, None for the rest")


def _cut(order: np.ndarray, sizes: Sequence[int | float | None], available: str) -> list[np.ndarray]:
    exact = [size * len(order) if isinstance(size, float) else int(size or 0) for size in sizes]
    rest = len(order) - sum(exact)
    if rest < -1e-6:
        raise ValueError(f"sizes {list(sizes)} need {round(sum(exact))} examples, but {available}")
    ends = np.round(np.cumsum([rest if size is None else n for size, n in zip(sizes, exact, strict=True)])).astype(int)
    return np.split(order, ends)[: len(sizes)]


def _members(source: Source, seed: int) -> list[tuple[str, np.ndarray]]:
    """For each class ``(name, indices of its examples in the order that seed draws)``."""
    ids = class_ids(source)
    by_class = [(name, np.flatnonzero(ids == c)) for c, name in enumerate(source.classes)]
    return [(name, indices[permutation(len(indices), "class", seed, c)]) for c, (name, indices) in enumerate(by_class)]


def _stratified_order(source: Source, seed: int) -> np.ndarray:
    """All indices in an order of which every stretch holds the classes in proportion.

    Member r of a class of n has the place (r + u) / n. The offset u differs by class: with a common u, all classes of one member would have
    one place.
    """
    members = [indices for _, indices in _members(source, seed)]
    offsets = (permutation(len(members), "offset", seed) + 0.5) / max(1, len(members))
    places = np.concatenate([(np.arange(len(m)) + u) / max(1, len(m)) for m, u in zip(members, offsets, strict=True)] or [[]])
    return np.concatenate([*members, np.zeros(0, np.int64)])[np.argsort(places, kind="stable")]
