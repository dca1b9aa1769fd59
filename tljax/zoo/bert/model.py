"""Transformer encoders of text with the norm after each branch: BERT (Devlin et al. 2019) and what differs from it by sizes alone."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.transfer import Backbone, Batch, at_least_float32, mean_pool

SIZES = {
    "bert_tiny": (128, 2, 2),
    "bert_mini": (256, 4, 4),
    "bert_small": (512, 4, 8),
    "bert_medium": (512, 8, 8),
    "bert_base": (768, 12, 12),
    "bert_large": (1024, 24, 16),
    "minilm_l6": (384, 6, 12),
    "minilm_l12": (384, 12, 12),
    "distilbert": (768, 6, 12),
    "roberta_base": (768, 12, 12),
    "roberta_large": (1024, 24, 16),
}
"""Name -> width, depth, heads (Devlin et al. 2019; Turc et al. 2019; Wang et al. 2020; Sanh et al. 2019; Liu et al. 2019)."""

VARIANTS: dict[str, dict[str, Any]] = {
    "distilbert": {"segments": 0},
    "roberta_base": {"segments": 1, "positions": 514, "offset": 2, "epsilon": 1e-5, "in_channels": 50265},
    "roberta_large": {"segments": 1, "positions": 514, "offset": 2, "epsilon": 1e-5, "in_channels": 50265},
}
"""What a name's defaults are, where they are not BERT's."""

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "gelu_tanh": jax.nn.gelu,
    "relu": jax.nn.relu,
}
"""``gelu``: x Phi(x); ``gelu_tanh``: its approximation by tanh (Hendrycks and Gimpel 2016, section 2)."""


def cls_pool(batch: Batch) -> jax.Array:
    """The first token's vector: `x [B, T, D]` -> `[B, D]` float32; a pooled `[B, D]` stays as it is."""
    x = at_least_float32(batch["x"])
    return x if x.ndim == 2 else x[:, 0]


POOLS = {"cls": cls_pool, "mean": mean_pool, "pooler": cls_pool}


class Embed(nn.Module):
    """``norm(word[x] + position + segment[segment])``: tokens `x [B, T]` int32 -> `[B, T, width]`.

    With an `offset` the first real token has that position, tokens that `mask` leaves out the one before it, as in RoBERTa. Besides `x` it
    hands on ``table``, the word embeddings `[vocabulary, width]`, which a masked-language head reads.
    """

    vocabulary: int
    width: int
    positions: int
    offset: int
    segments: int
    dropout: float
    epsilon: float
    dtype: Any
    project: int = 0

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        ids, drawn = batch["x"], nn.initializers.normal(0.02)
        if ids.shape[1] > self.positions - self.offset:
            raise ValueError(f"'x' has {ids.shape[1]} tokens, but there are positions for {self.positions - self.offset}: truncate it")
        table = self.param("word", drawn, (self.vocabulary, self.width))
        position = self.param("position", drawn, (self.positions, self.width))
        x = table[ids] + position[_places(batch["mask"], self.offset)]
        if self.segments:
            segment = self.param("segment", drawn, (self.segments, self.width))
            x = x + segment[batch["segment"] if self.segments > 1 else jnp.zeros_like(ids)]
        x = layer_norm(self.epsilon, self.dtype, "norm")(x.astype(self.dtype))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = dense(self.project, self.dtype, "project")(x) if self.project else x
        return batch | {"x": x, "table": table}


def _places(mask: jax.Array, offset: int) -> jax.Array:
    """The position of each token `[B, T]`, or `[T]` where it depends on no mask."""
    return jnp.cumsum(mask, axis=1) * mask + offset - 1 if offset else jnp.arange(mask.shape[1])


class Attention(nn.Module):
    """Multi-head self-attention over the tokens that `mask [B, T]` keeps, `[B, T, D]` -> `[B, T, D]`; its softmax in float32 or more."""

    heads: int
    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array, train: bool) -> jax.Array:
        split = (*x.shape[:2], self.heads, x.shape[-1] // self.heads)
        q, k, v = (dense(x.shape[-1], self.dtype, name)(x).reshape(split) for name in ("query", "key", "value"))
        scores = at_least_float32(jnp.einsum("bqhd,bkhd->bhqk", q, k)) * split[-1] ** -0.5
        # the lowest finite number, not -inf: a row without any token would become NaN
        scores = jnp.where(mask[:, None, None, :] > 0, scores, jnp.finfo(scores.dtype).min)
        weights = nn.Dropout(self.dropout, deterministic=not train)(jax.nn.softmax(scores)).astype(v.dtype)
        return dense(x.shape[-1], self.dtype, "out")(jnp.einsum("bhqk,bkhd->bqhd", weights, v).reshape(x.shape))


class Block(nn.Module):
    """``x = norm1(x + attention(x))``, ``x = norm2(x + fc2(activation(fc1(x))))``; dropout on both branches and on attention's weights."""

    heads: int
    inner: int
    activation: str
    dropout: float
    epsilon: float
    dtype: Any

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x, drop = batch["x"], nn.Dropout(self.dropout, deterministic=not train)
        branch = Attention(self.heads, self.dropout, self.dtype, name="attention")(x, batch["mask"], train)
        x = layer_norm(self.epsilon, self.dtype, "norm1")(x + drop(branch))
        branch = ACTIVATIONS[self.activation](dense(self.inner, self.dtype, "fc1")(x))
        branch = dense(x.shape[-1], self.dtype, "fc2")(branch)
        return batch | {"x": layer_norm(self.epsilon, self.dtype, "norm2")(x + drop(branch))}


class Pooler(nn.Module):
    """``tanh(W x[:, 0] + b)``: `[B, T, D]` -> `[B, D]`; what it was given stays in the batch as ``tokens``, for heads that want them."""

    dtype: Any

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        return batch | {"x": jnp.tanh(dense(x.shape[-1], self.dtype, "dense")(x[:, 0])), "tokens": x}


def dense(width: int, dtype: Any, name: str) -> nn.Dense:
    """A linear layer, drawn as in BERT."""
    return nn.Dense(width, dtype=dtype, kernel_init=nn.initializers.normal(0.02), name=name)


def layer_norm(epsilon: float, dtype: Any, name: str) -> nn.LayerNorm:
    """LayerNorm whose variance is taken of the centred values: ``E[x^2] - E[x]^2`` cancels where means are large."""
    return nn.LayerNorm(epsilon, dtype, use_fast_variance=False, name=name)


def inputs(tokens: int, segments: int) -> tuple[tuple[str, tuple[int, ...], str], ...]:
    """`Backbone.inputs` of a text encoder: ``x`` and ``mask``, and ``segment`` where there are several."""
    names = ("x", "mask", "segment") if segments > 1 else ("x", "mask")
    return tuple((name, (tokens,), "int32") for name in names)


def check(
    width: int, heads: int, depth: int, pool: str, activation: str, dropout: float, room: int, vocabulary: int, input_size: tuple[int, ...]
) -> None:
    """Raises ValueError: an argument of a text encoder outside its range; `room` is the number of tokens that it has positions for."""
    if pool not in POOLS or activation not in ACTIVATIONS:
        raise ValueError(f"pool={pool!r} must be one of {', '.join(POOLS)}, activation={activation!r} one of {', '.join(ACTIVATIONS)}")
    if min(width, heads) < 1 or not 1 <= depth <= 100 or width % heads:
        raise ValueError(f"width={width}, depth={depth}, heads={heads}: wanted are 1 to 100 blocks, and a width that the heads divide")
    if not 0 <= dropout < 1 or vocabulary < 1:
        raise ValueError(f"dropout={dropout} must lie in [0, 1), and the vocabulary in_channels={vocabulary} hold a token")
    if len(input_size) != 1 or not 1 <= input_size[0] <= room:
        raise ValueError(f"input_size={tuple(input_size)}: wanted is (tokens,), 1 to {room}, for which there are positions")


@backbones.register
def bert(
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    inner: int = 0,
    pool: str = "pooler",
    activation: str = "gelu",
    dropout: float = 0.0,
    epsilon: float = 1e-12,
    segments: int = 2,
    positions: int = 512,
    offset: int = 0,
    in_channels: int = 30522,
    input_size: tuple[int, ...] = (128,),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``embed, block00, block01, ...`` and, for the pool ``pooler``, ``pooler``.

    Batches hold ``x [B, T]``, the tokens' ids, ``mask [B, T]``, 1 for real tokens, and ``segment [B, T]`` where there are several segments.

    Args:
      width: D, of every token.
      depth: number of blocks, at most 100.
      heads: of each attention; a divisor of `width`.
      inner: width between the two layers of the MLP; 0: four times `width`.
      pool: ``"cls"``: the first token; ``"mean"``: the mean over real tokens; ``"pooler"``: a layer with tanh on the first token.
      activation: one of `ACTIVATIONS`.
      dropout: rate after the embedding, on attention's weights and after each branch (the paper trains with 0.1).
      epsilon: of every LayerNorm.
      segments: segment types; 0: no segment embeddings.
      positions: position embeddings.
      offset: the first token's position, see `Embed`.
      in_channels: tokens in the vocabulary.
      input_size: `(T,)`, how long texts become in preprocessing; the model itself takes any T that there are positions for.
      dtype: of the computation.

    Raises:
      ValueError: an argument outside its range.
    """
    check(width, heads, depth, pool, activation, dropout, positions - offset, in_channels, input_size)
    compute = jnp.dtype(dtype)
    block = (heads, inner or 4 * width, activation, dropout, epsilon, compute)
    layout = (
        ("embed", Embed, (in_channels, width, positions, offset, segments, dropout, epsilon, compute)),
        *((f"block{i:02}", Block, block) for i in range(depth)),
        *((("pooler", Pooler, (compute,)),) if pool == "pooler" else ()),
    )
    return Backbone(layout, inputs=inputs(input_size[0], segments), pool=POOLS[pool])


for _name, (_width, _depth, _heads) in SIZES.items():
    _given: dict[str, Any] = {"width": _width, "depth": _depth, "heads": _heads} | VARIANTS.get(_name, {})
    if _name in VARIANTS or _name.startswith("minilm"):
        _given["pool"] = "mean"
    backbones.register(_name)(functools.partial(bert, **_given))
