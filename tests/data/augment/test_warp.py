import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tljax.data.augment import warp

RNG = np.random.default_rng(0)
X = RNG.random((6, 9, 2), np.float32)
both = jax.jit(lambda by: (warp._sliced(0.5)(X, by), warp._rolled(0.5)(X, by)))
shifted = jax.jit(lambda x, by: warp.shift(x, by, 0.5))


@given(st.lists(st.integers(-10, 9), min_size=6, max_size=6))
@settings(max_examples=60, deadline=None)
def test_both_ways_of_moving_rows_are_the_definition(by):
    sliced, rolled = (np.asarray(y) for y in both(jnp.array(by, jnp.int32)))
    assert np.array_equal(sliced, rolled)
    for r, move in enumerate(by):
        wanted = [X[r, i - 1 - move] if 0 <= i - 1 - move < 9 else np.full(2, 0.5, np.float32) for i in range(10)]
        assert np.array_equal(sliced[r], np.array(wanted))


@given(st.lists(st.floats(-30, 30), min_size=6, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_shift_interpolates_between_pixels(by):
    out = np.asarray(shifted(X, jnp.array(by, jnp.float32)))
    for r, move in enumerate(by):
        place = np.arange(9) - np.round(move * 256) / 256
        wanted = np.stack([np.interp(place, np.arange(-1, 10), np.pad(X[r, :, c], 1, constant_values=0.5)) for c in range(2)], -1)
        assert np.abs(out[r] - wanted).max() < 1e-4


@pytest.mark.parametrize("degrees", [-30, 10, 30])
def test_three_shears_are_a_rotation(degrees):
    v, u = np.mgrid[:41, :33] / 41
    x = (0.5 + 0.4 * np.sin(5 * u + 3 * v)).astype(np.float32)
    a = math.radians(degrees)
    slopes = [jnp.float32(s) for s in (-math.tan(a / 2), math.sin(a), -math.tan(a / 2))]
    margin = math.ceil(abs(math.tan(a / 2)) * 41 / 2)
    turned = np.asarray(warp.shears(jnp.asarray(x[..., None]), slopes, (jnp.float32(0), jnp.float32(0)), margin, 0.5))[..., 0]
    wanted = ndimage.rotate(x, -degrees, reshape=False, order=1, cval=np.nan)
    inside = ndimage.binary_erosion(np.isfinite(wanted), iterations=3)
    assert inside.mean() > 0.5 and np.abs(turned - wanted)[inside].max() < 0.02
    outside = ndimage.binary_erosion(np.isnan(wanted), iterations=3, border_value=1)
    assert outside.any() and np.abs(turned[outside] - 0.5).max() < 1e-6
