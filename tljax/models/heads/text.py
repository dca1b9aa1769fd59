"""Heads of text encoders that read all tokens, not only the pooled features."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import heads
from tljax.models.layers import activations
from tljax.models.layers.activations import ACTIVATIONS
from tljax.models.layers.linear import dense
from tljax.models.layers.normalization import layer_norm
from tljax.models.transfer import Batch, at_least_float32


def token_vectors(batch: Batch) -> jax.Array:
    """Returns the tokens' vectors `[B, T, D]`, also those before a pooler. Raises ValueError: the backbone gives none."""
    x: jax.Array = batch["tokens"] if "tokens" in batch else batch["x"]
    if x.ndim != 3:
        raise ValueError(f"this head reads the vectors of tokens [B, T, D], but the backbone gives {tuple(x.shape)}")
    return x


class TokenHead(nn.Module):
    """The same linear layer on every token: logits `[B, T, num_classes]` float32."""

    num_classes: int
    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> jax.Array:
        x = nn.Dropout(self.dropout, deterministic=not train)(token_vectors(batch))
        kernel = self.param("kernel", nn.initializers.normal(0.02), (x.shape[-1], self.num_classes))
        bias = self.param("bias", nn.initializers.zeros, (self.num_classes,))
        return at_least_float32(x.astype(self.dtype) @ kernel.astype(self.dtype)) + bias


class SpanHead(nn.Module):
    """Scores each token as an answer's start and end: ``{"start", "end"}``, `[B, T]` float32 (Devlin et al. 2019, section 4.2)."""

    dtype: Any

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> dict[str, jax.Array]:
        both = at_least_float32(dense(2, self.dtype, "span")(token_vectors(batch)))
        return {"start": both[..., 0], "end": both[..., 1]}


class MaskedLanguageHead(nn.Module):
    """``norm(activation(W x + b)) @ table^T + token_bias``: logits `[B, T, vocab_size]` float32; the table is the word embeddings.

    (Devlin et al. 2019, section 3.1, as released; the tied table: Press and Wolf 2017.)
    """

    vocab_size: int
    activation: str
    epsilon: float
    dtype: Any

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> jax.Array:
        table = batch["table"].astype(self.dtype)
        if len(table) != self.vocab_size:
            raise ValueError(f"masked_lm has num_classes={self.vocab_size}, but the vocabulary holds {len(table)} tokens")
        x = ACTIVATIONS[self.activation](dense(table.shape[1], self.dtype, "dense")(token_vectors(batch)))
        x = layer_norm(self.epsilon, self.dtype, "norm")(x)
        return at_least_float32(x @ table.T) + self.param("token_bias", nn.initializers.zeros, (self.vocab_size,))


@heads.register
def tokens(num_classes: int, dropout: float = 0.0, dtype: str = "float32") -> TokenHead:
    """One class for every token."""
    return TokenHead(num_classes, dropout, jnp.dtype(dtype))


@heads.register
def span(num_classes: int = 2, dtype: str = "float32") -> SpanHead:
    """Start and end of an answer. Raises ValueError: another number of outputs than these 2."""
    if num_classes != 2:
        raise ValueError(f"span has two outputs, start and end, not num_classes={num_classes}")
    return SpanHead(jnp.dtype(dtype))


@heads.register
def masked_lm(num_classes: int, activation: str = "gelu", epsilon: float = 1e-12, dtype: str = "float32") -> MaskedLanguageHead:
    """One of the `num_classes` tokens of the vocabulary for every token. Raises ValueError: unknown activation."""
    activations.check(activation)
    return MaskedLanguageHead(num_classes, activation, epsilon, jnp.dtype(dtype))
