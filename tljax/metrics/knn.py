"""Accuracy of nearest neighbors, for models without a head."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tljax.metrics.checks import check_finite, statistics_of
from tljax.metrics.counts import confusion, mean_of_present, ratios
from tljax.metrics.metric import Metric, register

BLOCK = 2**22
"""At most so many similarities at a time (16 MiB), however large the split."""


@register
def knn(k: int = 5) -> Metric:
    """Leave-one-out accuracy of the k nearest neighbors by cosine among the features `[B, D]` of a split; labels `[B, C]`, or ids `[B]`.

    Each example takes the most frequent class of its k nearest others (Wu et al. 2018, section 3.4, with equal weights). Equally frequent
    classes are ordered by the sum of their similarities, equally near neighbors by their index. In a split of N <= k examples all N - 1
    others vote. Features are ``forward(batch, stop="head").features``, so no head is needed.

    Numbers: `accuracy`, `balanced_accuracy` and `per_class`, the recalls (None where the split has none of a class).

    Args:
      k: number of neighbors that vote.

    Raises:
      ValueError: k < 1; when traced, other shapes; from `host`, fewer than two examples.
      NotFinite: from `host`, features that are not finite (names the index).
    """
    if k < 1:
        raise ValueError(f"knn: expected k of at least 1, found {k}")
    return Metric(_rows, lambda streams: _numbers(statistics_of(streams), k), ("accuracy", 1.0))


def _rows(forward: Callable[..., Any], batch: Mapping[str, Any]) -> dict[str, jax.Array]:
    features, labels = forward(batch, stop="head").features, batch["label"]
    if getattr(features, "ndim", 0) != 2 or labels.ndim not in (1, 2):
        raise ValueError(f"knn: expected features [B, D] and labels [B, C], found {getattr(features, 'shape', None)} and {labels.shape}")
    ids = (labels if labels.ndim == 1 else labels.argmax(-1)).astype(jnp.int32)
    classes = ids + 1 if labels.ndim == 1 else jnp.full(len(labels), labels.shape[1], jnp.int32)
    return {"features": features.astype(jnp.float32), "label": ids, "classes": classes}


def _numbers(rows: Mapping[str, np.ndarray], k: int) -> dict[str, Any]:
    features, labels, num_classes = np.asarray(rows["features"], np.float32), np.asarray(rows["label"]), int(rows["classes"].max(initial=0))
    check_finite(np.isfinite(features).all(axis=1), "features")
    if len(features) < 2:
        raise ValueError("knn: expected at least two examples, found one, which has no neighbor")
    votes = [_vote(near, labels[index], num_classes) for near, index in _neighbors(features, min(k, len(features) - 1))]
    matrix = confusion(np.concatenate(votes), labels, num_classes)
    recalls = ratios(np.diag(matrix), matrix.sum(axis=1))
    return {"accuracy": float(np.trace(matrix) / matrix.sum()), "balanced_accuracy": mean_of_present(recalls), "per_class": recalls}


def _neighbors(features: np.ndarray, k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each block of examples ``(similarities, indices)`` of the k nearest others, `[block, k]` each."""
    largest = np.abs(features).max(axis=1, keepdims=True)  # divided out first, as the squares of a norm may leave float32's range
    unit = features / np.where(largest > 0, largest, 1)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), np.float32(1e-30))
    block = max(1, BLOCK // len(unit))
    for first in range(0, len(unit), block):
        similarity = unit[first : first + block] @ unit.T
        rows = np.arange(len(similarity))
        similarity[rows, first + rows] = -np.inf
        kth_largest = -np.partition(-similarity, k - 1, axis=1)[:, k - 1 : k]
        nearer, tied = similarity > kth_largest, similarity == kth_largest
        chosen = nearer | (tied & (tied.cumsum(axis=1, dtype=np.int32) <= k - nearer.sum(axis=1, keepdims=True)))
        index = np.nonzero(chosen)[1].reshape(-1, k)
        yield np.take_along_axis(similarity, index, axis=1), index


def _vote(similarities: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """The most frequent class of each row of neighbors `[block, k]`."""
    k = labels.shape[1]
    votes = np.zeros((len(labels), num_classes))
    # The similarities of k neighbors differ by less than 2 k + 1: they order equal counts and no others.
    np.add.at(votes, (np.arange(len(labels))[:, None], labels), 1 + similarities / (2 * k + 1))
    return votes.argmax(axis=1)
