"""The metrics that fit a task's labels, and the one number that selection compares."""

from typing import Any

import numpy as np

from tljax.evaluate import metrics, tokens

SCORES = {"accuracy": 1.0, "mean_average_precision": 1.0, "mse": -1.0, "f1": 1.0}
"""What selection looks at, with its sign: the first that a task has."""


def measure(logits: Any, labels: np.ndarray) -> dict[str, Any]:
    """The metrics of a whole split.

    Args:
      logits: `[N, C]`; of tokens `[N, T, C]`; of spans ``{"start": [N, T], "end": [N, T]}``.
      labels: integers `[N]`: `metrics.classification`; `[N, C]` of nothing but 0 and 1: `metrics.multilabel`; other floats:
        `metrics.regression`; integers `[N, T]` of tokens: `tokens.tagging`; `[N, 2]` of spans: `tokens.spans`.

    Raises:
      ValueError: as these do.
    """
    if isinstance(logits, dict):
        return dict(tokens.spans(logits, labels))
    if logits.ndim == 3:
        return tokens.tagging(logits, labels)
    if labels.ndim == 2 and np.isin(labels, (0, 1)).all():
        return dict(metrics.multilabel(logits, labels))
    if labels.dtype.kind == "f":
        return dict(metrics.regression(logits.reshape(labels.shape), labels))
    return metrics.classification(logits, labels, logits.shape[-1])


def score(measured: dict[str, Any]) -> float:
    """The number to select by, larger is better: accuracy, mean average precision, minus the mean squared error, or F1."""
    name = next(name for name in SCORES if name in measured)
    return SCORES[name] * float(measured[name])


def standard_error(accuracy: float, n: int) -> float:
    """``sqrt(a (1 - a) / n)`` of an accuracy a measured on n examples (Wald)."""
    return float(np.sqrt(accuracy * (1 - accuracy) / n))
