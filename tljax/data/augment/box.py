"""A rectangle of random area in an image."""

import jax
import jax.numpy as jnp

TRIES = 10


def check(name: str, scale: tuple[float, float], ratio: tuple[float, float]) -> None:
    """Raises ValueError for ranges from which `draw` cannot draw."""
    if len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
        raise ValueError(f"{name}(scale={scale}): the smallest and the largest part of the image's area, in (0, 1]")
    if len(ratio) != 2 or not 0 < ratio[0] <= ratio[1] < float("inf"):
        raise ValueError(f"{name}(ratio={ratio}): the smallest and the largest width / height, above 0")


def draw(key: jax.Array, size: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float]) -> tuple[jax.Array, jax.Array]:
    """``(corner, sides)`` of a rectangle inside an image of `size` (H, W), both float32 [2] (rows, columns), in pixels.

    The area is uniform in H W `scale`, the logarithm of width / height uniform in that of `ratio`, the place uniform (Szegedy et al. 2015,
    section 6). Of ten draws the first that fits is taken; where none does, the first is cut to the image.
    """
    image = jnp.array(size, jnp.float32)
    area_key, ratio_key, place_key = jax.random.split(key, 3)
    area = image.prod() * jax.random.uniform(area_key, (TRIES,), jnp.float32, *scale)
    aspect = jnp.exp(jax.random.uniform(ratio_key, (TRIES,), jnp.float32, *jnp.log(jnp.array(ratio, jnp.float32))))
    sides = jnp.stack([jnp.sqrt(area / aspect), jnp.sqrt(area * aspect)], axis=1)
    fits = (sides <= image * (1 + 1e-6)).all(axis=1)  # the whole image fits into itself, whatever the rounding
    first = jnp.minimum(sides[fits.argmax()], image)
    return jax.random.uniform(place_key, (2,), jnp.float32) * (image - first), first


def mask(height: int, width: int, start: jax.Array, stop: jax.Array) -> jax.Array:
    """Which pixels have their centre in the rectangle from `start` to `stop` (both [2]: row, column): bool [H, W, 1]."""
    rows, columns = (jnp.arange(n, dtype=jnp.float32) + 0.5 for n in (height, width))
    inside = ((start[0] <= rows) & (rows < stop[0]))[:, None] & ((start[1] <= columns) & (columns < stop[1]))
    return inside[..., None]
