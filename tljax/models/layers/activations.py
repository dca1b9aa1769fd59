"""Activation functions by name."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "gelu_tanh": functools.partial(jax.nn.gelu, approximate=True),
    "hard_sigmoid": nn.hard_sigmoid,
    "hard_swish": nn.hard_swish,
    "leaky_relu": functools.partial(nn.leaky_relu, negative_slope=0.1),
    "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x),
    "relu": nn.relu,
    "relu6": nn.relu6,
    "sigmoid": nn.sigmoid,
    "silu": nn.silu,
    "tanh": jnp.tanh,
}
"""``gelu``: x Phi(x) (Hendrycks and Gimpel 2016); ``gelu_tanh``, ``quick_gelu``: the approximations of its section 2; ``leaky_relu``: slope
0.1 below 0 (Maas et al. 2013)."""


def check(name: str) -> None:
    """Raises ValueError, with the names there are, unless `name` is an activation."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation={name!r}: there are {', '.join(ACTIVATIONS)}")
