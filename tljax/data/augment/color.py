"""Color jitter: brightness, contrast, saturation, hue."""

import dm_pix as pix
import jax
import jax.numpy as jnp

from tljax.data.augment.operation import Color, Operation, register, snap, uniform

_LUMA = (153 / 512, 301 / 512, 58 / 512)  # ITU-R BT.601 (0.299, 0.587, 0.114) in 9 bits: exact sums, see `snap`


@register
def color(brightness: float = 0.4, contrast: float = 0.4, saturation: float = 0.4, hue: float = 0.1) -> Operation:
    """Color jitter, in this order: brightness, contrast, saturation, hue.

    Brightness, contrast and saturation blend the image with black, with its mean gray and with its gray version,
    ``clip(f x + (1 - f) other)``, f uniform in [max(0, 1 - v), 1 + v] (Howard 2013); hue turns the hue angle by a part of the
    circle uniform in [-v, v]. Images of one channel have neither saturation nor hue: these two leave them as they are.

    Args:
      brightness: v, at least 0.
      contrast: v, at least 0.
      saturation: v, at least 0.
      hue: v, in [0, 0.5].
    """
    if min(brightness, contrast, saturation, hue) < 0 or hue > 0.5:
        raise ValueError(
            f"color(brightness={brightness}, contrast={contrast}, saturation={saturation}, hue={hue}): "
            "expected values of at least 0, and hue at most 0.5"
        )

    def change(key: jax.Array, x: jax.Array) -> jax.Array:
        keys = jax.random.split(key, 4)
        check_channels("color", x)
        x = snap(x)
        if brightness:
            x = blend(x, 0.0, _factor(keys[0], brightness))
        if contrast:
            x = blend(x, mean_gray(x), _factor(keys[1], contrast))
        if saturation:
            x = blend(x, gray(x), _factor(keys[2], saturation))
        if hue and x.shape[-1] == 3:
            x = snap(jnp.clip(pix.adjust_hue(x, uniform(keys[3], -hue, hue)), 0, 1))
        return x

    return Operation((Color(change),))


def check_channels(name: str, x: jax.Array) -> None:
    """Raises ValueError for images of other than 1 or 3 channels."""
    if x.shape[-1] not in (1, 3):
        raise ValueError(f"{name}: expected images of 1 or 3 channels (gray, RGB), found {x.shape[-1]} channels")


def blend(x: jax.Array, other: jax.typing.ArrayLike, f: jax.typing.ArrayLike) -> jax.Array:
    """``clip(f x + (1 - f) other, 0, 1)`` (Haeberli and Voorhies 1994): f = 1 gives x, f = 0 the other, f > 1 moves away from the other.

    Both images are on 15 bits (`snap`), and so is the result; f is rounded to 8 bits.
    """
    f = snap(f, 8)
    return snap(jnp.clip(f * x + (1 - f) * other, 0, 1))


def gray(x: jax.Array) -> jax.Array:
    """Luma of an image [H, W, 3] as [H, W, 1], on 15 bits; an image of one channel as it is."""
    return x if x.shape[-1] == 1 else snap((x * jnp.array(_LUMA, jnp.float32)).sum(-1, keepdims=True))


def mean_gray(x: jax.Array) -> jax.Array:
    """The mean luma of an image [H, W, C], a scalar. Pixels are rounded to 8 bits, as a sum of integers does not depend on its order."""
    level = jnp.round(255 * gray(x)).astype(jnp.int32)
    return snap(level.sum().astype(jnp.float32) / (255 * level.size))


def _factor(key: jax.Array, v: float) -> jax.Array:
    return uniform(key, max(0.0, 1 - v), 1 + v)
