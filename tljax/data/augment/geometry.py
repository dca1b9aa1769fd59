"""Flips, crops, rotations, translations, erased rectangles."""

import math

import jax
import jax.numpy as jnp

from tljax.data import spatial
from tljax.data.augment import box, warp
from tljax.data.augment.operation import (
    Color,
    HostCrop,
    Move,
    Operation,
    Spatial,
    check_fill,
    check_probability,
    chosen,
    register,
    snap,
    uniform,
)
from tljax.data.spatial import Size


@register
def flip(p: float = 0.5) -> Operation:
    """A left-right flip with probability `p`."""
    check_probability("flip", p)

    def draw(key: jax.Array, size: Size) -> Move:
        flips, sides = jax.random.bernoulli(key, p), jnp.array(size, jnp.float32)
        corner = jnp.where(flips, jnp.array([0, size[1]], jnp.float32), 0)
        affine = spatial.window(corner, jnp.where(flips, sides * jnp.array([1, -1]), sides), source=size, size=size)
        return Move(lambda x: jnp.where(flips, x[:, ::-1], x), affine)

    return Operation((Spatial(draw),))


@register
def pad_crop(padding: int = 4, mode: str = "zero") -> Operation:
    """A random crop of the image's own size out of the image padded on all sides.

    Masks are padded with -1, or reflected like the image. Boxes and points that a reflection repeats are not added.

    Args:
      padding: pixels on each side.
      mode: ``"zero"``, or ``"reflect"`` (without repeating the edge; needs an image larger than `padding`).
    """
    if padding < 0 or mode not in ("zero", "reflect"):
        raise ValueError(f"pad_crop(padding={padding}, mode={mode!r}): expected padding of 0 or more pixels, mode 'zero' or 'reflect'")
    reflect = mode == "reflect"

    def draw(key: jax.Array, size: Size) -> Move:
        if reflect and padding >= min(size):
            raise ValueError(f"pad_crop(padding={padding}, mode='reflect'): an image {list(size)} must be larger than the padding")
        start = jax.random.randint(key, (2,), 0, 2 * padding + 1)
        sides = ((padding, padding), (padding, padding), (0, 0))

        def pixels(x: jax.Array) -> jax.Array:
            padded = jnp.pad(x, sides, mode="reflect" if reflect else "constant")
            return jax.lax.dynamic_slice(padded, (start[0], start[1], 0), x.shape)

        corner = (start - padding).astype(jnp.float32)
        return Move(pixels, spatial.window(corner, jnp.array(size, jnp.float32), source=size, size=size, reflect=reflect))

    return Operation((Spatial(draw),))


@register
def random_resized_crop(scale: tuple[float, float] = (0.08, 1.0), ratio: tuple[float, float] = (3 / 4, 4 / 3)) -> Operation:
    """In the loader: a random rectangle of the whole image, resized to the model's input size (Szegedy et al. 2015, section 6).

    It replaces the resize and center crop of `tljax.data.on_host`, so it sees the whole image in full resolution. The resize is the Pillow
    filter of the model's preprocessing, antialiased. It must be the first augmentation.

    Args:
      scale: range of the rectangle's area as a part of the image's.
      ratio: range of its width / height.
    """
    box.check("random_resized_crop", scale, ratio)
    return Operation((HostCrop(box.DRAWS, lambda numbers, size: box.choose(numbers, size, scale, ratio)),))


@register
def random_zoom(scale: tuple[float, float] = (0.08, 1.0), ratio: tuple[float, float] = (3 / 4, 4 / 3)) -> Operation:
    """A random rectangle of the image in the batch, enlarged to the image's size: `random_resized_crop` on the device.

    Crops may differ between the views of one batch. They show only the part of a file's image that the loader leaves.

    The rectangle is not rounded to whole pixels. Interpolation is linear, by one matrix [H, H] and one [W, W] for each image (H W C (H + W)
    multiply-adds, suited to matrix units). A crop is never larger than the image, so no antialiasing is needed.

    Args:
      scale: range of the rectangle's area as a part of the image's.
      ratio: range of its width / height.
    """
    box.check("random_zoom", scale, ratio)

    def draw(key: jax.Array, size: Size) -> Move:
        corner, sides = box.draw(key, size, scale, ratio)
        zoom = jnp.array(size, jnp.float32) / sides

        def pixels(x: jax.Array) -> jax.Array:
            y = jax.image.scale_and_translate(x, x.shape, (0, 1), scale=zoom, translation=-corner * zoom, method="linear", antialias=False)
            return jnp.clip(y, 0, 1)

        return Move(pixels, spatial.window(corner, sides, source=size, size=size))

    return Operation((Spatial(draw),))


@register
def rotate(degrees: float = 15.0, fill: float = 0.5) -> Operation:
    """A rotation around the center by an angle uniform in [-degrees, degrees]; the size stays, corners are cut off.

    Args:
      degrees: in [0, 180].
      fill: value of pixels from outside the image.
    """
    check_fill("rotate", fill)
    if not 0 <= degrees <= 180:
        raise ValueError(f"rotate(degrees={degrees}): expected an angle in [0, 180]")
    largest = math.radians(min(degrees, 90))  # larger angles are a half turn, without interpolation, and the rest

    def draw(key: jax.Array, size: Size) -> Move:
        angle = math.radians(1) * uniform(key, -degrees, degrees)
        half_turns = jnp.round(angle / math.pi)
        rest = angle - math.pi * half_turns
        slopes = -jnp.tan(rest / 2), jnp.sin(rest), -jnp.tan(rest / 2)
        still, margin = (jnp.float32(0), jnp.float32(0)), math.ceil(math.tan(largest / 2) * size[0] / 2)

        def pixels(x: jax.Array) -> jax.Array:
            x = jnp.where(half_turns != 0, x[::-1, ::-1], x) if degrees > 90 else x
            return warp.shears(x, slopes, still, margin=margin, fill=fill)

        sign = jnp.where(half_turns != 0, -1.0, 1.0)
        return Move(pixels, spatial.around_center(sign * warp.inverse(slopes, still), size))

    return Operation((Spatial(draw),))


@register
def translate(x: float = 0.1, y: float = 0.1, fill: float = 0.5) -> Operation:
    """A translation, uniform and independent along both axes.

    Args:
      x: the largest translation to either side, as a part of the width, in [0, 1].
      y: the same along the height.
      fill: value of pixels from outside the image.
    """
    check_fill("translate", fill)
    if not 0 <= x <= 1 or not 0 <= y <= 1:
        raise ValueError(f"translate(x={x}, y={y}): expected parts of the width and of the height, in [0, 1]")

    def draw(key: jax.Array, size: Size) -> Move:
        part = jax.random.uniform(key, (2,), jnp.float32, minval=-1, maxval=1)
        by = snap(part * jnp.array([y * size[0], x * size[1]], jnp.float32), 8)

        def pixels(image: jax.Array) -> jax.Array:
            image = warp.shift(image, jnp.broadcast_to(by[1], size[:1]), fill)
            return warp.shift(image.swapaxes(0, 1), jnp.broadcast_to(by[0], size[1:]), fill).swapaxes(0, 1)

        return Move(pixels, spatial.window(-by, jnp.array(size, jnp.float32), source=size, size=size))

    return Operation((Spatial(draw),))


@register
def erase(
    p: float = 0.25, scale: tuple[float, float] = (0.02, 0.33), ratio: tuple[float, float] = (0.3, 3.3), fill: float = 0.5
) -> Operation:
    """With probability `p` a random rectangle of x takes the value `fill` (Zhong et al. 2020, algorithm 1, with a constant).

    Masks, boxes and points stay, so the model must infer the erased part.
    """
    check_probability("erase", p)
    box.check("erase", scale, ratio)
    check_fill("erase", fill)

    def change(key: jax.Array, x: jax.Array) -> jax.Array:
        corner, sides = box.draw(jax.random.fold_in(key, 0), (x.shape[0], x.shape[1]), scale, ratio)
        inside = box.mask(x.shape[0], x.shape[1], corner, corner + sides)
        return jnp.where(inside & chosen(jax.random.fold_in(key, 1), p), fill, x)

    return Operation((Color(change),))
