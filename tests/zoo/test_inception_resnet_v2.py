"""Inception-ResNet-v2: published sizes, resolutions, blocks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, trees

TINY = "inception_resnet_v2(width=0.03125, blocks=(1, 2, 0))"


@functools.cache
def built():
    """A narrow model, and variables that need no compilation."""
    model, r = models.create(TINY, 3), np.random.default_rng(1)
    return model, jax.tree.map(lambda leaf: jnp.asarray(r.uniform(0.1, 0.5, leaf.shape), jnp.float32), models.shapes(model))


def shapes(*size):
    """Of the stages' outputs, for images of a size."""
    model, variables = built()
    out = jax.eval_shape(functools.partial(model.apply, taps=model.stages), variables, np.zeros((1, *size, 3), np.float32))
    return [out.taps[stage].shape[1:] for stage in model.stages]


@pytest.mark.parametrize(
    ("options", "parameters"),
    [("", 55_843_464), ("(norm_scale=False)", 55_873_736 - 60_544)],  # timm's; Keras's summary, less BatchNorm's statistics
)
def test_the_sizes_are_those_of_the_published_models(options, parameters):
    assert trees.size(models.shapes(models.create(f"inception_resnet_v2{options}", 1000))["params"]) == parameters


def test_resolutions_and_blocks():
    assert shapes(299, 299) == [(147, 147, 2), (71, 71, 6), (35, 35, 10), (17, 17, 34), (8, 8, 48)]
    stages = built()[1]["params"]["backbone"]
    blocks = {stage: sorted(name for name in parts if name.startswith(("block", "last"))) for stage, parts in stages.items()}
    assert blocks == {"stem": [], "stage1": [], "stage2": ["block0"], "stage3": ["block0", "block1"], "stage4": ["last"]}


def test_mistakes_are_named():
    for options, said in (("width=0.0", "width=0.0 must be positive"), ("blocks=(1, 2)", r"blocks=\(1, 2\) three numbers")):
        with pytest.raises(ValueError, match=said):
            models.create(f"inception_resnet_v2({options})", 3)
    with pytest.raises(ValueError, match="the images are too small"):
        shapes(40, 40)
