"""Log loss: each example has a distribution over the classes."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import entr

from tljax.metrics.checks import check_finite, check_shapes, statistics_of
from tljax.metrics.metric import Metric, register


@register
def log_loss() -> Metric:
    """Cross-entropy of the softmax p of logits `[B, C]` to labels t `[B, C]`, rows that sum to 1.

    - `loss`: the mean of ``-sum_c t_c log p_c``, in nats;
    - `kl`: the mean of ``sum_c t_c log(t_c / p_c)``: the loss minus the labels' own entropy, 0 for a perfect model;
    - `accuracy`: the share of examples whose largest logit (the first of equals) is at a largest t_c.

    Raises:
      ValueError: when traced, other shapes; from `host`, no examples.
      NotFinite: from `host`, a logit or loss that is not finite (names the index).
    """
    return Metric(_rows, lambda streams: _numbers(statistics_of(streams)), ("loss", -1.0))


def _rows(forward: Callable[..., Any], batch: Mapping[str, Any]) -> dict[str, jax.Array]:
    logits, labels = forward(batch).logits, batch["label"]
    check_shapes(logits, labels, "[B, C]")
    logits, labels = logits.astype(jnp.float32), labels.astype(jnp.float32)
    loss = -(labels * jax.nn.log_softmax(logits)).sum(-1)
    of_predicted = jnp.take_along_axis(labels, logits.argmax(-1)[:, None], axis=-1)[:, 0]
    return {
        "loss": loss,
        "kl": loss - entr(labels).sum(-1),
        "hit": of_predicted == labels.max(-1),
        "finite": jnp.isfinite(logits).all(-1) & jnp.isfinite(loss),
    }


def _numbers(rows: Mapping[str, np.ndarray]) -> dict[str, Any]:
    check_finite(rows["finite"], "logits or labels")
    loss, kl, accuracy = (float(np.mean(rows[name], dtype=np.float64)) for name in ("loss", "kl", "hit"))
    return {"loss": loss, "kl": kl, "accuracy": accuracy}
