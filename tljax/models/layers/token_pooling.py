"""Pooling of a Transformer's tokens into features, and the stages after the last block."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.layers import attention
from tljax.models.layers.normalization import layer_norm
from tljax.models.transfer import Batch, at_least_float32

POOLS = ("cls", "mean", "cls_mean", "cls_distilled", "map")
TOKENS = {"cls": ("cls",), "mean": ("cls",), "cls_mean": ("cls",), "cls_distilled": ("cls", "distilled"), "map": ()}
"""Pool -> the learned tokens before the patches."""


@functools.cache
def pooling(pool: str, prefix: int) -> Callable[[Batch], jax.Array]:
    """Returns the function ``batch -> features [B, D]`` float32 of tokens `x [B, prefix + T, D]`, T of them patches.

    A pooled `x [B, D]` stays as it is.
    The same arguments give the same function, so that models compare equal.
    """

    def pooled(batch: Batch) -> jax.Array:
        x = at_least_float32(batch["x"])
        if x.ndim == 2 or pool == "cls":
            return x if x.ndim == 2 else x[:, 0]
        if pool == "cls_distilled":
            return x[:, :2].reshape(len(x), -1)
        mean = x[:, prefix:].mean(axis=1)
        return jnp.concatenate([x[:, 0], mean], axis=-1) if pool == "cls_mean" else mean

    return pooled


class FinalNorm(nn.Module):
    """The last LayerNorm: of all tokens, or for the pool ``mean`` of the patches' mean, `[B, prefix + T, D]` -> `[B, D]`."""

    pool: str
    prefix: int
    epsilon: float = 1e-6
    dtype: Any = jnp.float32

    def setup(self) -> None:
        self.norm = layer_norm(self.epsilon, self.dtype)
        nn.share_scope(self, self.norm)  # parameters norm/scale, norm/bias

    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        return batch | {"x": self.norm(pooling("mean", self.prefix)(batch) if self.pool == "mean" else batch["x"])}


class MapPool(nn.Module):
    """Attention of one learned token over all others, and an MLP: `x [B, T, D]` -> `[B, D]` (Zhai et al. 2022, section 3.3)."""

    heads: int
    mlp_dim: int
    activation: str
    epsilon: float
    dtype: Any

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        probe = self.param("probe", nn.initializers.xavier_uniform(), (1, 1, x.shape[-1]))
        y = jnp.broadcast_to(probe.astype(x.dtype), (len(x), 1, x.shape[-1]))
        y = attention.Attention(self.heads, dtype=self.dtype, name="attention")(y, x)
        z = layer_norm(self.epsilon, self.dtype, "norm")(y)
        return batch | {"x": (y + attention.Mlp(self.mlp_dim, self.activation, 0.0, self.dtype, name="mlp")(z, train))[:, 0]}


class Project(nn.Module):
    """A linear layer on the pooled features, `[B, width]`; with `tanh` its tanh."""

    width: int
    pool: Callable[[Batch], jax.Array]
    bias: bool
    tanh: bool
    dtype: Any

    def setup(self) -> None:
        self.dense = nn.Dense(self.width, use_bias=self.bias, dtype=self.dtype)
        nn.share_scope(self, self.dense)

    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = self.dense(self.pool(batch))
        return batch | {"x": jnp.tanh(x) if self.tanh else x}
