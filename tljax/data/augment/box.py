"""A rectangle of random area in an image."""

from typing import Any

import jax
import jax.numpy as jnp

TRIES = 10
DRAWS = 2 * TRIES + 2


def check(name: str, scale: tuple[float, float], ratio: tuple[float, float]) -> None:
    """Raises ValueError for ranges from which `choose` cannot draw."""
    if len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
        raise ValueError(f"{name}(scale={scale}): expected the smallest and the largest part of the image's area, in (0, 1]")
    if len(ratio) != 2 or not 0 < ratio[0] <= ratio[1] < float("inf"):
        raise ValueError(f"{name}(ratio={ratio}): expected the smallest and the largest width / height, above 0")


def draw(key: jax.Array, size: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float]) -> tuple[jax.Array, jax.Array]:
    """`choose` with float32 numbers that follow from `key`."""
    area, aspect, place = jax.random.split(key, 3)
    shapes = ((area, TRIES), (aspect, TRIES), (place, 2))
    return choose(jnp.concat([jax.random.uniform(part, (n,), jnp.float32) for part, n in shapes]), size, scale, ratio)


def choose(numbers: Any, size: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float]) -> tuple[Any, Any]:
    """``(corner, sides)`` of a rectangle inside an image of `size` (H, W), both [2] (rows, columns), in pixels.

    The area is uniform in H W `scale`, the logarithm of width / height uniform in that of `ratio`, the place uniform (Szegedy et al. 2015,
    section 6). The first of ten draws that fits is taken; if none does, the first is cut to the image.

    Args:
      numbers: [DRAWS], uniform in [0, 1), of numpy or jax.
      size: (H, W) of the image.
      scale: smallest and largest part of the area.
      ratio: smallest and largest width / height.
    """
    xp = numbers.__array_namespace__()
    image, parts, logs = (xp.asarray(values, dtype=numbers.dtype) for values in (size, scale, ratio))
    logs = xp.log(logs)
    area = image.prod() * (parts[0] + numbers[:TRIES] * (parts[1] - parts[0]))
    aspect = xp.exp(logs[0] + numbers[TRIES:-2] * (logs[1] - logs[0]))
    sides = xp.stack([xp.sqrt(area / aspect), xp.sqrt(area * aspect)], axis=1)
    fits = (sides <= image * (1 + 1e-6)).all(axis=1)  # with a margin, as the whole image must fit in spite of rounding
    first = xp.minimum(sides[fits.argmax()], image)
    return numbers[-2:] * (image - first), first


def mask(height: int, width: int, start: jax.Array, stop: jax.Array) -> jax.Array:
    """The pixels whose center is in the rectangle from `start` to `stop` (both [2]: row, column), as bool [H, W, 1]."""
    rows, columns = (jnp.arange(n, dtype=jnp.float32) + 0.5 for n in (height, width))
    inside = ((start[0] <= rows) & (rows < stop[0]))[:, None] & ((start[1] <= columns) & (columns < stop[1]))
    return inside[..., None]
