"""Cross-entropy over the places of an example: a class for each token or pixel, or the tokens where a span starts and ends."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from tljax.objectives.objective import Aux, Context, Forward, Objective, register, weighted_mean, weights


@register
def dense_cross_entropy() -> Objective:
    """``-sum w log p_label / sum w`` over the places (tokens, pixels) that have a label, each with the weight w of its example.

    Logits are `[B, ..., C]`, labels integers `[B, ...]`; a negative label (-1, -100) means that the place does not count. Logits of a
    coarser map are enlarged to the label's size first, bilinearly.

    Raises:
      ValueError: when traced, logits and labels that do not fit.
    """

    def loss(forward: Forward, batch: Mapping[str, Any], context: Context) -> tuple[jax.Array, Aux]:
        coarse, labels = forward(batch).logits, batch["label"]
        if isinstance(coarse, dict) or len(enlarged := (*labels.shape, coarse.shape[-1])) != len(coarse.shape):
            raise ValueError(f"dense_cross_entropy: labels are {labels.shape}; logits [B, ..., C] for labels [B, ...] are expected")
        logits = coarse if coarse.shape == enlarged else jax.image.resize(coarse, enlarged, "bilinear")
        counted = weights(batch).reshape(-1, *(1,) * (len(labels.shape) - 1)) * (labels >= 0)
        right = (logits.argmax(-1) == labels).astype(jnp.float32)
        value = weighted_mean(_negative_log(logits, labels), counted)
        return value, Aux(counted.sum(), {"accuracy": weighted_mean(right, counted)})

    return Objective(loss, forms=("tags", "mask"))


@register
def span_cross_entropy() -> Objective:
    """``-(log p_start + log p_end) / 2``, the two softmaxes over the tokens that ``mask`` keeps (Devlin et al. 2019, section 4.2).

    Logits are ``{"start", "end"}``, `[B, T]` each (the head ``span``), labels integers `[B, 2]`: the first and the last token of the
    answer. An example with a negative one (the answer was cut off) does not count.

    Raises:
      ValueError: when traced, logits or labels of another shape.
    """

    def loss(forward: Forward, batch: Mapping[str, Any], context: Context) -> tuple[jax.Array, Aux]:
        logits, labels = forward(batch).logits, batch["label"]
        if not isinstance(logits, dict) or labels.shape[1:] != (2,):
            raise ValueError(f"span_cross_entropy: labels are {labels.shape}; [B, 2] and the head span are expected")
        both = jnp.stack([logits["start"], logits["end"]], axis=1)
        both = jnp.where(batch["mask"][:, None] > 0, both, jnp.finfo(both.dtype).min)
        counted = weights(batch) * (labels >= 0).all(-1)
        right = (both.argmax(-1) == labels).all(-1).astype(jnp.float32)
        value = weighted_mean(_negative_log(both, labels).mean(-1), counted)
        return value, Aux(counted.sum(), {"exact_match": weighted_mean(right, counted)})

    return Objective(loss, forms=("span",))


def _negative_log(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """``-log softmax(logits)[label]`` along the last axis; of a negative label, that of 0."""
    chosen = jnp.maximum(labels, 0)[..., None]
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), chosen, axis=-1)[..., 0]
