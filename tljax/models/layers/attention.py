"""The pre-norm Transformer block (Vaswani et al. 2017) that Vision Transformers and their text towers are made of."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.layers.activations import ACTIVATIONS
from tljax.models.layers.normalization import layer_norm
from tljax.models.transfer import Batch, at_least_float32

xavier = nn.initializers.xavier_uniform()


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017, section 3.2), `[B, T, D]` -> `[B, T, D]`; its softmax in float32 or more.

    Attributes:
      heads: number of heads, a divisor of D.
      causal: token t sees only the tokens up to t.
      dropout: rate on the attention weights; with a `mask` only.
      kernel_init: of the four linear layers.
      dtype: of the computation.
    """

    heads: int
    causal: bool = False
    dropout: float = 0.0
    kernel_init: nn.initializers.Initializer = xavier
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, context: jax.Array | None = None, mask: jax.Array | None = None, train: bool = False) -> jax.Array:
        """Attend from `x` to `context [B, S, D]` (default: `x` itself), of which `mask [B, S]` keeps the tokens that are 1."""
        dense = functools.partial(nn.Dense, x.shape[-1], dtype=self.dtype, kernel_init=self.kernel_init)
        context = x if context is None else context
        inputs = {"query": x, "key": context, "value": context}
        q, k, v = (dense(name=name)(tokens).reshape(*tokens.shape[:2], self.heads, -1) for name, tokens in inputs.items())
        if mask is None:
            y = jax.nn.dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            y = _masked(q, k, v, mask, drop=nn.Dropout(self.dropout, deterministic=not train))
        return dense(name="out")(y.reshape(x.shape))


def _masked(q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array, drop: nn.Dropout) -> jax.Array:
    scores = at_least_float32(jnp.einsum("bqhd,bkhd->bhqk", q, k)) * q.shape[-1] ** -0.5
    # The lowest finite number, not -inf: a row without any token would become NaN.
    scores = jnp.where(mask[:, None, None, :] > 0, scores, jnp.finfo(scores.dtype).min)
    weights = drop(jax.nn.softmax(scores)).astype(v.dtype)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, v)


class Mlp(nn.Module):
    """``fc2(activation(fc1(x)))`` with `mlp_dim` units inside; dropout after each layer."""

    mlp_dim: int
    activation: str = "gelu"
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        dense = functools.partial(nn.Dense, dtype=self.dtype, kernel_init=xavier, bias_init=nn.initializers.normal(1e-6))
        drop = nn.Dropout(self.dropout, deterministic=not train)
        y = drop(ACTIVATIONS[self.activation](dense(self.mlp_dim, name="fc1")(x)))
        return drop(dense(x.shape[-1], name="fc2")(y))


class Block(nn.Module):
    """``x += scale1 * attention(norm1(x))``, ``x += scale2 * mlp(norm2(x))``, `x [B, T, D]`.

    Attributes:
      heads: of the attention.
      mlp_dim: width inside the MLP.
      activation: one of `activations.ACTIVATIONS`.
      causal: see `Attention`.
      layer_scale: first value of the learned `scale1`, `scale2` `[D]` (Touvron et al. 2021b, section 2.1); 0: there are none.
      dropout: rate after attention, and twice in the MLP.
      drop_path: the probability that an example skips a branch in training (Huang et al. 2016); the kept branches are scaled.
      epsilon: of both LayerNorms.
      dtype: of the computation.
    """

    heads: int
    mlp_dim: int
    activation: str = "gelu"
    causal: bool = False
    layer_scale: float = 0.0
    dropout: float = 0.0
    drop_path: float = 0.0
    epsilon: float = 1e-6
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        drop = nn.Dropout(self.dropout, deterministic=not train)
        skip = nn.Dropout(self.drop_path, broadcast_dims=(1, 2), deterministic=not train)
        attention = Attention(self.heads, self.causal, dtype=self.dtype, name="attention")
        y = drop(attention(layer_norm(self.epsilon, self.dtype, "norm1")(x)))
        x = x + skip(self._scaled("scale1", y))
        y = Mlp(self.mlp_dim, self.activation, self.dropout, self.dtype, name="mlp")(
            layer_norm(self.epsilon, self.dtype, "norm2")(x), train
        )
        return batch | {"x": x + skip(self._scaled("scale2", y))}

    def _scaled(self, name: str, y: jax.Array) -> jax.Array:
        if not self.layer_scale:
            return y
        return y * self.param(name, nn.initializers.constant(self.layer_scale), (y.shape[-1],)).astype(y.dtype)


def check(width: int, depth: int, heads: int, activation: str, **rates: float) -> None:
    """Raises ValueError: a number of blocks outside 1 to 100, a width that the heads do not divide, an unknown activation, a bad rate."""
    if not 1 <= depth <= 100 or heads < 1 or width < 1 or width % heads or activation not in ACTIVATIONS:
        raise ValueError(
            f"depth={depth}, width={width}, heads={heads}, activation={activation!r}: expected 1 to 100 blocks, a width that is a"
            f" multiple of the heads, and an activation of {', '.join(ACTIVATIONS)}"
        )
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            raise ValueError(f"{name}={rate} is a rate in [0, 1)")
