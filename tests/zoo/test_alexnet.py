"""AlexNet: published size, stages, places of dropout."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, trees

quick = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
TINY = models.create("alexnet(width=2, fc=(24, 12), dropout=0.5)", 3)
X = np.random.default_rng(0).normal(size=(2, 80, 71, 3)).astype(np.float32)


@functools.cache
def drawn():
    """Variables that need no compilation."""
    r = np.random.default_rng(1)

    def leaf(shape):
        return r.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape) if len(shape) > 1 else r.normal(0, 0.1, shape)

    return jax.tree.map(lambda s: leaf(s.shape).astype(np.float32), models.shapes(TINY))


def test_the_size_is_that_of_the_published_model():
    assert trees.size(models.shapes(models.create("alexnet", 1000))["params"]) == 61_100_840  # torchvision's table of weights


def test_stages_and_their_maps():
    x = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
    out = jax.eval_shape(functools.partial(TINY.apply, taps=TINY.stages), models.shapes(TINY), x)
    assert {name: tap.shape[1:] for name, tap in out.taps.items()} == {
        "stage1": (27, 27, 2),
        "stage2": (13, 13, 6),
        "stage3": (6, 6, 8),
        "fc6": (24,),
        "fc7": (12,),
    }


def test_dropout_stands_before_both_fully_connected_layers():
    @quick
    def run(x):
        call = functools.partial(TINY.apply, drawn(), taps=("fc6", "fc7"), rngs={"dropout": jax.random.key(0)}, start="fc6")
        return call(x).taps, call(x, train=("fc6",)).taps, call(x, train=("fc7",)).taps

    calm, *rough = run(np.ones((1, 6, 6, 8), np.float32))
    for stage, out in zip(("fc6", "fc7"), rough, strict=True):
        kept = (out[stage] > 0) & (calm[stage] > 0)
        assert kept.any() and (np.abs(out[stage] / calm[stage] - 2)[kept] > 1e-3).all(), "what dropout behind a layer keeps, it doubles"


def test_without_fully_connected_layers_the_last_map_is_averaged():
    model = models.create("alexnet(width=2, fc=())", 3)
    bare = {"params": {"backbone": {k: v for k, v in drawn()["params"]["backbone"].items() if k[:2] != "fc"}}}
    out = quick(lambda x: model.apply(bare, x, stop="head", taps=("stage3",)))(X)
    np.testing.assert_allclose(out.features, out.taps["stage3"].mean((1, 2)), rtol=1e-5)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="width=0"):
        models.create("alexnet(width=0)", 3)
    with pytest.raises(ValueError, match=r"fc=\(5, 0\)"):
        models.create("alexnet(fc=(5, 0))", 3)
    with pytest.raises(ValueError, match="the images are too small"):
        models.shapes(models.create("alexnet(width=2)", 3, input_size=(40, 224)))
