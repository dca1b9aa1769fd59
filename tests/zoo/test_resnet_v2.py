"""Pre-activation ResNets: published sizes, resolutions, standardized kernels, where the strides are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, trees
from tljax.zoo.resnet_v2.model import standardized

BIT = "bit_r50x1(blocks=(1, 2), width=32)"
KERAS = "resnet50_v2(blocks=(2, 2), width=4)"
PUBLISHED = {"bit_r50x1": 25_549_352, "bit_r50x3": 217_319_080, "bit_r101x1": 44_541_480, "resnet50_v2": 25_568_360}
"""Of Kolesnikov et al. 2020's models at 1000 classes, as in their file sizes and timm's table; trainable ones of Keras's summary."""


@functools.cache
def built(expression):
    model, r = models.create(expression, 3), np.random.default_rng(0)
    return model, jax.tree.map(lambda leaf: jnp.asarray(r.uniform(0.1, 1, leaf.shape), jnp.float32), models.shapes(model))


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_those_of_the_published_models(name):
    assert trees.size(models.shapes(models.create(name, 1000))["params"]) == PUBLISHED[name]


@pytest.mark.parametrize(
    ("expression", "sides", "widths"), [(BIT, (10, 10, 5, 5), (32, 128, 256, 256)), (KERAS, (10, 5, 5, 5), (4, 16, 32, 32))]
)
def test_resolutions_and_widths(expression, sides, widths):
    model, variables = built(expression)
    out = jax.eval_shape(functools.partial(model.apply, taps=model.stages), variables, jnp.zeros((2, 40, 40, 3)))
    assert model.stages == ("stem", "stage1", "stage2", "norm")
    assert [out.taps[stage].shape[1:] for stage in model.stages] == [(n, n, width) for n, width in zip(sides, widths, strict=True)]


def test_kernels_are_standardized_per_output_and_scale_and_shift_of_them_do_not_matter():
    kernel = jnp.asarray(np.random.default_rng(1).normal(3, 2, (3, 3, 8, 5)), jnp.float32)
    for mapped in (kernel, 7 * kernel + 2):
        unit = standardized(mapped, 1e-10)
        np.testing.assert_allclose(unit.mean((0, 1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(unit.std((0, 1, 2)), 1, atol=1e-5)
    np.testing.assert_allclose(standardized(7 * kernel + 2, 1e-10), standardized(kernel, 1e-10), atol=1e-4)
    assert np.isfinite(standardized(jnp.ones((1, 1, 4, 2)), 1e-10)).all(), "a constant kernel"
    assert standardized(kernel.astype(jnp.bfloat16), 1e-10).dtype == jnp.float32


def test_the_stem_s_maximum_sees_zeros_around_the_image():
    model, variables = built(BIT)
    dark = jax.tree.map(lambda leaf: leaf, variables)
    ramp = jnp.linspace(-1, 1, dark["params"]["backbone"]["stem"]["conv"]["kernel"].size)
    dark["params"]["backbone"]["stem"]["conv"]["kernel"] = ramp.reshape(7, 7, 3, 32)
    out = model.apply(dark, -jnp.asarray(np.random.default_rng(2).uniform(1, 2, (1, 32, 32, 3)), jnp.float32), stop="stage1").batch["x"]
    assert (out[:, 0] >= 0).all() and (out[:, :, 0] >= 0).all() and (out[:, 1:, 1:] < 0).any()


def test_a_bit_network_has_no_statistics_and_treats_examples_alone():
    model, variables = built(BIT)
    assert not variables["batch_stats"] and built(KERAS)[1]["batch_stats"]
    x = jnp.asarray(np.random.default_rng(3).normal(size=(3, 32, 32, 3)), jnp.float32)
    run = jax.jit(lambda x: model.apply(variables, x, train=True).logits)
    np.testing.assert_allclose(run(x)[:1], run(jnp.stack([x[0], -x[1], 5 * x[2]]))[:1], rtol=1e-5)


@pytest.mark.parametrize("width", [16, 48])
def test_a_width_that_the_groups_do_not_divide_is_named(width):
    with pytest.raises(ValueError, match=f"width={width} is no multiple of GroupNorm's 32"):
        models.create(f"bit_r50x1(width={width})", 3)
