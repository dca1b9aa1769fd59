"""The depthwise convolution is one function on every backend."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax.models.layers import convolution as layers


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [((1, 1), (1, 1)), ((0, 1), (0, 1)), ((0, 0), (2, 3))])
@pytest.mark.parametrize(("size", "shape"), [(3, (2, 7, 8, 3)), (5, (1, 9, 6, 1))])
def test_shifted_and_grouped_agree_in_value_and_gradients(stride, padding, size, shape):
    r = np.random.default_rng(0)
    x, kernel = jnp.asarray(r.normal(size=shape), jnp.float32), jnp.asarray(r.normal(size=(size, size, 1, shape[-1])), jnp.float32)
    check_same(
        lambda x, k: layers.shifted_depthwise(x, k, stride, padding),
        lambda x, k: layers.conv(x, k, stride, padding, groups=shape[-1]), x, kernel,
    )  # fmt: skip


@pytest.mark.parametrize(("stride", "padding"), [(1, ((1, 1), (1, 1))), (2, ((0, 1), (0, 1))), (2, ((1, 1), (1, 1)))])
def test_shifted_and_plain_convolution_agree_in_value_and_gradients(stride, padding):
    r = np.random.default_rng(0)
    x, kernel = jnp.asarray(r.normal(size=(2, 7, 8, 3)), jnp.float32), jnp.asarray(r.normal(size=(3, 3, 3, 4)), jnp.float32)
    check_same(lambda x, k: layers.shifted_conv(x, k, stride, padding), lambda x, k: layers.conv(x, k, stride, padding), x, kernel)


def check_same(one, other, x, kernel):
    values, gradients = [], []
    for call in (one, other):
        values.append(call(x, kernel))
        weight = jnp.asarray(np.random.default_rng(1).normal(size=values[0].shape), jnp.float32)
        gradients.append(jax.grad(lambda x, k, call=call, weight=weight: (call(x, k) * weight).sum(), (0, 1))(x, kernel))
    np.testing.assert_allclose(*values, atol=1e-5)
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_allclose(a, b, atol=3e-5)


def test_the_layer_has_the_grouped_convolution_s_parameters_and_follows_same_padding():
    layer = layers.DepthwiseConv(3, 2)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, 6, 4)), jnp.float32)
    variables = layer.init(jax.random.key(0), x)
    kernel = variables["params"]["kernel"]
    assert kernel.shape == (3, 3, 1, 4)
    np.testing.assert_allclose(layer.apply(variables, x), layers.conv(x, kernel, 2, ((0, 1), (0, 1)), groups=4), atol=1e-5)


def test_bfloat16_sums_in_float32():
    x, kernel = jnp.ones((1, 3, 3, 1), jnp.bfloat16), jnp.full((3, 3, 1, 1), 1 + 2**-7, jnp.bfloat16)
    out = layers.shifted_depthwise(x, kernel, 1, ((0, 0), (0, 0)))
    assert out.dtype == jnp.bfloat16 and float(out[0, 0, 0, 0]) == float(jnp.bfloat16(9 * (1 + 2**-7)))


def test_pointwise_is_the_one_by_one_convolution():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 5, 4)), jnp.float32)
    layer = layers.pointwise(6, jnp.float32, "p")
    variables = layer.init(jax.random.key(0), x)
    want = jax.lax.conv_general_dilated(x, variables["params"]["kernel"], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    np.testing.assert_allclose(layer.apply(variables, x), want, atol=1e-5)


@pytest.mark.parametrize(("size", "stride", "rows"), [(3, 1, 7), (3, 2, 7), (3, 2, 8), (5, 2, 8), (5, 3, 10)])
def test_margins_by_name_give_the_sizes_of_the_name(size, stride, rows):
    x, kernel = jnp.zeros((1, rows, rows + 1, 1)), jnp.zeros((size, size, 1, 1))
    same, valid = (layers.margins(name, x, kernel, stride) for name in ("SAME", "VALID"))
    assert layers.conv(x, kernel, stride, same).shape[1:3] == (-(-rows // stride), -(-(rows + 1) // stride))
    assert valid == ((0, 0), (0, 0))
    assert all(0 <= after - before <= 1 for before, after in same), "an odd pixel comes after"
    assert layers.margins([[1, 2], [3, 4]], x, kernel, stride) == ((1, 2), (3, 4))
