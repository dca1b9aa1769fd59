"""Mixtures of two examples: mixup, cutmix.

The partner of an example is the next one of the batch that the operation sees, the last one's the first: inside the training step that is
the global batch, whatever the processes and devices; under accumulation (`train.accumulate`) it is the micro-batch, so that another
`accumulate` makes other pairs. Nothing is mixed with an example whose ``valid`` is 0.
"""

from typing import Any

import jax
import jax.numpy as jnp

from tljax.data.augment import box
from tljax.data.augment.operation import Operation, check_probability, chosen, register, snap


@register
def mixup(alpha: float = 0.2, p: float = 1.0, *, num_classes: int) -> Operation:
    """``x = l x1 + (1 - l) x2``, the same for the labels, with l from Beta(alpha, alpha) for each example (Zhang et al. 2018, section 2).

    Integer labels [B] become one-hot [B, num_classes] first; float labels (several labels each, regression) are mixed as they are.

    Args:
      alpha: above 0.
      p: the probability that an example is mixed at all.
      num_classes: C, filled in.
    """
    _check("mixup", alpha, p)

    def mix(keys: jax.Array, batch: dict[str, Any]) -> dict[str, Any]:
        kept = _kept(keys, batch, alpha, p)
        return {**batch, "x": _mixed(snap(batch["x"]), kept), "label": _mixed(soft(batch, num_classes, "mixup"), kept)}

    return mix


@register
def cutmix(alpha: float = 1.0, p: float = 1.0, *, num_classes: int) -> Operation:
    """A rectangle of the image comes from the partner; labels are mixed by the areas (Yun et al. 2019, section 3.1).

    The rectangle has the image's proportions and the area ``1 - l``, l from Beta(alpha, alpha) for each example; its centre is uniform in
    the image, what lies outside is cut off, and the labels follow the pixels that are left. Labels as in `mixup`.

    Args:
      alpha: above 0.
      p: the probability that an example is mixed at all.
      num_classes: C, filled in.
    """
    _check("cutmix", alpha, p)

    def mix(keys: jax.Array, batch: dict[str, Any]) -> dict[str, Any]:
        x, kept = batch["x"], _kept(keys, batch, alpha, p)
        size = jnp.array(x.shape[1:3], jnp.float32)
        centre = size * jax.vmap(lambda key: jax.random.uniform(jax.random.fold_in(key, 2), (2,), jnp.float32))(keys)
        half = size * jnp.sqrt(1 - kept)[:, None] / 2
        pasted = jax.vmap(lambda a, b: box.mask(x.shape[1], x.shape[2], a, b))(centre - half, centre + half)
        area = snap(1 - pasted.mean((1, 2, 3), dtype=jnp.float32))
        return {**batch, "x": jnp.where(pasted, _next(x), x), "label": _mixed(soft(batch, num_classes, "cutmix"), area)}

    return mix


def soft(batch: dict[str, Any], num_classes: int, name: str) -> jax.Array:
    """A batch's labels as float32: integers [B] one-hot as [B, num_classes], others in their shape. Raises ValueError without labels."""
    if "label" not in batch:
        raise ValueError(f"{name}: mixes labels, but the batch holds only {', '.join(batch)}")
    label = jnp.asarray(batch["label"])
    if label.ndim > 1 or jnp.issubdtype(label.dtype, jnp.floating):
        return label.astype(jnp.float32)
    if num_classes < 1:
        raise ValueError(f"{name}: integer labels need num_classes, which is {num_classes}")
    return jax.nn.one_hot(label, num_classes, dtype=jnp.float32)


def _kept(keys: jax.Array, batch: dict[str, Any], alpha: float, p: float) -> jax.Array:
    """The example's own part in the mixture, `[B]`, on 8 bits (`snap`); 1 where nothing is mixed."""

    def draw(key: jax.Array) -> jax.Array:
        part = jax.random.beta(jax.random.fold_in(key, 0), alpha, alpha, dtype=jnp.float32)
        return jnp.where(chosen(jax.random.fold_in(key, 1), p), snap(part, 8), 1)

    valid = jnp.asarray(batch.get("valid", jnp.ones(keys.shape[0]))) > 0
    return jnp.where(valid & _next(valid), jax.vmap(draw)(keys), 1)


def _next(values: jax.Array) -> jax.Array:
    return jnp.roll(values, -1, axis=0)


def _mixed(values: jax.Array, kept: jax.Array) -> jax.Array:
    part = kept.reshape(-1, *(1 for _ in values.shape[1:]))
    return part * values + (1 - part) * _next(values)


def _check(name: str, alpha: float, p: float) -> None:
    check_probability(name, p)
    if not 0 < alpha < float("inf"):
        raise ValueError(f"{name}(alpha={alpha}): above 0")
