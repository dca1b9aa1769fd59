"""Numbers from counts of right and wrong answers, in float64."""

import numpy as np


def standard_error(accuracy: float, n: int) -> float:
    """``sqrt(a (1 - a) / n)`` of an accuracy a measured on n examples (Wald). Raises ValueError if n < 1."""
    if n < 1:
        raise ValueError(f"a standard error needs at least one example, found n={n}")
    return float(np.sqrt(accuracy * (1 - accuracy) / n))


def confusion(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """The confusion matrix `[C, C]`, int64: row = true class, column = predicted class, from two `[N]` integer arrays.

    Raises:
      ValueError: no examples; different lengths; a value out of range (names the index).
    """
    columns, rows = _classes(predicted, num_classes, "predicted"), _classes(labels, num_classes, "labels")
    if len(columns) != len(rows):
        raise ValueError(f"expected one prediction per label, found {len(columns)} predictions for {len(rows)} labels")
    pairs = np.bincount(rows * num_classes + columns, minlength=num_classes**2)
    return pairs.reshape(num_classes, num_classes).astype(np.int64)


def ratios(part: np.ndarray, whole: np.ndarray) -> list[float | None]:
    """``part / whole`` of each class, None if `whole` is 0."""
    return [float(p / w) if w else None for p, w in zip(part, whole, strict=True)]


def mean_of_present(values: list[float | None]) -> float:
    """The mean of the values that are not None. Raises ValueError if all are None."""
    present = [value for value in values if value is not None]
    if not present:
        raise ValueError("no class is present, so there is no mean over the classes")
    return float(np.mean(present))


def _classes(values: np.ndarray, num_classes: int, name: str) -> np.ndarray:
    ids = np.asarray(values)
    if not ids.size:
        raise ValueError(f"{name}: there are no examples to measure")
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(f"{name}: expected integers [N], found {ids.dtype} of shape {ids.shape}")
    outside = np.flatnonzero((ids < 0) | (ids >= num_classes))
    if outside.size:
        raise ValueError(f"{name}: the value {ids[outside[0]]} at index {outside[0]} is not in 0..{num_classes - 1} ({outside.size} such)")
    return ids.astype(np.int64)
