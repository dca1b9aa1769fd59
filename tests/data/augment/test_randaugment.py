import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from tests.data.augment.batches import images, smooth
from tljax import data
from tljax.data.augment import randaugment as ra

SMOOTH, ROUGH = smooth(48, 48), np.random.default_rng(0).integers(30, 220, (48, 48, 3), np.uint8)
WARPS = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")


@functools.partial(jax.jit, static_argnums=3)
def apply(x, drawn, sign, magnitude):
    pixels = ra.moved(drawn, sign, magnitude=magnitude, size=x.shape[:2], fill=0.5).pixels
    return ra.colored(pixels(x), drawn, sign, magnitude=magnitude)


STRENGTH = 0.7


def applied(picture, i, sign, magnitude):
    return apply(jnp.asarray(picture / 255, jnp.float32), jnp.int32(i), jnp.float32(sign), magnitude)


def moved(*matrix):
    picture = Image.fromarray(SMOOTH)
    return picture.transform(picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=(128, 128, 128))


def by_pillow(name, picture, sign):
    factor, slope, move = 1 + sign * 0.9 * STRENGTH, sign * 0.3 * STRENGTH, sign * 150 / 331 * 48 * STRENGTH
    return {
        "identity": lambda: picture,
        "autocontrast": lambda: ImageOps.autocontrast(picture),
        "equalize": lambda: ImageOps.equalize(picture),
        "rotate": lambda: picture.rotate(-30 * STRENGTH * sign, Image.Resampling.BILINEAR, fillcolor=(128, 128, 128)),
        "solarize": lambda: ImageOps.solarize(picture, int(np.ceil(256 * (1 - STRENGTH)))),
        "color": lambda: ImageEnhance.Color(picture).enhance(factor),
        "posterize": lambda: ImageOps.posterize(picture, 8 - round(4 * STRENGTH)),
        "contrast": lambda: ImageEnhance.Contrast(picture).enhance(factor),
        "brightness": lambda: ImageEnhance.Brightness(picture).enhance(factor),
        "sharpness": lambda: ImageEnhance.Sharpness(picture).enhance(factor),
        "shear_x": lambda: moved(1, -slope, slope * 24, 0, 1, 0),
        "shear_y": lambda: moved(1, 0, 0, -slope, 1, slope * 24),
        "translate_x": lambda: moved(1, 0, -move, 0, 1, 0),
        "translate_y": lambda: moved(1, 0, 0, 0, 1, -move),
    }[name]()


@pytest.mark.parametrize("sign", [-1, 1])
def test_each_operation_is_pillows(sign):
    for i, name in enumerate(ra.NAMES):
        picture = SMOOTH if name in WARPS else ROUGH
        wanted = np.asarray(by_pillow(name, Image.fromarray(picture), sign), np.float32)
        off = np.abs(255 * np.asarray(applied(picture, i, sign, STRENGTH)) - wanted).max(-1)
        # where a warp's edge lies inside a pixel, Pillow does not blend image and fill
        edges = {"rotate": 0.08}.get(name, 0.03 if name in WARPS else 0.0)
        assert (off >= 2).mean() <= edges, (name, off.max())
        assert name == "identity" or np.abs(wanted - picture).mean() > 1


def test_magnitude_zero_leaves_all_but_two():
    for i, name in enumerate(ra.NAMES):
        change = np.abs(applied(ROUGH, i, -1, 0.0) - ROUGH / 255).max()
        assert change > 0.1 if name in ("autocontrast", "equalize") else change < 2**-15, name


def test_every_operation_is_drawn_about_equally_often():
    """A layer of magnitude 10 maps a batch of one image to as many results as operations and signs tell apart."""
    batch = {**images(420), "x": np.broadcast_to(smooth(20, 20), (420, 20, 20, 3))}
    out = np.asarray(jax.jit(data.augmentation(("randaugment(layers=1, magnitude=10)",), 3, 0))(batch)["x"])
    _, counts = np.unique(out.reshape(420, -1), axis=0, return_counts=True)
    unsigned, signed = 5, 2 * 9  # identity, autocontrast, equalize, solarize, posterize; the nine others
    assert len(counts) == unsigned + signed
    assert counts.min() >= 5 and (np.sort(counts)[-unsigned:] < 55).all() and (np.sort(counts)[-unsigned:] > 15).all()


def test_two_layers_of_gray_images_are_one_after_the_other():
    batch = {**images(64), "x": np.broadcast_to(smooth(10, 10)[..., :1], (64, 10, 10, 1))}
    out = np.asarray(jax.jit(data.augmentation(("randaugment(layers=2)",), 3, 0))(batch)["x"]).reshape(64, -1)
    assert out.min() >= 0 and out.max() <= 1
    assert len(np.unique(out, axis=0)) > 5 + 2 * 9  # more than one layer can make of one image


@pytest.mark.parametrize("fill", [0.25, 0.5])
def test_what_comes_from_outside_has_the_value_asked_for(fill):
    """A white image stays of one value, unless a shear, a rotation or a translation brings something in."""
    batch = {**images(64), "x": np.ones((64, 20, 20, 3), np.float32)}
    out = np.asarray(jax.jit(data.augmentation((f"randaugment(layers=1, magnitude=10, fill={fill})",), 3, 0))(batch)["x"]).reshape(64, -1)
    moved = out[out.min(1) < out.max(1)]
    assert 10 <= len(moved) <= 40  # 5 of the 14 operations
    assert (moved.min(1) == fill).all() and (moved.max(1) == 1).all()
