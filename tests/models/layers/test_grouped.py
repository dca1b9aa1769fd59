"""Grouped convolutions: what they compute, and that the gradients written out for CPUs are the true ones."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax.models.layers import convolution as layers
from tljax.models.layers import grouped

X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 7, 6, 8)), jnp.float32)
KERNEL = jnp.asarray(np.random.default_rng(1).normal(size=(3, 3, 2, 12)), jnp.float32)


def test_each_group_sees_its_own_channels_alone():
    whole = grouped.grouped_conv(X, KERNEL, 1, ((1, 1), (1, 1)), 4)
    parts = [layers.conv(X[..., 2 * g : 2 * g + 2], KERNEL[..., 3 * g : 3 * g + 3], 1, ((1, 1), (1, 1))) for g in range(4)]
    np.testing.assert_allclose(whole, jnp.concatenate(parts, -1), atol=1e-5)
    np.testing.assert_allclose(whole, layers.conv(X, grouped.block_diagonal(KERNEL, 4), 1, ((1, 1), (1, 1))), atol=1e-5)


@pytest.mark.parametrize(("stride", "pad"), [(1, 1), (2, 1), (2, 0)])
def test_gradients_are_those_of_xla_s_grouped_convolution(stride, pad):
    def total(conv, x, kernel):
        return jnp.sin(conv(x, kernel, stride, ((pad, pad), (pad, pad)), 4)).sum()

    own, xla = (
        jax.jit(jax.grad(functools.partial(total, conv), argnums=(0, 1)))(X, KERNEL) for conv in (grouped.grouped_conv, layers.conv)
    )
    for a, b in zip(own, xla, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
