"""RandAugment: random operations of one magnitude."""

import functools
import math

import jax
import jax.numpy as jnp

from tljax.data import spatial
from tljax.data.augment import warp
from tljax.data.augment.color import blend, check_channels, gray, mean_gray
from tljax.data.augment.equalize import equalize
from tljax.data.augment.operation import Color, Move, Operation, Spatial, check_fill, register, snap
from tljax.data.spatial import Size

NAMES = (
    "identity", "autocontrast", "equalize", "rotate", "solarize", "color", "posterize",
    "contrast", "brightness", "sharpness", "shear_x", "shear_y", "translate_x", "translate_y",
)  # fmt: skip
ROTATE, SHEAR, TRANSLATE, ENHANCE, POSTERIZE = math.radians(30), 0.3, 150 / 331, 0.9, 4  # at magnitude 10


@register
def randaugment(layers: int = 2, magnitude: float = 9, fill: float = 0.5) -> Operation:
    """`layers` operations one after the other, each drawn from 14 with equal chances (Cubuk et al. 2020, section 3).

    The operations are `NAMES`. Their strength is linear in the magnitude, with random signs. At 10 it is that of AutoAugment (Cubuk et al.
    2019, appendix): 30 degrees, slope 0.3, 150/331 of the side, 4 bits left, everything solarized, blends by 1 +- 0.9. At 0 all but
    autocontrast and equalize do nothing. Shears and rotations keep the center; like translations they also move masks, boxes and points.
    Color leaves images of one channel as they are.

    Every example runs the same program, which accelerators need: a layer is one warp, one blend and one change of tone, each of which does
    nothing unless its kind was drawn. So a layer costs about as much as its most expensive operations, not as all 14.

    Args:
      layers: N of the paper, at least 1.
      magnitude: M of the paper, in [0, 10].
      fill: value of pixels from outside the image.
    """
    check_fill("randaugment", fill)
    if layers < 1 or not 0 <= magnitude <= 10:
        raise ValueError(f"randaugment(layers={layers}, magnitude={magnitude}): expected at least 1 layer and a magnitude in [0, 10]")

    def drawn(key: jax.Array, layer: int) -> tuple[jax.Array, jax.Array]:
        which, sign = jax.random.split(jax.random.split(key, layers)[layer])
        number = jax.random.randint(which, (), minval=0, maxval=len(NAMES), dtype=jnp.int32)
        return number, jax.random.rademacher(sign, (), jnp.float32)

    def steps(layer: int) -> tuple[Spatial, Color]:
        def move(key: jax.Array, size: Size) -> Move:
            return moved(*drawn(key, layer), magnitude=magnitude / 10, size=size, fill=fill)

        def change(key: jax.Array, x: jax.Array) -> jax.Array:
            check_channels("randaugment", x)
            return colored(x, *drawn(key, layer), magnitude=magnitude / 10)

        return Spatial(move), Color(change)

    return Operation(tuple(step for layer in range(layers) for step in steps(layer)))


def moved(drawn: jax.Array, sign: jax.Array, *, magnitude: float, size: Size, fill: float) -> Move:
    """The spatial part of the operation ``NAMES[drawn]``.

    Args:
      drawn: int32 scalar, index in `NAMES`.
      sign: scalar, 1 or -1.
      magnitude: in [0, 1].
      size: (H, W) of the image.
      fill: value of pixels from outside the image.
    """
    on, (height, width) = _indicators(drawn), size
    outer, inner = -math.tan(ROTATE * magnitude / 2), math.sin(ROTATE * magnitude)

    def by(**kinds: float) -> jax.Array:
        return sign * sum(jnp.where(on[name], value, 0.0) for name, value in kinds.items())

    slopes = by(rotate=outer), by(rotate=inner, shear_y=SHEAR * magnitude), by(rotate=outer, shear_x=SHEAR * magnitude)
    shift = by(translate_x=TRANSLATE * magnitude * width), by(translate_y=TRANSLATE * magnitude * height)
    margin = math.ceil(-outer * height / 2)
    pixels = functools.partial(warp.shears, slopes=slopes, move=shift, margin=margin, fill=fill)
    return Move(pixels, spatial.around_center(warp.inverse(slopes, shift), size))


def colored(x: jax.Array, drawn: jax.Array, sign: jax.Array, *, magnitude: float) -> jax.Array:
    """The part of the operation ``NAMES[drawn]`` that changes values, on an image [H, W, C]; arguments as of `moved`."""
    on = _indicators(drawn)
    return _toned(_blended(snap(x), on, 1 + ENHANCE * magnitude * sign), on, magnitude)


def _indicators(drawn: jax.Array) -> dict[str, jax.Array]:
    return {name: drawn == i for i, name in enumerate(NAMES)}


def _blended(x: jax.Array, on: dict[str, jax.Array], factor: jax.Array) -> jax.Array:
    other = jnp.where(on["contrast"], mean_gray(x), 0) + jnp.where(on["color"], gray(x), 0) + jnp.where(on["sharpness"], smooth(x), 0)
    return jnp.where(on["brightness"] | on["contrast"] | on["color"] | on["sharpness"], blend(x, other, factor), x)


def _toned(x: jax.Array, on: dict[str, jax.Array], magnitude: float) -> jax.Array:
    level, step = jnp.round(255 * x), 2 ** round(POSTERIZE * magnitude)
    x = jnp.where(on["posterize"], snap(jnp.floor(level / step) * step / 255), x)
    x = jnp.where(on["solarize"] & (level >= 256 * (1 - magnitude)), 1 - x, x)
    x = jnp.where(on["autocontrast"], autocontrast(x), x)
    return jnp.where(on["equalize"], snap(equalize(x)), x)


def smooth(x: jax.Array) -> jax.Array:
    """Each pixel [H, W, C] averaged with its 8 neighbors, weights 5 and 1 over 13; the outermost pixels stay."""
    if min(x.shape[:2]) < 3:
        return x
    total = sum(x[i : x.shape[0] - 2 + i, j : x.shape[1] - 2 + j] for i in range(3) for j in range(3))
    return x.at[1:-1, 1:-1].set(snap((total + 4 * x[1:-1, 1:-1]) / 13))


def autocontrast(x: jax.Array) -> jax.Array:
    """Each channel of [H, W, C] stretched so that its values reach 0 and 1; a channel of one value stays."""
    low, high = x.min((0, 1)), x.max((0, 1))
    return jnp.where(high > low, snap((x - low) / jnp.where(high > low, high - low, 1)), x)
