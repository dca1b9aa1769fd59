"""Pooling by PyTorch's rules: adaptive averages, maxima with a rounded-up size."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


def adaptive_mean(x: jax.Array, size: tuple[int, int]) -> jax.Array:
    """PyTorch's ``AdaptiveAvgPool2d``, `[B, H, W, C]` -> `[B, *size, C]`: row i of n is the mean of rows floor(iH/n) to ceil((i+1)H/n)-1.

    The windows overlap where n does not divide H, and repeat rows where n > H; n = H changes nothing.
    """
    for axis, count in zip((1, 2), size, strict=True):
        if x.shape[axis] != count:
            means = jnp.asarray(window_means(x.shape[axis], count), jnp.promote_types(x.dtype, jnp.float32))
            y = jnp.tensordot(x, means, (axis, 1), precision=jax.lax.Precision.HIGHEST)
            x = jnp.moveaxis(y, -1, axis).astype(x.dtype)
    return x


def window_means(length: int, count: int) -> np.ndarray:
    """The matrix `[count, length]` float64 of `adaptive_mean` along one axis; its rows sum to 1."""
    i = np.arange(count)[:, None]
    place = np.arange(length)
    inside = (place >= i * length // count) & (place < -(-(i + 1) * length // count))
    return inside / inside.sum(axis=1, keepdims=True)


def max_pool(x: jax.Array, size: int, stride: int, padding: int = 0, ceil_mode: bool = False) -> jax.Array:
    """Maximum over windows of `x [B, H, W, C]`, PyTorch's ``MaxPool2d``.

    With n = H + 2 padding - size, floor(n / stride) + 1 rows come out; with `ceil_mode` ceil(n / stride) + 1, where the last window may
    reach beyond the padding but not begin there.

    Raises:
      ValueError: an image smaller than one window.
    """
    return nn.max_pool(
        x, (size, size), (stride, stride), [ceil_padding(n, size, stride, padding=padding, ceil_mode=ceil_mode) for n in x.shape[1:3]]
    )


def ceil_padding(length: int, size: int, stride: int, *, padding: int, ceil_mode: bool) -> tuple[int, int]:
    """Returns the padding before and after an axis of `length` that gives the number of windows stated in `max_pool`."""
    room = length + 2 * padding - size
    steps = -(-room // stride) if ceil_mode else room // stride
    if ceil_mode and steps * stride >= length + padding:
        steps -= 1
    if steps < 0:
        raise ValueError(f"{length} rows or columns, padded by {padding}, are too few for a window of {size}: the images are too small")
    return padding, max(padding, steps * stride + size - length - padding)
