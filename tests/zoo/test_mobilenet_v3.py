"""MobileNetV3: published sizes, resolutions, the penultimate layer, the two ways to scale."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, trees

TINY = "mobilenet_v3_small(width=0.1, dropout=0.5)"


def shapes(expression):
    return trees.flatten(models.shapes(models.create(expression, 1000))["params"])


@pytest.mark.parametrize(("name", "parameters"), [("mobilenet_v3_large", 5_483_032), ("mobilenet_v3_small", 2_542_856)])
def test_the_size_is_that_of_the_published_model_however_it_would_be_scaled(name, parameters):
    for options in ("", "(ratios=True)"):
        assert sum(leaf.size for leaf in shapes(name + options).values()) == parameters  # torchvision's table of weights


def test_resolutions():
    for name, wanted in (("large", [32, 32, 16, 8, 4, 2, 2]), ("small", [32, 16, 8, 4, 2, 2])):
        model = models.create(f"mobilenet_v3_{name}(width=0.1)", 3)
        out = jax.eval_shape(functools.partial(model.apply, taps=model.stages), models.shapes(model), np.zeros((1, 64, 64, 3), np.float32))
        assert [out.taps[stage].shape[1] for stage in model.stages[:-1]] == wanted
        assert out.taps["penultimate"].ndim == 2 and out.taps["penultimate"].shape == out.features.shape


def test_the_penultimate_layer_drops():
    model = models.create(TINY, 3)
    shapes, r = models.shapes(model), np.random.default_rng(1)
    variables = jax.tree.map(lambda leaf: jnp.asarray(r.normal(0.1, 0.3, leaf.shape), jnp.float32), shapes)
    x = jnp.asarray(r.uniform(size=(8, 2, 2, shapes["params"]["backbone"]["last"]["conv"]["kernel"].shape[3])), jnp.float32)
    run = functools.partial(model.apply, variables, {"x": x}, start="penultimate", batch_stats_in=())
    fc = variables["params"]["backbone"]["penultimate"]["fc"]
    y = np.asarray(x).mean((1, 2)) @ np.asarray(fc["kernel"]) + np.asarray(fc["bias"])
    plain = y * np.clip((y + 3) / 6, 0, 1)
    np.testing.assert_allclose(run().features, plain, rtol=1e-4, atol=1e-5)
    dropped = np.asarray(run(train=True, rngs={"dropout": jax.random.key(0)}).features)
    kept = dropped != 0
    assert 0.4 < kept.mean() < 0.6
    np.testing.assert_allclose(dropped, 2 * plain * kept, rtol=1e-4, atol=1e-5)


def test_scaled_by_the_table_and_scaled_by_ratios():
    table, ratios = (shapes(f"mobilenet_v3_large(width=0.35, ratios={way})") for way in (False, True))
    assert [s["backbone/penultimate/fc/kernel"].shape for s in (table, ratios)] == [(336, 448), (336, 1280)]
    assert [s["backbone/stem/conv/kernel"].shape[3] for s in (table, ratios)] == [8, 16]
    inside = "backbone/stage4/block4_0/depthwise/kernel"  # of 240, of 40 inputs: 0.35 times 240, or 6 times the 16 inputs
    assert [s[inside].shape[3] for s in (table, ratios)] == [88, 96]
    assert table["backbone/stage3/block3_0/se/reduce/kernel"].shape == (1, 1, 24, 8)  # a quarter of the channels inside, rounded


@pytest.mark.parametrize(("options", "said"), [("width=0.0", "width=0.0 must be above 0"), ("dropout=1.0", "dropout=1.0 a rate")])
def test_mistakes_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        models.create(f"mobilenet_v3_small({options})", 3)
