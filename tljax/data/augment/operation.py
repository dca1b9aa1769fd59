"""What an augmentation is: steps that move, recolor or mix examples."""

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
    """One draw of a spatial step: a pair of maps, of pixels (image [H, W, C] -> image of the same shape) and of coordinates."""

    pixels: Callable[[jax.Array], jax.Array]
    coordinates: Affine


@dataclass(frozen=True)
class Spatial:
    """A step that moves all spatial fields of an example alike: ``draw(key, (H, W)) -> Move``."""

    draw: Callable[[jax.Array, Size], Move]


@dataclass(frozen=True)
class Color:
    """A step that changes the values of x where they are: ``change(key, x [H, W, C]) -> x``. Other images may be targets and stay."""

    change: Callable[[jax.Array, jax.Array], jax.Array]


@dataclass(frozen=True)
class Mixing:
    """A step that mixes the examples of a batch: ``mix(keys [B], batch, label [B, ...] float32) -> (x, label)``."""

    mix: Callable[[jax.Array, dict[str, Any], jax.Array], tuple[jax.Array, jax.Array]]


@dataclass(frozen=True)
class HostCrop:
    """A step in the loader: the rectangle of the whole image that is resized to the model's input size.

    Args:
      draws: how many random numbers it takes.
      rectangle: ``(numbers float64 [draws] in [0, 1), (H, W)) -> (corner, sides)``, both [2], rows first, in pixels.
    """

    draws: int
    rectangle: Callable[[np.ndarray, Size], tuple[np.ndarray, np.ndarray]]


Step = Spatial | Color | Mixing | HostCrop


@dataclass(frozen=True)
class Operation:
    """An augmentation: steps one after the other. All steps of an example get one key, and images as float32 in [0, 1].

    Attributes:
      steps: what is done.
      call: the expression that makes it, set by the registry.
    """

    steps: tuple[Step, ...]
    call: str = field(default="", init=False)

    @property
    def on_host(self) -> bool:
        """Whether it runs in the loader."""
        return any(isinstance(step, HostCrop) for step in self.steps)


Expressions = Sequence[str | Operation]

operations = registry.Registry("augmentation")
register = operations.register


def create(expressions: Expressions) -> list[tuple[str, Operation]]:
    """The operations by name, in order.

    Raises:
      KeyError: an unknown operation. ValueError: arguments that it does not take or values out of range, one text instead of a tuple, an
        operation of the loader that does not come first.
    """
    if isinstance(expressions, str):
        raise ValueError(f"augmentations are a tuple of expressions, not one text: ({expressions!r},)")
    named = []
    for one in expressions:
        operation: Operation = one if isinstance(one, Operation) else operations.create(one)
        call = (operation.call or "the operation") if isinstance(one, Operation) else str(one)
        named.append((call.split("(")[0].strip(), operation))
    for place, (name, operation) in enumerate(named):
        if operation.on_host and place:
            raise ValueError(
                f"{name} crops the whole image in the loader, before all else, so it stands first, and once; here {named[0][0]} does"
            )
    return named


def uniform(key: jax.Array, low: float = 0.0, high: float = 1.0) -> jax.Array:
    """A float32 scalar, uniform in [low, high): float32 also where jax defaults to 64 bits, so that images stay what they are."""
    return jax.random.uniform(key, (), jnp.float32, low, high)


def snap(values: jax.typing.ArrayLike, bits: int = 15) -> jax.Array:
    """To the nearest multiples of ``2^-bits``; 15 bits are 128 steps to each of an 8-bit image.

    Images on 15 bits times factors on 8 bits are exact in float32, so sums of such products do not depend on how a compiler fuses and
    orders them for another number of devices. Without this a last bit would now and then push a pixel over a threshold of what follows.
    """
    return jnp.round(jnp.asarray(values) * 2.0**bits) / 2.0**bits


def chosen(key: jax.Array, p: float) -> jax.Array:
    """True with probability `p`."""
    return uniform(key) < p


def check_probability(name: str, p: float) -> None:
    """Raises ValueError for `p` outside [0, 1]."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}(p={p}): a probability, in [0, 1]")


def check_fill(name: str, fill: float) -> None:
    """Raises ValueError for the value of a pixel outside [0, 1]."""
    if not 0 <= fill <= 1:
        raise ValueError(f"{name}(fill={fill}): a value in [0, 1]")
