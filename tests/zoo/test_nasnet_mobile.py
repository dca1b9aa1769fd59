"""NASNet-Mobile: published size, resolutions, the second input of a cell."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.zoo.stage_shapes import stage_shapes
from tljax import models, trees
from tljax.zoo.nasnet_mobile.model import HALVED, Adjust, stages

TINY = "nasnet_mobile(filters=4, cells=1, stem_width=4)"


@functools.cache
def built():
    """A narrow model, and variables that need no compilation."""
    model, r = models.create(TINY, 3), np.random.default_rng(1)
    return model, jax.tree.map(lambda leaf: jnp.asarray(r.uniform(0.1, 0.5, leaf.shape), jnp.float32), models.shapes(model))


def test_the_size_is_that_of_the_published_model():
    statistics = 36_738  # Keras's summary counts BatchNorm's
    model = models.shapes(models.create("nasnet_mobile", 1000))
    assert trees.size(model["params"]) == 5_326_716 - statistics and trees.size(model["batch_stats"]) == statistics


def test_resolutions_and_widths():
    assert stage_shapes(models.create(TINY, 3), 224, 71) == [(111, 35, 4), (56, 18, 4), (28, 9, 24), (14, 5, 48), (7, 3, 96)]
    assert [len(cells) for cells in stages(44, 4).values()] == [1, 5, 5, 5]


def test_both_inputs_of_a_cell_go_on_to_the_next_stage():
    model, variables = built()
    carry = jax.eval_shape(functools.partial(model.apply, stop="stage2"), variables, np.zeros((2, 32, 32, 3), np.float32)).batch
    assert carry["x"].shape == (2, 8, 8, 4) and carry["previous"].shape == (2, 15, 15, 4)
    r = np.random.default_rng(0)
    batch = {"x": r.normal(size=(2, 3, 4, 48)).astype(np.float32), "previous": r.normal(size=(2, 3, 4, 32)).astype(np.float32)}
    rest = jax.jit(functools.partial(model.apply, start="stage4"), compiler_options={"xla_backend_optimization_level": 0})
    both, without = rest(variables, batch).logits, rest(variables, batch | {"previous": 0 * batch["previous"]}).logits
    assert both.shape == (2, 3) and np.abs(both - without).max() > 1e-3 * np.abs(both).max()
    with pytest.raises(ValueError, match=r"stage4 of nasnet_mobile reads, besides 'x', .* as 'previous'"):
        rest(variables, {"x": batch["x"]})


def test_a_larger_input_is_halved_on_two_grids():
    x = jnp.arange(25.0).reshape(1, 5, 5, 1)
    variables = {
        "params": {name: {"kernel": jnp.ones((1, 1, 1, 1))} for name in ("conv1", "conv2")}
        | {"bn": {"scale": jnp.ones(2), "bias": jnp.zeros(2)}},
        "batch_stats": {"bn": {"mean": jnp.zeros(2), "var": jnp.ones(2)}},
    }
    out = Adjust(2, HALVED, epsilon=0.0, momentum=0.9).apply(variables, x, False)
    np.testing.assert_array_equal(out[0, :, :, 0], x[0, ::2, ::2, 0])
    np.testing.assert_array_equal(out[0, :, :, 1], [[6, 8, 0], [16, 18, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    ("options", "said"), [("filters=6", "filters=6 is a multiple of 4"), ("cells=5", "cells=5"), ("stem_width=0", "=0 above")]
)
def test_mistakes_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        models.create(f"nasnet_mobile({options})", 3)


def test_images_that_leave_no_pixel_are_refused():
    with pytest.raises(ValueError, match="2 x 2 pixels are too small"):
        stage_shapes(models.create(TINY, 3), 2, 2)
