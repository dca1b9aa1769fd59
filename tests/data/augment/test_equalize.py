import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.data.augment.batches import smooth
from tljax.data.augment.equalize import _by_places, _by_products, equalize

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "picture",
    [
        smooth(40, 40),
        RNG.integers(0, 256, (40, 40, 3), np.uint8),
        RNG.integers(100, 140, (40, 40, 3), np.uint8),
        RNG.integers(0, 256, (5, 5, 3), np.uint8),  # fewer pixels than levels
        np.full((40, 40, 3), 77, np.uint8),  # one level
        np.where(np.arange(1600).reshape(40, 40, 1) < 1100, 255, np.full((1, 1, 3), 3)).astype(np.uint8),
    ],
)
def test_it_is_pillows_equalization_in_both_ways(picture):
    wanted = np.asarray(ImageOps.equalize(Image.fromarray(picture)))
    assert np.array_equal(np.round(255 * np.asarray(jax.jit(equalize)(jnp.asarray(picture / 255, jnp.float32)))), wanted)
    levels = jnp.asarray(picture.reshape(-1, 3), jnp.int32)
    places, products = jax.jit(lambda x: (_by_places(x), _by_products(x)))(levels)
    assert np.array_equal(places, products) and np.array_equal(places, wanted.reshape(-1, 3))
