"""Supervised losses: softmax and sigmoid cross-entropy, squared error, Huber."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from tljax.objectives.objective import Aux, Context, Forward, Objective, register, weighted_mean, weights

Loss = tuple[jax.Array, Aux]


@register
def cross_entropy(
    label_smoothing: float = 0.0,
    class_weights: str | Sequence[float] = "none",
    focal: float = 0.0,
    stream: str = "",
    class_counts: Sequence[int] = (),
) -> Objective:
    """Softmax cross-entropy, ``l = -w m sum_c q_c log p_c``, averaged with the weights ``w``.

    Labels are distributions t, float `[B, C]`; one class is ``t = onehot(y)``. Then ``q = (1 - s) t + s / C`` with `s = label_smoothing`
    (Szegedy et al. 2016, section 7), ``w = sum_c t_c w_c`` with the class weights w_c, and ``m = sum_c t_c (1 - p_c)^focal`` with `focal`,
    gamma of Lin et al. 2017: of one class w_y and ``(1 - p_y)^focal``. Accuracy is measured against the largest t_c.

    Args:
      label_smoothing: s, in [0, 1).
      class_weights: ``"none"``; ``"balanced"``: ``N / (C n_c)``; or the C weights themselves.
      focal: gamma, 0 for none.
      stream: the stream of labeled examples, where a run has several.
      class_counts: ``n_c`` of the training data, for ``"balanced"``.

    Raises:
      ValueError: a value out of range, or a class without examples under ``"balanced"``; when traced, labels of another shape.
    """
    if not 0 <= label_smoothing < 1 or focal < 0:
        raise ValueError(f"cross_entropy: label_smoothing={label_smoothing} must lie in [0, 1) and focal={focal} be at least 0")
    table = _class_weights(class_weights, class_counts)

    def loss(forward: Forward, batch: Mapping[str, Any], context: Context) -> Loss:
        batch = batch[stream] if stream else batch
        logits = forward(batch).logits
        labels = same_shape(batch["label"], logits, "cross_entropy")
        classes = logits.shape[-1]
        if table is not None and len(table) != classes:
            raise ValueError(f"cross_entropy: {len(table)} class weights for {classes} classes")
        log_p = jax.nn.log_softmax(logits)
        nll = -(((1 - label_smoothing) * labels + label_smoothing / classes) * log_p).sum(-1)
        nll = nll * (labels * jnp.maximum(1 - jnp.exp(log_p), 1e-6) ** focal).sum(-1) if focal else nll
        counted = weights(batch)
        w = counted if table is None else counted * (labels * table).sum(-1)
        accuracy = weighted_mean((logits.argmax(-1) == labels.argmax(-1)).astype(jnp.float32), counted)
        return weighted_mean(nll, w), Aux(w.sum(), {"accuracy": accuracy})

    return Objective(loss, forms=("distribution",), streams=(stream,) if stream else ())


@register
def sigmoid_cross_entropy() -> Objective:
    """Multi-label: ``-sum_c [y_c log s(z_c) + (1 - y_c) log(1 - s(z_c))]`` with labels `[B, C]` of 0 and 1."""

    def loss(forward: Forward, batch: Mapping[str, Any], context: Context) -> Loss:
        logits = forward(batch).logits
        labels = same_shape(batch["label"], logits, "sigmoid_cross_entropy")
        w = weights(batch)
        hit = ((logits > 0) == (labels > 0.5)).mean(-1, dtype=jnp.float32)
        value = weighted_mean(optax.sigmoid_binary_cross_entropy(logits, labels).sum(-1), w)
        return value, Aux(w.sum(), {"accuracy": weighted_mean(hit, w)})

    return Objective(loss, forms=("classes",))


@register
def mse() -> Objective:
    """Squared error ``mean_d (z_d - y_d)^2``; labels `[B, D]`, standardized by the task."""
    return _regression(lambda z, y: (z - y) ** 2, "mse")


@register
def huber(delta: float = 1.0) -> Objective:
    """Huber loss (Huber 1964), ``r = z - y``: ``r^2 / 2`` where ``|r| <= delta``, else ``delta (|r| - delta / 2)``; mean over outputs."""
    if delta <= 0:
        raise ValueError(f"huber(delta={delta}): must be positive")
    return _regression(lambda z, y: optax.huber_loss(z, y, delta=delta), "huber")


def _regression(elementwise: Callable[[jax.Array, jax.Array], jax.Array], name: str) -> Objective:
    def loss(forward: Forward, batch: Mapping[str, Any], context: Context) -> Loss:
        logits = forward(batch).logits
        labels = same_shape(batch["label"], logits, name)
        w = weights(batch)
        mae = weighted_mean(jnp.abs(logits - labels).mean(-1), w)
        return weighted_mean(elementwise(logits, labels).mean(-1), w), Aux(w.sum(), {"mae": mae})

    return Objective(loss, forms=("number",))


def same_shape(labels: jax.Array, logits: jax.Array, name: str) -> jax.Array:
    """Labels in the dtype of the logits. Raises ValueError for labels of another shape than the model's outputs."""
    if labels.shape != logits.shape:
        raise ValueError(f"{name}: labels are {labels.shape}, but the model gives {logits.shape}")
    return labels.astype(logits.dtype)


def _class_weights(choice: str | Sequence[float], counts: Sequence[int]) -> np.ndarray | None:
    if isinstance(choice, str):
        if choice not in ("none", "balanced"):
            raise ValueError(f"class_weights={choice!r}: none, balanced, or one weight per class")
        if choice == "none":
            return None
        n = np.asarray(counts, np.float64)
        if not len(n) or (n == 0).any():
            raise ValueError(f"class_weights='balanced' needs examples of every class; counts: {list(counts)}")
        return (n.sum() / (len(n) * n)).astype(np.float32)
    table = np.asarray(choice, np.float32)
    if table.ndim != 1 or not (np.isfinite(table) & (table >= 0)).all() or not table.any():
        raise ValueError(f"class_weights={choice!r}: one weight per class, none negative, not all zero")
    return table
