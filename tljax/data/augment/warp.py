"""Rotation, shear, translation of an image as three shears, each of which shifts whole rows."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from tljax.data.augment.operation import snap

Moved = Callable[[jax.Array, jax.Array], jax.Array]


def shears(x: jax.Array, slopes: Sequence[jax.Array], move: Sequence[jax.Array], margin: int, fill: float) -> jax.Array:
    """Moves the content at (column u, row v), measured from the center, along u, then v, then u, with linear interpolation.

    ``u += s1 v; v += s2 u + m2; u += s3 v + m1``. With ``s1 = s3 = -tan(a / 2)`` and ``s2 = sin(a)`` this is the clockwise rotation by a
    (Paeth 1986). The size stays.

    Args:
      x: [H, W, C] in [0, 1].
      slopes: s1, s2, s3, scalars.
      move: m1, m2, scalars, in pixels.
      margin: extra columns on either side between the passes, so that content may leave in the first pass and return in the third.
      fill: value of pixels from outside.
    """
    x = jnp.pad(x, ((0, 0), (margin, margin), (0, 0)), constant_values=fill)
    rows, columns = (jnp.arange(n, dtype=jnp.float32) - (n - 1) / 2 for n in x.shape[:2])
    x = shift(x, slopes[0] * rows, fill)
    x = shift(x.swapaxes(0, 1), slopes[1] * columns + move[1], fill).swapaxes(0, 1)
    x = shift(x, slopes[2] * rows + move[0], fill)
    return x[:, margin : x.shape[1] - margin]


def inverse(slopes: Sequence[jax.Array], move: Sequence[jax.Array]) -> jax.Array:
    """The map from places in the output of `shears` to those in its input: float32 [2, 3], for `spatial.around_center`."""
    (s1, s2, s3), (m1, m2) = slopes, move
    linear, offset = (-s2, 1 + s2 * s3), s2 * m1 - m2  # of v, by (u, v) of the output
    rows = [[1 - s1 * linear[0], -s3 - s1 * linear[1], -m1 - s1 * offset], [*linear, offset]]
    return jnp.array(rows, jnp.float32)


def shift(x: jax.Array, by: jax.Array, fill: float) -> jax.Array:
    """``y[r, i] = x[r, i - by[r]]`` of [R, N, C] with `by` [R], rounded to 1/256 pixel: linear between pixels, `fill` outside."""
    x, by, n = snap(x), snap(by, 8), x.shape[1]
    whole = jnp.clip(jnp.floor(by), -n - 1, n)  # larger shifts show the outside alone
    part = jnp.clip(by - whole, 0, 1)[:, None, None]
    # Both give the same numbers. TPUs are slow at thousands of slices at different places, others at some twenty rolls of everything.
    y = jax.lax.platform_dependent(x, whole.astype(jnp.int32), tpu=_rolled(fill), default=_sliced(fill))
    return snap((1 - part) * y[:, 1:] + part * y[:, :-1])


def _sliced(fill: float) -> Moved:
    """``moved(x [R, N, C], whole [R]) -> y [R, N + 1, C]``, ``y[r, i] = x[r, i - 1 - whole[r]]``: a slice of each padded row."""

    def moved(x: jax.Array, whole: jax.Array) -> jax.Array:
        n = x.shape[1]
        padded = jnp.pad(x, ((0, 0), (n + 1, n + 1), (0, 0)), constant_values=fill)
        return jax.vmap(lambda row, start: jax.lax.dynamic_slice_in_dim(row, start, n + 1))(padded, n - whole)

    return moved


def _rolled(fill: float) -> Moved:
    """The result of `_sliced`, bit by bit of the integer shift: a roll by 1, 2, 4, ... of the rows that have that bit."""

    def moved(x: jax.Array, whole: jax.Array) -> jax.Array:
        n = x.shape[1]
        y = jnp.pad(x, ((0, 0), (0, 1), (0, 0)), constant_values=fill)
        steps = ((whole + 1) % (n + 1))[:, None, None]
        for bit in range(n.bit_length()):
            y = jnp.where((steps >> bit) & 1, jnp.roll(y, 1 << bit, 1), y)
        place = (jnp.arange(n + 1) - 1 - whole[:, None])[..., None]
        return jnp.where((place >= 0) & (place < n), y, fill)

    return moved
