"""F1 of answer spans: each example has a first and a last token."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tljax.metrics.checks import check_finite, statistics_of
from tljax.metrics.metric import Metric, register


@register
def span_f1() -> Metric:
    """F1 and exact match of answer spans; logits are ``{"start", "end"}``, `[B, T]` each, labels the first and the last token `[B, 2]`.

    The prediction is the pair of real tokens ``s <= e`` with the largest ``start_s + end_e`` (Devlin et al. 2019, section 4.2; the first
    of equals). ``batch["mask"]`` `[B, T]` marks the real tokens; without it all are real.

    - `exact_match`: the share of examples with both ends right;
    - `f1`: the mean of ``2 |common| / (|predicted| + |label|)`` in tokens (Rajpurkar et al. 2016, section 6.1).

    An example with a negative label (its answer was cut off) counts as missed.

    Raises:
      ValueError: when traced, other shapes; from `host`, no examples.
      NotFinite: from `host`, a logit of a real token that is not finite (names the index).
    """
    return Metric(_rows, lambda streams: _numbers(statistics_of(streams)), ("f1", 1.0))


def _rows(forward: Callable[..., Any], batch: Mapping[str, Any]) -> dict[str, jax.Array]:
    logits, labels = forward(batch).logits, batch["label"]
    _check_shapes(logits, labels)
    start, end = (logits[name].astype(jnp.float32) for name in ("start", "end"))
    real = batch["mask"] > 0 if "mask" in batch else jnp.ones(start.shape, bool)
    return {
        "predicted": best_span(jnp.where(real, start, -jnp.inf), jnp.where(real, end, -jnp.inf)),
        "label": labels,
        "finite": ((jnp.isfinite(start) & jnp.isfinite(end)) | ~real).all(-1),
    }


def best_span(start: jax.Array, end: jax.Array) -> jax.Array:
    """The pairs ``s <= e`` with the largest ``start_s + end_e``: int32 `[B, 2]` from `[B, T]` and `[B, T]`, in time linear in T."""
    last = (jax.lax.cummax(start, axis=1) + end).argmax(1)  # the best start up to each end, then the best end
    first = jnp.where(jnp.arange(start.shape[1]) <= last[:, None], start, -jnp.inf).argmax(1)
    return jnp.stack([first, last], axis=1).astype(jnp.int32)


def _numbers(rows: Mapping[str, np.ndarray]) -> dict[str, Any]:
    check_finite(rows["finite"])
    (first, last), (label_first, label_last) = np.asarray(rows["predicted"]).T, np.asarray(rows["label"]).T
    common = np.maximum(np.minimum(last, label_last) - np.maximum(first, label_first) + 1, 0)
    lengths = (last - first + 1) + (label_last - label_first + 1)
    answered = (label_first >= 0) & (label_last >= 0)
    f1 = np.where(answered, 2 * common / np.maximum(lengths, 1), 0.0)
    exact = answered & (first == label_first) & (last == label_last)
    return {"f1": float(f1.mean()), "exact_match": float(exact.mean())}


def _check_shapes(logits: Any, labels: Any) -> None:
    names = sorted(logits) if isinstance(logits, Mapping) else []
    if names != ["end", "start"] or logits["start"].shape != logits["end"].shape or labels.shape != (len(logits["start"]), 2):
        shapes = {name: logits[name].shape for name in names} if names else logits.shape
        raise ValueError(f"expected logits start and end [B, T] and labels [B, 2], found logits {shapes} and labels {labels.shape}")
