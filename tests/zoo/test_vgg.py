"""VGG: published sizes, stages, how the first fully connected layer reads maps, places of dropout."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, trees

quick = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
PUBLISHED = {11: 132_863_336, 13: 133_047_848, 16: 138_357_544, 19: 143_667_240}  # torchvision's table of weights
NORMALIZED = {11: 132_868_840, 13: 133_053_736, 16: 138_365_992, 19: 143_678_248}


def tiny(arguments="", **more):
    return models.create(f"vgg11(width=2, fc=(24, 12){arguments})", 3, **more)


@functools.cache
def drawn():
    """Variables of `tiny` that need no compilation."""
    r = np.random.default_rng(1)

    def leaf(shape):
        return r.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape) if len(shape) > 1 else r.normal(0, 0.1, shape)

    return jax.tree.map(lambda s: leaf(s.shape).astype(np.float32), models.shapes(tiny()))


@pytest.mark.parametrize("depth", PUBLISHED)
def test_sizes_are_those_of_the_published_models(depth):
    for name, wanted in ((f"vgg{depth}", PUBLISHED[depth]), (f"vgg{depth}_bn", NORMALIZED[depth])):
        assert trees.size(models.shapes(models.create(name, 1000))["params"]) == wanted


def test_one_stage_per_resolution_then_the_fully_connected_ones():
    model = models.create("vgg16_bn(width=2, fc=(24, 12))", 3)
    variables = models.shapes(model)
    x = jax.ShapeDtypeStruct((1, 200, 70, 3), jnp.float32)
    out = jax.eval_shape(functools.partial(model.apply, taps=model.stages), variables, x)
    assert [out.taps[name].shape[1:] for name in model.stages] == [
        (100, 35, 2),
        (50, 17, 4),
        (25, 8, 8),
        (12, 4, 16),
        (6, 2, 16),
        (24,),
        (12,),
    ]
    assert set(variables["batch_stats"]["backbone"]) == {f"stage{i}" for i in range(1, 6)}


def from_maps(x, arguments="", **more):
    """The taps and features of the stages behind the convolutions."""
    model = tiny(arguments)
    out = quick(lambda x: model.apply(drawn(), x, start="fc6", stop="head", taps=("fc6", "fc7"), **more))(x)
    return out.taps | {"features": out.features}


def maps(rows, columns, count=2):
    return np.random.default_rng(0).normal(size=(count, rows, columns, 16)).astype(np.float32)


def test_over_a_larger_map_the_first_layer_slides_or_reads_means():
    map_ = maps(8, 7)
    pooled, sliding = from_maps(map_), from_maps(map_, ", sliding=True")
    assert pooled["fc6"].shape == (2, 24) and sliding["fc6"].shape == (2, 2, 1, 24)
    places = from_maps(np.concatenate([map_[:, :7], map_[:, 1:]]))
    for name in ("fc6", "fc7"):
        np.testing.assert_allclose(sliding[name][:, :, 0].swapaxes(0, 1).reshape(4, -1), places[name], atol=1e-5)
    np.testing.assert_allclose(sliding["features"], sliding["fc7"].mean((1, 2)), rtol=1e-5)
    assert np.abs(pooled["features"] - sliding["features"]).max() > 1e-3


def test_both_read_a_smaller_map_alike():
    both = [from_maps(maps(2, 3), sliding)["features"] for sliding in ("", ", sliding=True")]
    np.testing.assert_allclose(*both, rtol=1e-5)


def test_dropout_stands_behind_both_fully_connected_layers():
    map_, calm = maps(7, 7, 4), from_maps(maps(7, 7, 4))
    for stage in ("fc6", "fc7"):
        rough = from_maps(map_, ", dropout=0.5", train=(stage,), rngs={"dropout": jax.random.key(0)})[stage]
        lost = (rough == 0) & (calm[stage] > 0)
        assert lost.any() and not lost[calm[stage] > 0].all()
        np.testing.assert_allclose(rough, np.where(lost, 0, 2 * calm[stage]), rtol=1e-5)


def test_without_fully_connected_layers_the_last_map_is_averaged():
    model = models.create("vgg11(width=2, fc=())", 3, input_size=(64, 96))
    assert model.stages == tuple(f"stage{i}" for i in range(1, 6))
    bare = {"params": {"backbone": {k: v for k, v in drawn()["params"]["backbone"].items() if k[:2] != "fc"}}}
    x = np.random.default_rng(0).normal(size=(1, 64, 96, 3)).astype(np.float32)
    out = quick(lambda x: model.apply(bare, x, stop="head", taps=("stage5",)))(x)
    assert out.taps["stage5"].shape == (1, 2, 3, 16)
    np.testing.assert_allclose(out.features, out.taps["stage5"].mean((1, 2)), rtol=1e-5)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"vgg13.*width=0"):
        models.create("vgg13(width=0)", 3)
    with pytest.raises(ValueError, match="the images are too small"):
        models.shapes(tiny(input_size=(31, 224)))
