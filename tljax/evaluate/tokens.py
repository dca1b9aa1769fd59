"""Metrics of models that answer for tokens: a class for each, or a span of the text."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tljax.evaluate import metrics


def tagging(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """`metrics.classification` over all tokens whose label is not negative.

    Args:
      logits: `[N, T, C]`.
      labels: integers `[N, T]`.

    Raises:
      ValueError: shapes that do not fit, no token that counts, and as `metrics.classification`.
    """
    if logits.ndim != 3 or labels.shape != logits.shape[:2]:
        raise ValueError(f"logits {logits.shape} and labels {labels.shape}: wanted are [N, T, C] and [N, T]")
    counted = labels >= 0
    return metrics.classification(logits[counted], labels[counted], logits.shape[-1])


def spans(logits: Mapping[str, np.ndarray], labels: np.ndarray) -> dict[str, float]:
    """How well answer spans are found; the prediction is ``argmax start[s] + end[e]`` over ``s <= e``.

    exact_match = the share of examples with both ends right; f1 = the mean of ``2 |both| / (|predicted| + |wanted|)`` in tokens (Rajpurkar
    et al. 2016, section 6.1). An example with a negative label (the answer was cut off) counts as missed.

    Args:
      logits: ``{"start", "end"}``, `[N, T]`, finite where tokens are real.
      labels: integers `[N, 2]`, the first and the last token.

    Raises:
      ValueError: no examples; shapes that do not fit; a logit that is NaN.
    """
    start, end = (np.asarray(logits[name], np.float64) for name in ("start", "end"))
    if start.shape != end.shape or start.ndim != 2 or labels.shape != (len(start), 2) or not start.size:
        raise ValueError(f"start {start.shape}, end {end.shape}, labels {labels.shape}: wanted are [N, T], [N, T] and [N, 2], not empty")
    if np.isnan(start).any() or np.isnan(end).any():
        raise ValueError("start or end: a logit is NaN")
    # the best start up to each end, then the best end
    best = np.maximum.accumulate(start, axis=1)
    last = (best + end).argmax(axis=1)
    first = np.array([row[: e + 1].argmax() for row, e in zip(start, last, strict=True)])
    shared = np.minimum(last, labels[:, 1]) - np.maximum(first, labels[:, 0]) + 1
    sizes = (last - first + 1) + (labels[:, 1] - labels[:, 0] + 1)
    known = (labels >= 0).all(axis=1)
    f1 = np.where(known, 2 * np.maximum(shared, 0) / np.maximum(sizes, 1), 0.0)
    exact = known & (first == labels[:, 0]) & (last == labels[:, 1])
    return {"exact_match": float(exact.mean()), "f1": float(f1.mean())}
