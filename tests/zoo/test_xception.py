"""Xception: published size, resolutions, options."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.zoo.stage_shapes import stage_shapes
from tljax import models, trees

TINY = "xception(width=0.03125, middle=1)"


@functools.cache
def built():
    """A narrow model, and variables that need no compilation."""
    model, r = models.create(TINY, 3), np.random.default_rng(1)
    return model, jax.tree.map(lambda leaf: jnp.asarray(r.uniform(0.1, 0.5, leaf.shape), jnp.float32), models.shapes(model))


def test_the_size_is_that_of_the_published_model():
    statistics = 54_528  # Keras's summary counts BatchNorm's
    model = models.shapes(models.create("xception", 1000))
    assert trees.size(model["params"]) == 22_910_480 - statistics and trees.size(model["batch_stats"]) == statistics


def test_resolutions():
    assert stage_shapes(models.create(TINY, 3), 299, 299) == [(147, 147, 2), (74, 74, 4), (37, 37, 8), (19, 19, 22), (10, 10, 64)]
    assert stage_shapes(models.create(TINY, 3), 64, 71)[-1] == (2, 3, 64)


def test_the_padding_of_the_maxima_matters_where_the_size_is_even():
    model, variables = built()
    other = models.create("xception(width=0.03125, middle=1, padding='symmetric')", 3)
    for side, differs in ((8, True), (9, False)):
        x = {"x": np.random.default_rng(0).uniform(size=(1, side, side, 2)).astype(np.float32)}
        a, b = (jax.jit(functools.partial(m.apply, start="stage1", stop="stage2"))(variables, x).batch["x"] for m in (model, other))
        assert a.shape == b.shape and (np.abs(a - b).max() > 1e-3) == differs


@pytest.mark.parametrize(
    ("options", "said"), [("padding='same'", "padding='same'"), ("middle=9", "middle=9 lies in 0 to 8"), ("width=0.01", "no channels")]
)
def test_mistakes_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        models.create(f"xception({options})", 3)


def test_images_that_leave_no_pixel_are_refused():
    with pytest.raises(ValueError, match="4 x 4 pixels are too small"):
        stage_shapes(models.create(TINY, 3), 4, 4)
