"""Pooling by PyTorch's rules, beside their definitions."""

import jax.numpy as jnp
import numpy as np
import pytest

from tljax.models.layers.pooling import adaptive_mean, max_pool

X = np.random.default_rng(0).normal(size=(2, 13, 4, 3)).astype(np.float32)


@pytest.mark.parametrize("size", [(7, 6), (1, 2), (13, 1), (26, 5)])
def test_adaptive_means_are_those_of_their_windows(size):
    got = np.asarray(adaptive_mean(jnp.asarray(X), size))
    windows = [[(i * n // m, -((-(i + 1) * n) // m)) for i in range(m)] for n, m in zip(X.shape[1:3], size, strict=True)]
    for i, (top, bottom) in enumerate(windows[0]):
        for j, (left, right) in enumerate(windows[1]):
            np.testing.assert_allclose(got[:, i, j], X[:, top:bottom, left:right].mean((1, 2)), atol=1e-6)


def test_a_map_of_the_wanted_size_is_left_alone_and_the_dtype_stays():
    x = jnp.asarray(X, jnp.bfloat16)
    assert adaptive_mean(x, (13, 4)) is x
    half = adaptive_mean(x, (5, 5))
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(half, np.float32), adaptive_mean(jnp.asarray(X), (5, 5)), atol=0.05)


@pytest.mark.parametrize(
    ("length", "size", "stride", "padding", "floor", "ceil"),
    [
        (13, 3, 2, 0, 6, 6),  # windows end at the edge
        (12, 3, 2, 0, 5, 6),
        (2, 3, 2, 0, None, 1),
        (6, 3, 2, 1, 3, 4),
        (5, 2, 3, 0, 2, 2),
        (2, 1, 2, 0, 1, 1),  # rounded up, the second window would begin behind the map
        (3, 2, 4, 1, 1, 1),  # or in the padding behind it
    ],
)
def test_maxima_round_their_size_down_or_up(length, size, stride, padding, floor, ceil):
    x = np.random.default_rng(1).normal(size=(1, length, length, 2)).astype(np.float32) - 9
    for ceil_mode, count in ((False, floor), (True, ceil)):
        if count is None:
            with pytest.raises(ValueError, match="2 rows or columns, padded by 0, are too few for a window of 3"):
                max_pool(jnp.asarray(x), size, stride, padding, ceil_mode)
            continue
        got = np.asarray(max_pool(jnp.asarray(x), size, stride, padding, ceil_mode))
        assert got.shape == (1, count, count, 2)
        for i in range(count):
            rows = slice(max(0, i * stride - padding), i * stride - padding + size)
            np.testing.assert_array_equal(got[:, i, i], x[:, rows, rows].max((1, 2)))
