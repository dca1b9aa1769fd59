"""Inception-v3: published sizes, resolutions, options."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.zoo.stage_shapes import stage_shapes
from tljax import models, trees

TINY = "inception_v3(width=0.03125)"


@functools.cache
def built():
    """A narrow model, and variables that need no compilation."""
    model, r = models.create(TINY, 3), np.random.default_rng(1)
    return model, jax.tree.map(lambda leaf: jnp.asarray(r.uniform(0.1, 0.5, leaf.shape), jnp.float32), models.shapes(model))


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ("", 27_161_264 - 3_326_696),  # torchvision's table of weights, less the auxiliary classifier
        ("(norm_scale=False)", 23_851_784 - 2 * 17_216),  # Keras's summary, less BatchNorm's statistics
    ],
)
def test_the_sizes_are_those_of_the_published_models(options, parameters):
    assert trees.size(models.shapes(models.create(f"inception_v3{options}", 1000))["params"]) == parameters


def test_resolutions_of_the_paper():
    assert stage_shapes(models.create(TINY, 3), 299, 299) == [(147, 147, 2), (71, 71, 6), (35, 35, 9), (17, 17, 24), (8, 8, 64)]


def test_counting_the_padding_changes_the_border_alone():
    model, variables = built()
    other = models.create("inception_v3(width=0.03125, count_padding=False)", 3)
    x = np.random.default_rng(0).uniform(size=(1, 15, 15, 6)).astype(np.float32)

    def third(model):  # three modules, each of which carries the border two pixels further at most
        call = functools.partial(model.apply, start="stage2", stop="stage3")
        return jax.jit(call, compiler_options={"xla_backend_optimization_level": 0})(variables, {"x": x}).batch["x"]

    difference = np.abs(third(model) - third(other)).max(-1)[0]
    assert difference.shape == (7, 7) and (difference[[0, -1]] > 0).all() and (difference[:, [0, -1]] > 0).all()


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"width=-1\.0 must be positive"):
        models.create("inception_v3(width=-1.0)", 3)
    with pytest.raises(ValueError, match="the images are too small"):
        stage_shapes(models.create(TINY, 3), 40, 40)
