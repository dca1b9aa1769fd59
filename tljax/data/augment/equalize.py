"""Histogram equalization."""

import jax
import jax.numpy as jnp


def equalize(x: jax.Array) -> jax.Array:
    """Each channel of [H, W, C] rounded to 8 bits, then mapped so that its histogram becomes nearly flat.

    Level i becomes ``(s / 2 + number of pixels below i) / s`` in whole numbers, with ``s = (number of pixels below the highest level) /
    255``; a channel with s = 0 keeps its levels.
    """
    level = jnp.round(255 * x).astype(jnp.int32).reshape(-1, x.shape[-1])
    # Both give the same integers. CPUs and GPUs scatter and gather single values fast, TPUs slowly.
    y = jax.lax.platform_dependent(level, tpu=_by_products, default=_by_places)
    return (y / 255).reshape(x.shape)


def _table(count: jax.Array, level: jax.Array) -> jax.Array:
    """The new level of each old one, int32 [C, 256], from the histograms [C, 256] of the levels [N, C]."""
    below = count.cumsum(1) - count
    s = jnp.take_along_axis(below, level.max(0)[:, None], 1) // 255
    return jnp.where(s > 0, jnp.minimum((s // 2 + below) // jnp.maximum(s, 1), 255), jnp.arange(256)).astype(jnp.int32)


def _by_places(level: jax.Array) -> jax.Array:
    """Levels [N, C] -> new levels, float32, by one scatter and one gather."""
    channel = jnp.arange(level.shape[1])
    count = jnp.zeros((level.shape[1], 256), jnp.int32).at[channel, level].add(1)
    return _table(count, level)[channel, level].astype(jnp.float32)


def _by_products(level: jax.Array) -> jax.Array:
    """The result of `_by_places`, by products with indicators of the upper and of the lower four bits.

    It is exact at any precision: all factors are integers up to 255, which bfloat16 holds, and sums stay below 2^24, which float32 holds.
    """
    fast = jax.lax.Precision.DEFAULT
    upper, lower = (jax.nn.one_hot(part, 16, dtype=jnp.float32) for part in (level >> 4, level & 15))  # [N, C, 16]
    count = jnp.einsum("nci,ncj->cij", upper, lower, precision=fast).reshape(-1, 256).astype(jnp.int32)
    table = _table(count, level).reshape(-1, 16, 16).astype(jnp.float32)
    return (jnp.einsum("nci,cij->ncj", upper, table, precision=fast) * lower).sum(-1)
