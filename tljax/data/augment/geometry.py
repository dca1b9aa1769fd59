"""Flips, crops, erased rectangles."""

import dm_pix as pix
import jax
import jax.numpy as jnp

from tljax.data.augment import box
from tljax.data.augment.operation import Operation, check_probability, chosen, per_image, register


@register
def flip(p: float = 0.5) -> Operation:
    """Left and right are exchanged with probability `p`."""
    check_probability("flip", p)
    return per_image(lambda key, x: pix.random_flip_left_right(key, x, probability=p))


@register
def pad_crop(padding: int = 4, mode: str = "zero") -> Operation:
    """A crop of the image's own size out of the image padded on all sides.

    Args:
      padding: pixels on each side.
      mode: ``"zero"``, or ``"reflect"`` (without repeating the edge; needs an image larger than `padding`).
    """
    if padding < 0 or mode not in ("zero", "reflect"):
        raise ValueError(f"pad_crop(padding={padding}, mode={mode!r}): padding of 0 or more pixels, mode 'zero' or 'reflect'")

    def change(key: jax.Array, x: jax.Array) -> jax.Array:
        if mode == "reflect" and padding >= min(x.shape[:2]):
            raise ValueError(f"pad_crop(padding={padding}, mode='reflect'): an image {list(x.shape)} is too small to be reflected")
        sides = ((padding, padding), (padding, padding), (0, 0))
        return pix.random_crop(key, jnp.pad(x, sides, mode="constant" if mode == "zero" else mode), x.shape)

    return per_image(change)


@register
def random_resized_crop(scale: tuple[float, float] = (0.08, 1.0), ratio: tuple[float, float] = (3 / 4, 4 / 3)) -> Operation:
    """A random rectangle of the image, enlarged to the image's size (Szegedy et al. 2015, section 6).

    The rectangle is not rounded to whole pixels. Interpolation is linear, by one matrix [H, H] and one [W, W] for each image (H W C (H + W)
    multiply-adds, made for matrix units); a crop is never larger than the image, so there is nothing to antialias.

    The image is what `tljax.data.on_host` leaves of the file, resized and cropped in its centre: the border that `crop_fraction` cuts off
    is never seen, nor are the ends of a longer side. With a `crop_fraction` of 1 it is the largest square (for another input size: the
    largest rectangle of its shape) in the centre of the file's image.

    Args:
      scale: range of the rectangle's area as a part of the image's.
      ratio: range of its width / height.
    """
    box.check("random_resized_crop", scale, ratio)

    def change(key: jax.Array, x: jax.Array) -> jax.Array:
        corner, sides = box.draw(key, (x.shape[0], x.shape[1]), scale, ratio)
        zoom = jnp.array(x.shape[:2], jnp.float32) / sides
        y = jax.image.scale_and_translate(x, x.shape, (0, 1), zoom, -corner * zoom, method="linear", antialias=False)
        return jnp.clip(y, 0, 1)

    return per_image(change)


@register
def erase(
    p: float = 0.25, scale: tuple[float, float] = (0.02, 0.33), ratio: tuple[float, float] = (0.3, 3.3), fill: float = 0.5
) -> Operation:
    """With probability `p` a random rectangle takes the value `fill` (Zhong et al. 2020, algorithm 1, with a constant)."""
    check_probability("erase", p)
    box.check("erase", scale, ratio)
    if not 0 <= fill <= 1:
        raise ValueError(f"erase(fill={fill}): a value in [0, 1]")

    def change(key: jax.Array, x: jax.Array) -> jax.Array:
        corner, sides = box.draw(jax.random.fold_in(key, 0), (x.shape[0], x.shape[1]), scale, ratio)
        inside = box.mask(x.shape[0], x.shape[1], corner, corner + sides)
        return jnp.where(inside & chosen(jax.random.fold_in(key, 1), p), fill, x)

    return per_image(change)
