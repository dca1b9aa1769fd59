"""Mixtures of two examples: mixup, cutmix.

The partner of an example is the next one of the batch that the operation sees; the first is the partner of the last. In the training step
that is the global batch, for any number of processes and devices. Under accumulation (`train.accumulate`) it is the micro-batch, so another
`accumulate` makes other pairs. Nothing is mixed with an example whose ``valid`` is 0.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from tljax.data.augment import box
from tljax.data.augment.operation import Mixing, Operation, check_probability, chosen, register, snap

MIXABLE = ("class", "classes", "distribution")


@register
def mixup(alpha: float = 0.2, p: float = 1.0) -> Operation:
    """``x = l x1 + (1 - l) x2``, the same for the labels, with l from Beta(alpha, alpha) for each example (Zhang et al. 2018, section 2).

    Labels of the kind `class` become one-hot first; `classes` and `distribution` are mixed as they are, and other kinds refused. Masks,
    boxes and points that are no label stay.

    Args:
      alpha: above 0.
      p: the probability that an example is mixed at all.
    """
    _check("mixup", alpha, p)

    def mix(keys: jax.Array, batch: dict[str, Any], label: jax.Array) -> tuple[jax.Array, jax.Array]:
        share = _own_share(keys, batch, alpha, p)
        return _mixed(snap(batch["x"]), share), _mixed(label, share)

    return Operation((Mixing(mix),))


@register
def cutmix(alpha: float = 1.0, p: float = 1.0) -> Operation:
    """A rectangle of the image comes from the partner; labels are mixed by the areas (Yun et al. 2019, section 3.1).

    The rectangle has the image's proportions and the area ``1 - l``, l from Beta(alpha, alpha) for each example; its center is uniform in
    the image, what lies outside is cut off, and the labels follow the pixels that are left. Labels as in `mixup`.

    Args:
      alpha: above 0.
      p: the probability that an example is mixed at all.
    """
    _check("cutmix", alpha, p)

    def mix(keys: jax.Array, batch: dict[str, Any], label: jax.Array) -> tuple[jax.Array, jax.Array]:
        x, share = batch["x"], _own_share(keys, batch, alpha, p)
        size = jnp.array(x.shape[1:3], jnp.float32)
        center = size * jax.vmap(lambda key: jax.random.uniform(jax.random.fold_in(key, 2), (2,), jnp.float32))(keys)
        half = size * jnp.sqrt(1 - share)[:, None] / 2
        pasted = jax.vmap(lambda a, b: box.mask(x.shape[1], x.shape[2], a, b))(center - half, center + half)
        area = snap(1 - pasted.mean((1, 2, 3), dtype=jnp.float32))
        return jnp.where(pasted, _next(x), x), _mixed(label, area)

    return Operation((Mixing(mix),))


def check_label(name: str, kinds: Mapping[str, str], num_classes: int) -> None:
    """Raises ValueError if `soft` has no rule for labels of the declared kind."""
    kind = kinds.get("label")
    if kind is None:
        raise ValueError(f"{name} mixes labels, but no field 'label' is declared; the fields are {', '.join(kinds) or 'none'}")
    if kind not in MIXABLE:
        raise ValueError(f"{name} cannot mix labels of the kind {kind}; it can mix {', '.join(MIXABLE)}")
    if kind == "class" and num_classes < 1:
        raise ValueError(f"{name}: labels of the kind class need num_classes, which is {num_classes}")


def soft(label: jax.typing.ArrayLike, kind: str, num_classes: int) -> jax.Array:
    """Labels that can be mixed, as float32: one-hot [B, num_classes] for the kind `class` [B], others unchanged."""
    if kind == "class":
        return jax.nn.one_hot(jnp.asarray(label), num_classes, dtype=jnp.float32)
    return jnp.asarray(label).astype(jnp.float32)


def _own_share(keys: jax.Array, batch: dict[str, Any], alpha: float, p: float) -> jax.Array:
    """The example's own part in the mixture, `[B]`, on 8 bits (`snap`); 1 for examples that are not mixed."""

    def draw(key: jax.Array) -> jax.Array:
        part = jax.random.beta(jax.random.fold_in(key, 0), alpha, alpha, dtype=jnp.float32)
        return jnp.where(chosen(jax.random.fold_in(key, 1), p), snap(part, 8), 1)

    valid = jnp.asarray(batch.get("valid", jnp.ones(keys.shape[0]))) > 0
    return jnp.where(valid & _next(valid), jax.vmap(draw)(keys), 1)


def _next(values: jax.Array) -> jax.Array:
    return jnp.roll(values, -1, axis=0)


def _mixed(values: jax.Array, share: jax.Array) -> jax.Array:
    part = share.reshape(-1, *(1 for _ in values.shape[1:]))
    return part * values + (1 - part) * _next(values)


def _check(name: str, alpha: float, p: float) -> None:
    check_probability(name, p)
    if not 0 < alpha < float("inf"):
        raise ValueError(f"{name}(alpha={alpha}): expected a number above 0")
