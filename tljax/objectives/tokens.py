"""Cross-entropy over the tokens of texts: a class for each, or where a span starts and ends."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from tljax.objectives.objective import Aux, Objective, register, weighted_mean, weights


@register
def token_cross_entropy() -> Objective:
    """``-sum w log p_label / sum w`` over the tokens that have a label, each with the weight w of its example.

    Logits are `[B, T, C]` (the heads ``tokens`` and ``masked_lm``), labels integers `[B, T]`; a negative label (-1, -100) means that the
    token does not count.

    Raises:
      ValueError: when traced, labels of another kind or shape.
    """

    def loss(forward: Callable[..., Any], params: Any, state: Any, batch: Mapping[str, Any], key: Any, step: Any) -> Any:
        logits, labels = forward(batch).logits, batch["label"]
        if isinstance(logits, dict) or labels.shape != logits.shape[:-1] or not jnp.issubdtype(labels.dtype, jnp.integer):
            raise ValueError(f"token_cross_entropy: labels are {labels.dtype} {labels.shape}; wanted are integers for logits [B, T, C]")
        counted = weights(batch)[:, None] * (labels >= 0)
        right = (logits.argmax(-1) == labels).astype(jnp.float32)
        value = weighted_mean(_negative_log(logits, labels), counted)
        return value, Aux(counted.sum(), {"accuracy": weighted_mean(right, counted)}, state)

    return Objective(loss)


@register
def span_cross_entropy() -> Objective:
    """``-(log p_start + log p_end) / 2``, the two softmaxes over the tokens that ``mask`` keeps (Devlin et al. 2019, section 4.2).

    Logits are ``{"start", "end"}``, `[B, T]` each (the head ``span``), labels integers `[B, 2]`: the first and the last token of the
    answer. An example with a negative one (the answer was cut off) does not count.

    Raises:
      ValueError: when traced, logits or labels of another kind or shape.
    """

    def loss(forward: Callable[..., Any], params: Any, state: Any, batch: Mapping[str, Any], key: Any, step: Any) -> Any:
        logits, labels = forward(batch).logits, batch["label"]
        if not isinstance(logits, dict) or labels.ndim != 2 or labels.shape[1] != 2 or not jnp.issubdtype(labels.dtype, jnp.integer):
            raise ValueError(f"span_cross_entropy: labels are {labels.dtype} {labels.shape}; wanted are integers [B, 2] for the head span")
        both = jnp.stack([logits["start"], logits["end"]], axis=1)
        both = jnp.where(batch["mask"][:, None] > 0, both, jnp.finfo(both.dtype).min)
        counted = weights(batch) * (labels >= 0).all(-1)
        right = (both.argmax(-1) == labels).all(-1).astype(jnp.float32)
        value = weighted_mean(_negative_log(both, labels).mean(-1), counted)
        return value, Aux(counted.sum(), {"exact_match": weighted_mean(right, counted)}, state)

    return Objective(loss)


def _negative_log(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """``-log softmax(logits)[label]`` along the last axis; of a negative label, that of 0."""
    chosen = jnp.maximum(labels, 0)[..., None]
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), chosen, axis=-1)[..., 0]
