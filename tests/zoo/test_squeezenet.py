"""SqueezeNet: published sizes, maps of both versions and of both ways to round, and its head."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, trees

quick = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
PUBLISHED = {"1.0": 1_248_424, "1.1": 1_235_496}  # torchvision's table of weights


@pytest.mark.parametrize("version", PUBLISHED)
def test_sizes_are_those_of_the_published_models(version):
    model = models.create(f"squeezenet(version='{version}')", 1000, head="maps")
    assert trees.size(models.shapes(model)["params"]) == PUBLISHED[version]


@pytest.mark.parametrize(
    ("arguments", "sides"),
    [
        ("version='1.0'", (55, 27, 13, 13)),  # those of the paper's table 1
        ("version='1.1'", (56, 28, 14, 14)),
        ("version='1.1', ceil_mode=False", (56, 27, 13, 13)),
    ],
)
def test_maps_at_227_pixels(arguments, sides):
    model = models.create(f"squeezenet(width=1, {arguments})", 3)
    x = jax.ShapeDtypeStruct((1, 227, 227, 3), jnp.float32)
    out = jax.eval_shape(functools.partial(model.apply, taps=model.stages), models.shapes(model), x)
    widths = (4, 8, 16, 32) if "1.1" in arguments else (6, 16, 32, 32)
    assert [out.taps[name].shape[1:] for name in model.stages] == [(s, s, w) for s, w in zip(sides, widths, strict=True)]


def test_the_head_averages_rectified_maps_and_is_a_slice_of_its_own():
    model, r = models.create("squeezenet(width=1)", 5, head="maps(dropout=0.5)"), np.random.default_rng(0)
    x, kernel, bias = (r.normal(size=size).astype(np.float32) for size in ((2, 3, 4, 32), (1, 1, 32, 5), 5))
    variables = {"params": {"backbone": {}, "head": {"conv": {"kernel": kernel, "bias": bias}}}}

    @quick
    def both(x):
        dropped = model.apply(variables, {"x": x}, start="head", train=("head",), rngs={"dropout": jax.random.key(2)})
        return model.apply(variables, {"x": x}, start="head").logits, dropped.logits

    logits, dropped = both(x)
    by_hand = np.maximum(x @ kernel[0, 0] + bias, 0).mean((1, 2))
    np.testing.assert_allclose(logits, by_hand, rtol=1e-5)
    assert np.abs(dropped - by_hand).max() > 1e-3


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"version='2' is one of 1.0, 1.1"):
        models.create("squeezenet(version='2')", 3)
    with pytest.raises(ValueError, match="width=0"):
        models.create("squeezenet(width=0)", 3)
    with pytest.raises(ValueError, match="the images are too small"):
        models.shapes(models.create("squeezenet(ceil_mode=False)", 3, input_size=(20, 20)))
    with pytest.raises(ValueError, match=r"the head maps reads maps \[B, H, W, D\]"):
        models.shapes(models.create("mlp(widths=(4,))", 3, head="maps", input_size=(), in_channels=2))
