"""Labels as they are found in files, turned into class ids or float targets."""

from collections.abc import Sequence

import numpy as np


def encode(labels: np.ndarray, classes: Sequence[str] | None, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The labels in the form that sources give, with the class names.

    Integers [N] or [N, 1] are class ids and names [N] are looked up (sorted, where `classes` is not given): int32 [N]. Integers [N, K] are
    K yes/no labels: float32 [N, K]. Floats [N] or [N, K] are regression targets: float32, no classes.

    Args:
      labels: integers, floats or strings.
      classes: names in the order of their ids; by default the ids themselves or the sorted names.
      where: the file that errors quote.

    Raises:
      ValueError: ids outside the classes, unknown names, floats that are not finite, another dtype or shape.
    """
    names = _class_names(classes, where)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind in "USO" and labels.ndim == 1:
        return _from_names([v.decode() if isinstance(v, bytes) else str(v) for v in labels], names, where)
    if labels.dtype.kind in "iub" and labels.ndim == 1:
        return _from_ids(labels, names, where)
    if labels.dtype.kind in "iub" and labels.ndim == 2:
        return _from_flags(labels, names, where)
    if labels.dtype.kind == "f" and labels.ndim in (1, 2):
        return _from_floats(labels, names, where)
    raise ValueError(f"{where}: labels are {labels.dtype} {list(labels.shape)}; wanted are integers, floats or names, [N] or [N, K]")


def _class_names(classes: Sequence[str] | None, where: str) -> tuple[str, ...] | None:
    if classes is None:
        return None
    if isinstance(classes, str) or not classes or len(set(classes)) != len(classes):
        raise ValueError(f"{where}: classes={classes!r} must be a non-empty list of different names")
    return tuple(str(c) for c in classes)


def _from_names(labels: list[str], classes: tuple[str, ...] | None, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    classes = classes or tuple(sorted(set(labels)))
    ids = {name: i for i, name in enumerate(classes)}
    unknown = sorted(set(labels) - set(ids))
    if unknown:
        raise ValueError(f"{where}: {', '.join(map(repr, unknown[:5]))} not among the classes {', '.join(map(repr, classes[:20]))}")
    return np.array([ids[name] for name in labels], np.int32), classes


def _from_ids(labels: np.ndarray, classes: tuple[str, ...] | None, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    ids = labels.astype(np.int64)
    classes = classes or tuple(str(i) for i in range(int(ids.max(initial=-1)) + 1))
    wrong = np.flatnonzero((ids < 0) | (ids >= len(classes)))
    if wrong.size:
        raise ValueError(f"{where}: label {ids[wrong[0]]} of example {wrong[0]} is no class id (0 to {len(classes) - 1})")
    return ids.astype(np.int32), classes


def _from_flags(labels: np.ndarray, classes: tuple[str, ...] | None, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    classes = classes or tuple(str(i) for i in range(labels.shape[1]))
    wrong = np.flatnonzero(((labels != 0) & (labels != 1)).any(axis=1))
    if wrong.size or len(classes) != labels.shape[1]:
        raise ValueError(
            f"{where}: labels {list(labels.shape)} must be 0 or 1 for {len(classes)} classes"
            + (f"; example {wrong[0]} is {labels[wrong[0]].tolist()}" if wrong.size else "")
        )
    return labels.astype(np.float32), classes


def _from_floats(labels: np.ndarray, classes: tuple[str, ...] | None, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if classes is not None:
        raise ValueError(f"{where}: labels are {labels.dtype}; where classes are given, labels must be integers or names")
    wrong = np.flatnonzero(~np.isfinite(labels).all(axis=tuple(range(1, labels.ndim))))
    if wrong.size:
        raise ValueError(f"{where}: the label of example {wrong[0]} is not finite")
    return labels.astype(np.float32), ()
