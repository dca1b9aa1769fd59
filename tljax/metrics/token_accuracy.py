"""Accuracy over tokens: each token has one class or is ignored."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tljax.metrics.checks import check_counted, check_positions, check_sums, statistics_of
from tljax.metrics.counts import mean_of_present, ratios
from tljax.metrics.metric import Metric, register


@register
def token_accuracy() -> Metric:
    """Accuracy, loss and recalls of logits `[B, T, C]` against labels `[B, T]`; a token with a negative label does not count.

    Only sums of size C leave the device, neither logits nor tokens. Over all tokens that count:

    - `accuracy`: the share whose largest logit (the first of equals) is the label's; `loss`: the mean of ``-log p_label``, in nats;
    - `per_class`: the recall of each class, None where the split has none of it; `balanced_accuracy`: their mean;
    - `macro_f1`: the mean over the classes that the labels have of ``2 hits / (support + predicted)``.

    Raises:
      ValueError: when traced, other shapes; from `host`, no token that counts, or a label that is no class.
      NotFinite: from `host`, logits of a token that counts which are not finite.
    """
    return Metric(_rows, lambda streams: _numbers(statistics_of(streams)), ("accuracy", 1.0), sums=True)


def _rows(forward: Callable[..., Any], batch: Mapping[str, Any]) -> dict[str, jax.Array]:
    logits, labels = forward(batch).logits, batch["label"]
    check_positions(logits, labels, "[B, T]")
    logits, labels = logits.astype(jnp.float32), labels.astype(jnp.int32)
    num_classes = logits.shape[-1]
    counted = (labels >= 0) & (labels < num_classes)
    label, predicted = jnp.where(counted, labels, 0), logits.argmax(-1)
    nll = jax.nn.logsumexp(logits, axis=-1) - jnp.take_along_axis(logits, label[..., None], axis=-1)[..., 0]
    finite = jnp.isfinite(logits).all(-1) | ~counted
    return {
        "support": _count(label, counted, num_classes),
        "predicted": _count(predicted, counted, num_classes),
        "hits": _count(label, counted & (predicted == label), num_classes),
        "nll": jnp.where(counted, nll, 0).sum(-1),
        "counted": counted.sum(-1),
        "out_of_range": (labels >= num_classes).sum(-1),
        "not_finite": (~finite.all(-1)).astype(jnp.int32),
        "examples": jnp.ones(len(labels), jnp.int32),
    }


def _count(classes: jax.Array, counted: jax.Array, num_classes: int) -> jax.Array:
    """Counts of each class in each example, `[B, C]` from `[B, T]`. Integers, so that the sum of a batch is exact."""
    examples = jnp.arange(len(classes))[:, None]
    return jnp.zeros((len(classes), num_classes), jnp.int32).at[examples, classes].add(counted.astype(jnp.int32))


def _numbers(sums: Mapping[str, np.ndarray]) -> dict[str, Any]:
    check_sums(sums)
    check_counted(sums, "tokens")
    recalls = ratios(sums["hits"], sums["support"])
    f1 = ratios(2 * sums["hits"], np.where(sums["support"] > 0, sums["support"] + sums["predicted"], 0))
    return {
        "accuracy": float(sums["hits"].sum() / sums["counted"]),
        "loss": float(sums["nll"] / sums["counted"]),
        "balanced_accuracy": mean_of_present(recalls),
        "macro_f1": mean_of_present(f1),
        "per_class": recalls,
    }
