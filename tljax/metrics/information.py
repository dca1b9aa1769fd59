"""Scores of class predictions without labels: mutual information of inputs and predictions, and entropy."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import entr

from tljax.metrics.checks import check_sums, statistics_of
from tljax.metrics.metric import Metric, register


@register
def information(stream: str = "") -> Metric:
    """Mutual information of inputs and predictions, ``H(mean_n p_n) - mean_n H(p_n)`` in nats, p the softmax of logits `[B, C]`.

    It is large if single predictions are confident and all classes are predicted equally often (Bridle et al. 1991; for selection without
    labels, Musgrave et al. 2022). `marginal_entropy` and `entropy` are its two terms.

    Args:
      stream: the validation stream that is measured, such as ``target``; empty: each one by itself.

    Raises:
      ValueError: when traced, other shapes or a single class; from `host`, no examples.
      NotFinite: from `host`, logits that are not finite.
    """
    return Metric(
        _rows,
        lambda streams: _numbers(statistics_of(streams, stream)),
        ("information", 1.0),
        sums=True,
        streams=_names(stream),
        labels=False,
    )


@register
def entropy(stream: str = "") -> Metric:
    """Mean entropy of the predictions, ``mean_n H(p_n)`` in nats, less is better (Morerio et al. 2018).

    A model that gives one class to all inputs has the best score: prefer `information` unless classes cannot collapse. Arguments, shapes,
    errors and numbers are those of `information`; the score differs.
    """
    return Metric(
        _rows, lambda streams: _numbers(statistics_of(streams, stream)), ("entropy", -1.0), sums=True, streams=_names(stream), labels=False
    )


def _names(stream: str) -> tuple[str, ...]:
    return (stream,) if stream else ()


def _rows(forward: Callable[..., Any], batch: Mapping[str, Any]) -> dict[str, jax.Array]:
    logits = forward(batch).logits
    shape: tuple[int, ...] = getattr(logits, "shape", ())
    if len(shape) != 2 or shape[1] < 2:
        raise ValueError(
            f"expected logits [B, C] of at least two classes, found {shape or type(logits).__name__}; use the task's own metric"
        )
    log_p = jax.nn.log_softmax(logits.astype(jnp.float32))
    p = jnp.exp(log_p)
    return {
        "p": p,
        "entropy": -(p * log_p).sum(-1),
        "not_finite": (~jnp.isfinite(logits).all(-1)).astype(jnp.int32),
        "examples": jnp.ones(len(logits), jnp.int32),
    }


def _numbers(sums: Mapping[str, np.ndarray]) -> dict[str, Any]:
    check_sums(sums)
    examples = float(sums["examples"])
    marginal, mean = float(entr(sums["p"] / examples).sum()), float(sums["entropy"] / examples)
    # By Jensen's inequality only rounding could make it negative.
    return {"information": max(marginal - mean, 0.0), "entropy": mean, "marginal_entropy": marginal}
