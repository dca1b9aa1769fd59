import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from tests.data.augment.batches import images, smooth
from tljax import data
from tljax.data.augment import color

PICTURE = smooth(20, 24)
X = jnp.asarray(PICTURE / 255, jnp.float32)


@pytest.mark.parametrize("factor", [0.25, 0.75, 1.5])
def test_blends_are_pillows_enhancements(factor):
    picture = Image.fromarray(PICTURE)
    for kind, other in ((ImageEnhance.Brightness, 0.0), (ImageEnhance.Contrast, color.mean_gray(X)), (ImageEnhance.Color, color.gray(X))):
        wanted = np.asarray(kind(picture).enhance(factor), np.float32)
        assert np.abs(255 * np.asarray(color.blend(X, other, factor)) - wanted).max() < 2, kind


@given(st.floats(0, 2))
@settings(max_examples=25, deadline=None)
def test_a_blend_stays_in_range_and_ends_at_both_images(f):
    black = color.blend(X, 0.0, f)
    assert black.min() >= 0 and black.max() <= 1
    assert np.abs(color.blend(X, 0.5, 1.0) - X).max() < 2**-15 and np.abs(color.blend(X, 0.5, 0.0) - 0.5).max() == 0


def jittered(expression, batch):
    return np.asarray(jax.jit(data.augmentation((expression,), 3, 0))(batch)["x"])


def test_hue_turns_the_hue_alone():
    batch = images(6, (4, 4))
    out = jittered("color(0, 0, 0, hue=0.3)", batch).reshape(6, -1, 3)
    for before, after in zip((batch["x"] / 255).reshape(6, -1, 3), out, strict=True):
        a, b = (np.array([colorsys.rgb_to_hsv(*pixel) for pixel in pixels]) for pixels in (before, after))
        assert np.abs(a[:, 1:] - b[:, 1:]).max() < 2e-3
        turned = (b[:, 0] - a[:, 0] + 0.5) % 1 - 0.5
        assert np.ptp(turned) < 2e-3 and abs(turned.mean()) <= 0.302 and abs(turned.mean()) > 1e-3


def test_each_example_has_its_own_factor_within_the_range():
    flat = {**images(100), "x": np.full((100, 2, 2, 3), 0.25, np.float32)}
    factors = jittered("color(brightness=0.5, contrast=0, saturation=0, hue=0)", flat)[:, 0, 0, 0] / 0.25
    assert factors.min() >= 0.5 and factors.max() <= 1.5 and factors.min() < 0.6 and factors.max() > 1.4


def test_gray_images_have_neither_saturation_nor_hue():
    gray = images(4, channels=1)
    assert np.abs(jittered("color(0, 0, saturation=0.9, hue=0.5)", gray) - gray["x"] / 255).max() < 2**-15
    three = {**gray, "x": np.repeat(gray["x"], 3, axis=-1)}
    assert np.abs(jittered("color(0, 0, saturation=0.9, hue=0.5)", three) - three["x"] / 255).max() < 2**-13
    assert np.abs(jittered("color(0.4, 0.4)", gray) - gray["x"] / 255).max() > 0.05
