"""Small networks that objectives use, such as a discriminator or a projection head."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax import registry

parts = registry.Registry("part")


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """A network without batch statistics or dropout, as two functions of its parameters.

    Attributes:
      init: ``key -> params``, a nested dict.
      apply: ``(params, x [B, D]) -> [B, K]`` float32.
    """

    init: Any
    apply: Any


class Mlp(nn.Module):
    """Linear layers of these widths, a ReLU between any two."""

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for i, width in enumerate(self.widths):
            x = nn.Dense(width, name=f"layer{i}")(nn.relu(x) if i else x)
        return x


@parts.register
def mlp(*widths: int) -> nn.Module:
    """Linear layers of these widths with ReLU between them: ``mlp(256, 1)`` is two, the last with one output."""
    if not widths or min(widths) < 1:
        raise ValueError(f"mlp{widths}: expected the widths of its layers, at least one, each at least 1")
    return Mlp(tuple(widths))


def part(expression: Any, example: Any) -> Part:
    """Builds a small network for inputs like `example`, such as ``part("mlp(256, 1)", features)``.

    Args:
      expression: a call expression.
      example: an array `[B, D]` or its shape.

    Raises:
      KeyError, ValueError: as `registry.Registry.create`.
    """
    module = parts.create(expression)
    zeros = jnp.zeros(example.shape, jnp.float32)

    def init(key: jax.Array) -> dict[str, Any]:
        return dict(module.init(key, zeros)["params"])

    def apply(params: Any, x: jax.Array) -> jax.Array:
        return module.apply({"params": params}, x)

    return Part(init, apply)
