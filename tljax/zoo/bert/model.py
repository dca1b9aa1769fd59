"""Transformer encoders of text with the norm after each branch: BERT (Devlin et al. 2019) and what differs from it by sizes alone."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.activations import ACTIVATIONS
from tljax.models.layers.attention import Attention
from tljax.models.layers.linear import bert_init, dense
from tljax.models.layers.normalization import layer_norm
from tljax.models.transfer import Backbone, Batch, at_least_float32, mean_pool, stage

SIZES = {
    "bert_tiny": (128, 2, 2),
    "bert_mini": (256, 4, 4),
    "bert_small": (512, 4, 8),
    "bert_medium": (512, 8, 8),
    "bert_base": (768, 12, 12),
    "bert_large": (1024, 24, 16),
    "minilm_l6": (384, 6, 12),
    "minilm_l12": (384, 12, 12),
}
"""Name -> width, depth, heads (Devlin et al. 2019; Turc et al. 2019; Wang et al. 2020)."""


def cls_pool(batch: Batch) -> jax.Array:
    """The first token's vector: `x [B, T, D]` -> `[B, D]` float32; a pooled `[B, D]` stays as it is."""
    x = at_least_float32(batch["x"])
    return x if x.ndim == 2 else x[:, 0]


POOLS = {"cls": cls_pool, "mean": mean_pool, "pooler": cls_pool}


class Embed(nn.Module):
    """``norm(word[x] + position + segment[segment])``: tokens `x [B, T]` int32 -> `[B, T, width]`.

    With an `offset` the first real token has that position, tokens that `mask` leaves out the one before it, as in RoBERTa. Besides `x` it
    hands on ``table``, the word embeddings `[vocab_size, width]`, which a masked-language head reads.
    """

    vocab_size: int
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
        table = self.param("word", drawn, (self.vocab_size, self.width))
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


class Block(nn.Module):
    """``x = norm1(x + attention(x))``, ``x = norm2(x + fc2(activation(fc1(x))))``; dropout on both branches and on attention's weights."""

    heads: int
    mlp_dim: int
    activation: str
    dropout: float
    epsilon: float
    dtype: Any

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x, drop = batch["x"], nn.Dropout(self.dropout, deterministic=not train)
        attention = Attention(self.heads, dropout=self.dropout, kernel_init=bert_init, dtype=self.dtype, name="attention")
        branch = attention(x, mask=batch["mask"], train=train)
        x = layer_norm(self.epsilon, self.dtype, "norm1")(x + drop(branch))
        branch = ACTIVATIONS[self.activation](dense(self.mlp_dim, self.dtype, "fc1")(x))
        branch = dense(x.shape[-1], self.dtype, "fc2")(branch)
        return batch | {"x": layer_norm(self.epsilon, self.dtype, "norm2")(x + drop(branch))}


class Pooler(nn.Module):
    """``tanh(W x[:, 0] + b)``: `[B, T, D]` -> `[B, D]`; its input stays in the batch as ``tokens``, for heads that read all."""

    dtype: Any

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        return batch | {"x": jnp.tanh(dense(x.shape[-1], self.dtype, "dense")(x[:, 0])), "tokens": x}


def inputs(tokens: int, segments: int) -> tuple[tuple[str, tuple[int, ...], str], ...]:
    """`Backbone.inputs` of a text encoder: ``x`` and ``mask``, and ``segment`` where there are several."""
    names = ("x", "mask", "segment") if segments > 1 else ("x", "mask")
    return tuple((name, (tokens,), "int32") for name in names)


def check(*, width: int, heads: int, depth: int, pool: str, activation: str, dropout: float) -> None:
    """Raises ValueError: an argument of a text encoder outside its range."""
    if pool not in POOLS or activation not in ACTIVATIONS:
        raise ValueError(f"pool={pool!r} must be one of {', '.join(POOLS)}, activation={activation!r} one of {', '.join(ACTIVATIONS)}")
    if min(width, heads) < 1 or not 1 <= depth <= 100 or width % heads:
        raise ValueError(f"width={width}, depth={depth}, heads={heads}: expected 1 to 100 blocks, and a width that the heads divide")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout={dropout} must lie in [0, 1)")


def check_tokens(vocab_size: int, *, room: int, input_size: tuple[int, ...]) -> None:
    """Raises ValueError: an empty vocabulary, or texts longer than the `room` tokens that there are positions for."""
    if vocab_size < 1:
        raise ValueError(f"vocab_size={vocab_size} must be at least 1")
    if len(input_size) != 1 or not 1 <= input_size[0] <= room:
        raise ValueError(f"input_size={tuple(input_size)}: expected (tokens,), 1 to {room}, as many as there are positions")


@backbones.register
def bert(
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    mlp_dim: int = 0,
    pool: str = "pooler",
    activation: str = "gelu",
    dropout: float = 0.0,
    epsilon: float = 1e-12,
    segments: int = 2,
    positions: int = 512,
    offset: int = 0,
    vocab_size: int = 30522,
    input_size: tuple[int, ...] = (128,),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``embed, block00, block01, ...`` and, for the pool ``pooler``, ``pooler``.

    Batches hold ``x [B, T]``, the tokens' ids, ``mask [B, T]``, 1 for real tokens, and ``segment [B, T]`` where there are several segments.

    Args:
      width: D, of every token.
      depth: number of blocks, at most 100.
      heads: of each attention; a divisor of `width`.
      mlp_dim: width between the two layers of the MLP; 0: four times `width`.
      pool: ``"cls"``: the first token; ``"mean"``: the mean over real tokens; ``"pooler"``: a layer with tanh on the first token.
      activation: one of `ACTIVATIONS`.
      dropout: rate after the embedding, on attention's weights and after each branch (the paper trains with 0.1).
      epsilon: of every LayerNorm.
      segments: segment types; 0: no segment embeddings.
      positions: position embeddings.
      offset: the first token's position, see `Embed`.
      vocab_size: tokens in the vocabulary.
      input_size: `(T,)`, how long texts become in preprocessing; the model itself takes any T that there are positions for.
      dtype: of the computation.

    Raises:
      ValueError: an argument outside its range.
    """
    check(width=width, heads=heads, depth=depth, pool=pool, activation=activation, dropout=dropout)
    check_tokens(vocab_size, room=positions - offset, input_size=input_size)
    compute = jnp.dtype(dtype)
    block = dict(heads=heads, mlp_dim=mlp_dim or 4 * width, activation=activation, dropout=dropout, epsilon=epsilon, dtype=compute)
    layout = (
        stage(
            "embed",
            Embed,
            vocab_size=vocab_size,
            width=width,
            positions=positions,
            offset=offset,
            segments=segments,
            dropout=dropout,
            epsilon=epsilon,
            dtype=compute,
        ),
        *(stage(f"block{i:02}", Block, **block) for i in range(depth)),
        *((stage("pooler", Pooler, dtype=compute),) if pool == "pooler" else ()),
    )
    return Backbone(layout, inputs=inputs(input_size[0], segments), pool=POOLS[pool])


for _name, (_width, _depth, _heads) in SIZES.items():
    _pool = "mean" if _name.startswith("minilm") else "pooler"
    backbones.register(_name)(functools.partial(bert, width=_width, depth=_depth, heads=_heads, pool=_pool))
