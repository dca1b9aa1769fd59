"""Accuracy: each example has one class."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tljax.metrics.checks import check_finite, check_shapes, statistics_of
from tljax.metrics.counts import confusion, mean_of_present, ratios
from tljax.metrics.metric import Metric, register


@register
def accuracy() -> Metric:
    """Accuracy, loss and recalls of logits `[B, C]` against labels `[B, C]` that are 1 at the class and 0 elsewhere.

    With ``log p_c = z_c - log sum_k exp z_k`` and the label y of an example:

    - `accuracy`: the share of examples whose largest logit (the first of equals) is the label's;
    - `loss`: the mean of ``-log p_y``, in nats;
    - `per_class`: the recall of each class, None where the split has none of it; `balanced_accuracy`: their mean;
    - `top5`, where C > 5: the share whose label is among the five largest logits, equals counted against the model.

    The statistics of an example are scalars: `predicted`, `label`, `nll`, `rank` (the number of logits that are at least the label's,
    itself included), `probability` of the predicted class, `classes` (C) and `finite`.

    Raises:
      ValueError: when traced, other shapes; from `host`, no examples.
      NotFinite: from `host`, a logit that is not finite (names the index).
    """
    return Metric(_rows, lambda streams: _numbers(statistics_of(streams)), ("accuracy", 1.0))


def most_wrong(rows: Mapping[str, np.ndarray], classes: Sequence[str], limit: int = 25) -> list[dict[str, Any]]:
    """The most confidently wrong examples, the worst first; empty if all are right.

    Args:
      rows: the gathered statistics of `accuracy`, `[N]` each.
      classes: the C class names.
      limit: at most this many.

    Returns:
      ``{"index": n, "true": name, "predicted": name, "probability": of the predicted class}``.
    """
    predicted, labels, probability = (np.asarray(rows[name]) for name in ("predicted", "label", "probability"))
    missed = np.flatnonzero(predicted != labels)
    worst = missed[np.argsort(-probability[missed], kind="stable")][:limit]
    return [
        {"index": int(n), "true": classes[labels[n]], "predicted": classes[predicted[n]], "probability": float(probability[n])}
        for n in worst
    ]


def _rows(forward: Callable[..., Any], batch: Mapping[str, Any]) -> dict[str, jax.Array]:
    logits = forward(batch).logits
    check_shapes(logits, batch["label"], "[B, C]")
    logits = logits.astype(jnp.float32)
    label = batch["label"].argmax(-1)
    of_label = jnp.take_along_axis(logits, label[:, None], axis=-1)
    normalizer = jax.nn.logsumexp(logits, axis=-1)
    return {
        "predicted": logits.argmax(-1).astype(jnp.int32),
        "label": label.astype(jnp.int32),
        "nll": normalizer - of_label[:, 0],
        "rank": (logits >= of_label).sum(-1).astype(jnp.int32),
        "probability": jnp.exp(logits.max(-1) - normalizer),
        "classes": jnp.full(label.shape, logits.shape[-1], jnp.int32),
        "finite": jnp.isfinite(logits).all(-1),
    }


def _numbers(rows: Mapping[str, np.ndarray]) -> dict[str, Any]:
    check_finite(rows["finite"])
    num_classes = int(rows["classes"][0])
    matrix = confusion(rows["predicted"], rows["label"], num_classes)
    recalls = ratios(np.diag(matrix), matrix.sum(axis=1))
    numbers: dict[str, Any] = {
        "accuracy": float(np.trace(matrix) / matrix.sum()),
        "loss": float(np.mean(rows["nll"], dtype=np.float64)),
        "balanced_accuracy": mean_of_present(recalls),
        "per_class": recalls,
    }
    return {**numbers, "top5": float(np.mean(rows["rank"] <= 5))} if num_classes > 5 else numbers
