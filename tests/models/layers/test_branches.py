"""Branches side by side, residual blocks, widths, and the windows at the border."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax.models.layers.branches import Branches, Conv, Max, Mean, Mixed, Residual, ResidualBranches, conv_names, scaled


def quick(call):
    """`call` in evaluation mode, as one program."""
    return jax.jit(lambda *arguments: call(*arguments, False))


def test_means_at_the_border_count_the_padding_or_not():
    x = jnp.ones((1, 4, 5, 2))
    counted = Branches(((Mean(),),), count_padding=True).apply({}, x, False)[0, :, :, 0]
    np.testing.assert_allclose(counted[0, :2], [4 / 9, 6 / 9], rtol=1e-6)
    np.testing.assert_allclose(counted[1:3, 1:4], 1, rtol=1e-6)
    np.testing.assert_allclose(Branches(((Mean(),),), count_padding=False).apply({}, x, False), x, rtol=1e-6)


def test_branches_stand_side_by_side_and_their_names_say_where():
    layers = ((Conv(2),), (Max(3, 1, 1), Conv(3), (Conv(1, (1, 3)), Conv(4, (3, 1)))))
    assert list(conv_names(layers)) == ["branch0_0", "branch1_1", "branch1_2a", "branch1_2b"]
    block = Branches(layers, norm_scale=False)
    variables = quick(block.init)(jax.random.key(0), jnp.ones((1, 5, 5, 2)))
    assert sorted(variables["params"]) == list(conv_names(layers))
    assert variables["params"]["branch1_2b"]["conv"]["kernel"].shape == (3, 1, 3, 4)
    assert "scale" not in variables["params"]["branch0_0"]["bn"]
    x = jax.random.normal(jax.random.key(1), (2, 5, 5, 2))
    out = quick(block.apply)(variables, x)
    assert out.shape == (2, 5, 5, 2 + 1 + 4)
    np.testing.assert_allclose(out[..., :2], quick(Branches(layers[:1], norm_scale=False).apply)(variables, x), atol=1e-6)


def test_a_residual_block_adds_its_scaled_branches():
    x = jax.random.normal(jax.random.key(0), (2, 3, 3, 4))
    layers = ((Conv(5),),)
    variables = quick(ResidualBranches(Residual(layers, 0.5)).init)(jax.random.key(1), x)
    outs = [quick(ResidualBranches(Residual(layers, scale, relu=False)).apply)(variables, x) for scale in (0.0, 0.5, 1.0)]
    np.testing.assert_array_equal(outs[0], x)
    np.testing.assert_allclose(outs[2] - x, 2 * (outs[1] - x), atol=1e-6)
    assert np.abs(outs[1] - x).max() > 0.1
    np.testing.assert_array_equal(quick(ResidualBranches(Residual(layers, 0.5)).apply)(variables, x), np.maximum(outs[1], 0))


def test_widths_round_down_and_none_vanishes():
    assert scaled(Mixed(((Conv(10), Max()), (Conv(7, (3, 3)),))), 0.3) == Mixed(((Conv(3), Max()), (Conv(2, (3, 3)),)))
    assert scaled(Conv(48), 5 / 48) == Conv(5)  # though 48 * (5 / 48) may be 4.999...
    with pytest.raises(ValueError, match=r"width=0\.05 leaves a convolution with 16 outputs none"):
        scaled((("a", Conv(20)), ("b", Conv(16))), 0.05)
