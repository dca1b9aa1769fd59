"""Encodes the labels of files as values of a declared kind; no other module looks at a label's dtype."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Classes = tuple[str, ...] | None


class Labels(NamedTuple):
    """The labels [N] or [N, K] of a source, the names of its classes (none for numbers), and the kind of the field ``label``."""

    values: np.ndarray
    classes: tuple[str, ...]
    kind: str


def encode(labels: np.ndarray, classes: Sequence[str] | None, where: str, kind: str | None = None) -> Labels:
    """The labels of a file in the form of a source's labels, with the class names and the kind.

    ================  ===============================================================  ======================  =========================
    kind              stored as                                                        becomes                 the default for
    ================  ===============================================================  ======================  =========================
    ``class``         ids [N] or [N, 1] (floats too, if they are whole), or names [N]  int32 [N]               integers or names [N]
    ``classes``       0 or 1 for each of K classes [N, K]                              float32 [N, K]          integers [N, K]
    ``distribution``  probabilities of K classes [N, K]                                float32 [N, K]          (only on request)
    ``number``        targets [N] or [N, D]                                            float32 [N] or [N, D]   floats
    ================  ===============================================================  ======================  =========================

    Args:
      labels: integers, floats or strings.
      classes: names in the order of their ids or columns; by default the ids themselves or the sorted names.
      where: the file that errors quote.
      kind: kind of the labels; None: the default for their dtype and shape.

    Raises:
      ValueError: an unknown kind, or one that the labels do not fit; ids outside the classes, unknown names, values that are not finite or
        no probabilities (names the example); another dtype or shape.
    """
    names = _class_names(classes, where)
    kind = _default_kind(labels, where) if kind is None else kind
    if kind not in _ENCODERS:
        raise ValueError(f"{where}: kind={kind!r} must be one of {', '.join(_ENCODERS)}")
    if labels.ndim == 2 and labels.shape[1] == 1 and kind in ("class", "number"):
        labels = labels[:, 0]
    return Labels(*_ENCODERS[kind](labels, names, where), kind)


def _default_kind(labels: np.ndarray, where: str) -> str:
    column = labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1)
    if column and labels.dtype.kind in "iubUSO":
        return "class"
    if labels.ndim == 2 and labels.dtype.kind in "iub":
        return "classes"
    if labels.ndim in (1, 2) and labels.dtype.kind == "f":
        return "number"
    raise ValueError(f"{where}: labels are {labels.dtype} {list(labels.shape)}; expected integers, floats or names, [N] or [N, K]")


def _class_names(classes: Sequence[str] | None, where: str) -> Classes:
    if classes is None:
        return None
    if isinstance(classes, str) or not len(classes) or len(set(classes)) != len(classes):
        raise ValueError(f"{where}: classes={classes!r} must be a non-empty list of different names")
    return tuple(str(c) for c in classes)


def _check_numbers(labels: np.ndarray, kind: str, ndims: tuple[int, ...], where: str) -> None:
    if labels.dtype.kind not in "iubf" or labels.ndim not in ndims:
        shapes = " or ".join("[N, K]" if n == 2 else "[N]" for n in ndims)
        raise ValueError(f"{where}: labels are {labels.dtype} {list(labels.shape)}; kind={kind!r} needs numbers {shapes}")


def _class_ids(labels: np.ndarray, classes: Classes, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if labels.dtype.kind in "USO" and labels.ndim == 1:
        return _ids_of_names([v.decode() if isinstance(v, bytes) else str(v) for v in labels], classes, where)
    _check_numbers(labels, "class", (1,), where)
    if labels.dtype.kind == "f" and (broken := np.flatnonzero(labels != np.floor(labels))).size:  # NaN differs from itself
        raise ValueError(f"{where}: label {labels[broken[0]]} of example {broken[0]} is no class id: kind='class' needs whole numbers")
    ids = labels.astype(np.int64)
    classes = classes or tuple(str(i) for i in range(int(ids.max(initial=-1)) + 1))
    outside = np.flatnonzero((ids < 0) | (ids >= len(classes)))
    if outside.size:
        raise ValueError(f"{where}: label {ids[outside[0]]} of example {outside[0]} is no class id (0 to {len(classes) - 1})")
    return ids.astype(np.int32), classes


def _ids_of_names(labels: list[str], classes: Classes, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    classes = classes or tuple(sorted(set(labels)))
    ids = {name: i for i, name in enumerate(classes)}
    unknown = sorted(set(labels) - set(ids))
    if unknown:
        raise ValueError(f"{where}: {', '.join(map(repr, unknown[:5]))} not among the classes {', '.join(map(repr, classes[:20]))}")
    return np.array([ids[name] for name in labels], np.int32), classes


def _flags(labels: np.ndarray, classes: Classes, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    _check_numbers(labels, "classes", (2,), where)
    classes = classes or tuple(str(i) for i in range(labels.shape[1]))
    broken = np.flatnonzero(((labels != 0) & (labels != 1)).any(axis=1))
    if broken.size or len(classes) != labels.shape[1]:
        raise ValueError(
            f"{where}: labels {list(labels.shape)} must be 0 or 1 for {len(classes)} classes"
            + (f"; example {broken[0]} is {labels[broken[0]].tolist()}" if broken.size else "")
        )
    return labels.astype(np.float32), classes


def _distributions(labels: np.ndarray, classes: Classes, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    _check_numbers(labels, "distribution", (2,), where)
    classes = classes or tuple(str(i) for i in range(labels.shape[1]))
    if len(classes) != labels.shape[1]:
        raise ValueError(f"{where}: labels {list(labels.shape)} must be probabilities of {len(classes)} classes")
    values = labels.astype(np.float64)
    broken = np.flatnonzero(~((values >= 0).all(axis=1) & (np.abs(values.sum(axis=1) - 1) <= 1e-3)))  # also of NaN
    if broken.size:
        row = values[broken[0]]
        raise ValueError(
            f"{where}: the label of example {broken[0]} is {row[:10].tolist()}, which sums to {row.sum():g}; kind='distribution' needs "
            "probabilities of at least 0 that sum to 1"
        )
    return values.astype(np.float32), classes


def _numbers(labels: np.ndarray, classes: Classes, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    _check_numbers(labels, "number", (1, 2), where)
    if classes is not None:
        raise ValueError(
            f"{where}: labels are {labels.dtype}, of kind 'number', which has no classes; leave out classes=, give integers or names, "
            "or say kind='classes' or 'distribution'"
        )
    broken = np.flatnonzero(~np.isfinite(labels).all(axis=tuple(range(1, labels.ndim))))
    if broken.size:
        raise ValueError(f"{where}: the label of example {broken[0]} is not finite")
    return labels.astype(np.float32), ()


_ENCODERS: dict[str, Callable[[np.ndarray, Classes, str], tuple[np.ndarray, tuple[str, ...]]]] = {
    "class": _class_ids,
    "classes": _flags,
    "distribution": _distributions,
    "number": _numbers,
}
