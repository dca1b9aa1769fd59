"""Heads that map the pooled features to logits."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import heads
from tljax.models.layers import activations
from tljax.models.layers.activations import ACTIVATIONS
from tljax.models.transfer import Batch, at_least_float32

FIXED_HEADS = ("features", "masked_lm", "span")
"""Heads whose outputs are not classes: another number of classes needs another head."""


class LinearHead(nn.Module):
    """``logits = dropout(features) @ kernel + bias``; float32 out."""

    num_classes: int
    dropout: float = 0.0
    init_scale: float = 0.01
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> jax.Array:
        x = nn.Dropout(self.dropout, deterministic=not train)(batch["features"])
        kernel = self.param("kernel", nn.initializers.normal(self.init_scale), (x.shape[-1], self.num_classes))
        bias = self.param("bias", nn.initializers.zeros, (self.num_classes,))
        return at_least_float32(x.astype(self.dtype) @ kernel.astype(self.dtype)) + bias


class MlpHead(nn.Module):
    """``logits = activation(features @ W1 + b1) @ W2 + b2``, dropout before each product; float32 out."""

    num_classes: int
    mlp_dim: int = 256
    dropout: float = 0.0
    dtype: Any = jnp.float32
    activation: str = "relu"

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> jax.Array:
        x = nn.Dropout(self.dropout, deterministic=not train)(batch["features"])
        x = ACTIVATIONS[self.activation](nn.Dense(self.mlp_dim, dtype=self.dtype, name="hidden")(x))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return at_least_float32(nn.Dense(self.num_classes, dtype=self.dtype, name="out")(x))


class CosineHead(nn.Module):
    """``logits_c = scale * <features, kernel_c> / (|features| |kernel_c|)`` (Gidaris and Komodakis 2018, section 3.2); in float32."""

    num_classes: int
    scale: float = 10.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> jax.Array:
        x = batch["features"]
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (x.shape[-1], self.num_classes))
        scale = self.param("scale", nn.initializers.constant(self.scale), ())
        unit = [v / jnp.maximum(jnp.linalg.norm(v, axis=axis, keepdims=True), 1e-12) for v, axis in ((x, -1), (kernel, 0))]
        return scale * (unit[0] @ unit[1])


class FeaturesHead(nn.Module):
    """No layer: the outputs are the features `[B, D]`; with `normalize` each vector has length 1."""

    num_classes: int
    normalize: bool = False

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> jax.Array:
        x: jax.Array = batch["features"]
        if x.shape[-1] != self.num_classes:
            raise ValueError(f"the head 'features' has num_classes={self.num_classes}, but the backbone gives {x.shape[-1]} features")
        return x / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), 1e-12) if self.normalize else x


class DistilledHead(nn.Module):
    """``logits = (cls(first half) + distilled(second half)) / 2`` of features `[B, 2 D]`; float32 out (section 3, late fusion)."""

    num_classes: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> jax.Array:
        x = batch["features"]
        if x.shape[-1] % 2:
            raise ValueError(f"the head 'distilled' reads two tokens of equal width, but the backbone gives {x.shape[-1]} features")
        dense = functools.partial(nn.Dense, self.num_classes, dtype=self.dtype, kernel_init=nn.initializers.normal(0.01))
        both = [dense(name=name)(half) for name, half in zip(("cls", "distilled"), jnp.split(x, 2, axis=-1), strict=True)]
        return (at_least_float32(both[0]) + at_least_float32(both[1])) / 2


@heads.register
def linear(num_classes: int, dropout: float = 0.0, init_scale: float = 0.01, dtype: str = "float32") -> LinearHead:
    """One linear layer."""
    return LinearHead(num_classes, dropout, init_scale, jnp.dtype(dtype))


@heads.register
def mlp(num_classes: int, mlp_dim: int = 256, dropout: float = 0.0, activation: str = "relu", dtype: str = "float32") -> MlpHead:
    """Two linear layers with an activation between. Raises ValueError: unknown activation."""
    activations.check(activation)
    return MlpHead(num_classes, mlp_dim=mlp_dim, dropout=dropout, dtype=jnp.dtype(dtype), activation=activation)


@heads.register
def cosine(num_classes: int, scale: float = 10.0, dtype: str = "float32") -> CosineHead:
    """Cosine similarity to one learned prototype per class, times a learned scale."""
    return CosineHead(num_classes, scale, jnp.dtype(dtype))


@heads.register
def features(num_classes: int, normalize: bool = False) -> FeaturesHead:
    """The features themselves, `num_classes` of them; with `normalize` each vector has length 1. For embeddings, without classes."""
    return FeaturesHead(num_classes, normalize)


@heads.register
def distilled(num_classes: int, dtype: str = "float32") -> DistilledHead:
    """One linear layer for the class token and one for the distillation token, averaged."""
    return DistilledHead(num_classes, jnp.dtype(dtype))
