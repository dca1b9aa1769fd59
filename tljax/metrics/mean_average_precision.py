"""Mean average precision: each example has any number of classes."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn import metrics as sk

from tljax.metrics.checks import check_finite, check_shapes, statistics_of
from tljax.metrics.counts import mean_of_present
from tljax.metrics.metric import Metric, register


@register
def mean_average_precision() -> Metric:
    """Mean average precision of logits z `[B, C]` against labels y `[B, C]` of 0 and 1, one for each of C independent classes.

    - `per_class`: average precision ``sum_k (R_k - R_{k-1}) P_k`` over falling thresholds, None for a class that never holds;
      `mean_average_precision`: its mean over the classes that do;
    - `micro_f1`, `macro_f1`: F1 where z > 0 (probability above one half) predicts a class: of all entries pooled, and the mean over the
      classes that hold at least once;
    - `exact_match`: the share of examples with every class right;
    - `loss`: the mean over all entries of ``log(1 + exp z) - y z``, in nats.

    Raises:
      ValueError: when traced, other shapes; from `host`, no examples, a label other than 0 and 1, or no class that ever holds.
      NotFinite: from `host`, a logit that is not finite (names the index).
    """
    return Metric(_rows, lambda streams: _numbers(statistics_of(streams)), ("mean_average_precision", 1.0))


def _rows(forward: Callable[..., Any], batch: Mapping[str, Any]) -> dict[str, jax.Array]:
    logits, labels = forward(batch).logits, batch["label"]
    check_shapes(logits, labels, "[B, C]")
    return {"logits": logits.astype(jnp.float32), "labels": labels.astype(jnp.float32)}


def _numbers(rows: Mapping[str, np.ndarray]) -> dict[str, Any]:
    logits, labels = np.asarray(rows["logits"], np.float64), np.asarray(rows["labels"])
    check_finite(np.isfinite(logits).all(axis=1))
    _check_binary(labels)
    truth, predicted = labels.astype(np.int64), (logits > 0).astype(np.int64)
    present = np.flatnonzero(truth.any(axis=0))
    if not present.size:
        raise ValueError("no class holds for any example, so precision and recall are not defined; measure on examples that have some")
    precisions: list[float | None] = [None] * truth.shape[1]
    for c in present:
        precisions[c] = float(sk.average_precision_score(truth[:, c], logits[:, c]))
    return {
        "mean_average_precision": mean_of_present(precisions),
        "micro_f1": float(sk.f1_score(truth.ravel(), predicted.ravel(), zero_division=0)),
        "macro_f1": float(np.mean([sk.f1_score(truth[:, c], predicted[:, c], zero_division=0) for c in present])),
        "exact_match": float((predicted == truth).all(axis=1).mean()),
        "loss": float((np.logaddexp(0, logits) - truth * logits).mean()),
        "per_class": precisions,
    }


def _check_binary(labels: np.ndarray) -> None:
    other = np.flatnonzero(~np.isin(labels, (0, 1)).all(axis=1))
    if other.size:
        raise ValueError(f"labels: expected 0 and 1, found {labels[other[0]].tolist()} at index {other[0]}")
