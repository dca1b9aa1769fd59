"""The augmentation: steps that move, recolor or mix examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tljax import registry
from tljax.data.spatial import Affine, Size


@dataclass(frozen=True)
class Move:
    """One draw of a spatial step: its map of pixels (image [H, W, C] -> image of the same shape) and its map of coordinates."""

    pixels: Callable[[jax.Array], jax.Array]
    coordinates: Affine


@dataclass(frozen=True)
class Spatial:
    """A step that moves all spatial fields of an example alike: ``draw(key, (H, W)) -> Move``."""

    draw: Callable[[jax.Array, Size], Move]


@dataclass(frozen=True)
class Color:
    """A step that changes the values of x in place: ``change(key, x [H, W, C]) -> x``. Other images may be targets and stay."""

    change: Callable[[jax.Array, jax.Array], jax.Array]


@dataclass(frozen=True)
class Mixing:
    """A step that mixes the examples of a batch: ``mix(keys [B], batch, label [B, ...] float32) -> (x, label)``."""

    mix: Callable[[jax.Array, dict[str, Any], jax.Array], tuple[jax.Array, jax.Array]]


@dataclass(frozen=True)
class HostCrop:
    """A step in the loader: it chooses the rectangle of the whole image that is resized to the model's input size.

    Args:
      draws: number of random numbers that it takes.
      rectangle: ``(numbers float64 [draws] in [0, 1), (H, W)) -> (corner, sides)``, both [2], rows first, in pixels.
    """

    draws: int
    rectangle: Callable[[np.ndarray, Size], tuple[np.ndarray, np.ndarray]]


Step = Spatial | Color | Mixing | HostCrop


@dataclass(frozen=True)
class Operation:
    """An augmentation: steps one after the other. All steps of an example get one key, and images as float32 in [0, 1].

    Attributes:
      steps: the steps, in order.
      call: the expression that makes it, set by the registry.
    """

    steps: tuple[Step, ...]
    call: str = field(default="", init=False)

    @property
    def on_host(self) -> bool:
        """True if it runs in the loader."""
        return any(isinstance(step, HostCrop) for step in self.steps)


Expressions = Sequence[str | Operation]

operations = registry.Registry("augmentation")
register = operations.register


def create(expressions: Expressions) -> list[tuple[str, Operation]]:
    """``[(name, operation), ...]`` of call expressions or operations, in order.

    Raises:
      KeyError: an unknown operation.
      ValueError: arguments that it does not take or values out of range, one text instead of a tuple, an operation of the loader that does
        not come first.
    """
    if isinstance(expressions, str):
        raise ValueError(f"augmentations are a tuple of expressions, not one text: ({expressions!r},)")
    named = []
    for expression in expressions:
        operation: Operation = expression if isinstance(expression, Operation) else operations.create(expression)
        call = (operation.call or "the operation") if isinstance(expression, Operation) else str(expression)
        named.append((call.split("(")[0].strip(), operation))
    for place, (name, operation) in enumerate(named):
        if operation.on_host and place:
            raise ValueError(f"{name} crops the whole image in the loader, so it must come first, and once; the first is {named[0][0]}")
    return named


def uniform(key: jax.Array, low: float = 0.0, high: float = 1.0) -> jax.Array:
    """A float32 scalar, uniform in [low, high); float32 even if jax defaults to 64 bits, so that images do not depend on that."""
    return jax.random.uniform(key, (), jnp.float32, minval=low, maxval=high)


def snap(values: jax.typing.ArrayLike, bits: int = 15) -> jax.Array:
    """Values rounded to the nearest multiples of ``2^-bits``; 15 bits are 128 steps to each of an 8-bit image.

    Images on 15 bits times factors on 8 bits are exact in float32, so sums of such products do not depend on how a compiler fuses and
    orders them for another number of devices. Otherwise a last bit could push a pixel over a threshold of a later step.
    """
    return jnp.round(jnp.asarray(values) * 2.0**bits) / 2.0**bits


def chosen(key: jax.Array, p: float) -> jax.Array:
    """True with probability `p`."""
    return uniform(key) < p


def check_probability(name: str, p: float) -> None:
    """Raises ValueError for `p` outside [0, 1]."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}(p={p}): expected a probability in [0, 1]")


def check_fill(name: str, fill: float) -> None:
    """Raises ValueError for a pixel's value outside [0, 1]."""
    if not 0 <= fill <= 1:
        raise ValueError(f"{name}(fill={fill}): expected a value in [0, 1]")
