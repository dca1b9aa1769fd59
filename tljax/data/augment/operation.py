"""What an augmentation is: a function of one key per example, on a batch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from tljax import registry

Operation = Callable[[jax.Array, dict[str, Any]], dict[str, Any]]
"""``operation(keys [B], batch) -> batch`` with ``x`` float32 `[B, H, W, C]` in [0, 1], before and after."""

operations = registry.Registry("augmentation")
register = operations.register


def per_image(change: Callable[[jax.Array, jax.Array], jax.Array]) -> Operation:
    """The operation that applies ``change(key, x [H, W, C]) -> x [H, W, C]`` to every example, each with its own key."""
    return lambda keys, batch: {**batch, "x": jax.vmap(change)(keys, batch["x"])}


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
