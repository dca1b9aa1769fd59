"""Text towers of pre-norm blocks, whose last token's vector, projected, is compared with an image's (Radford et al. 2021, section 2.4)."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.layers import attention
from tljax.models.layers.token_pooling import FinalNorm, Project
from tljax.models.transfer import Backbone, Batch, at_least_float32, stage


def last_pool(batch: Batch) -> jax.Array:
    """The last token that ``mask [B, T]`` keeps: `x [B, T, D]` -> `[B, D]` float32; a pooled `[B, D]` stays as it is."""
    x = at_least_float32(batch["x"])
    if x.ndim == 2:
        return x
    last = jnp.maximum(batch["mask"].sum(axis=1) - 1, 0)
    return jnp.take_along_axis(x, last[:, None, None], axis=1)[:, 0]


def end_pool(batch: Batch) -> jax.Array:
    """The last token, padding or not: `x [B, T, D]` -> `[B, D]` float32; a pooled `[B, D]` stays as it is."""
    x = at_least_float32(batch["x"])
    return x if x.ndim == 2 else x[:, -1]


POOLS = {"last": last_pool, "end": end_pool}


class Embed(nn.Module):
    """``word[x] + position``: tokens `x [B, T]` int32 -> `[B, T, width]`."""

    vocab_size: int
    width: int
    positions: int
    fixed: bool
    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        ids = batch["x"]
        if ids.shape[1] > self.positions or (self.fixed and ids.shape[1] < self.positions):
            what = "pad or truncate it to that" if self.fixed else "truncate it"
            raise ValueError(f"'x' has {ids.shape[1]} tokens, but there are positions for {self.positions}: {what}")
        word = self.param("word", nn.initializers.normal(0.02), (self.vocab_size, self.width))
        position = self.param("position", nn.initializers.normal(0.01), (self.positions, self.width))
        x = (word[ids] + position[: ids.shape[1]]).astype(self.dtype)
        return batch | {"x": nn.Dropout(self.dropout, deterministic=not train)(x)}


def text_tower(
    width: int,
    depth: int,
    heads: int,
    mlp_dim: int = 0,
    pool: str = "last",
    activation: str = "gelu",
    causal: bool = True,
    projection: int = 0,
    projection_bias: bool = False,
    dropout: float = 0.0,
    epsilon: float = 1e-5,
    positions: int = 77,
    vocab_size: int = 49408,
    input_size: tuple[int, ...] = (77,),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``embed, block00, block01, ..., norm`` and, where asked for, ``projection``.

    Batches hold ``x [B, T]``, the tokens' ids, and for the pool ``last`` also ``mask [B, T]``: 1 for real tokens, which come first. Padding
    is not masked out of attention: behind the real tokens, a causal one does not see it, and the other towers were trained to see it.

    Args:
      width: D, of every token.
      depth: number of blocks, at most 100.
      heads: of each attention; a divisor of `width`.
      mlp_dim: width inside the MLPs; 0: four times `width`.
      pool: ``"last"``: the last real token; ``"end"``: the last of exactly `positions` tokens, be it padding.
      activation: inside the MLPs, one of `attention.ACTIVATIONS`.
      causal: whether a token sees only those before it, and itself.
      projection: width of a last linear layer on the pooled features; 0: none.
      projection_bias: whether that layer has a bias.
      dropout: rate after the embedding, after attention, and twice in the MLP.
      epsilon: of every LayerNorm.
      positions: position embeddings.
      vocab_size: tokens in the vocabulary.
      input_size: `(T,)`, how long texts become in preprocessing; the model itself takes any T that there are positions for.
      dtype: of the computation.

    Raises:
      ValueError: an argument outside its range.
    """
    attention.check(width, depth, heads, activation, dropout=dropout)
    if pool not in POOLS or min(mlp_dim, projection) < 0 or min(positions, vocab_size) < 1:
        raise ValueError(
            f"pool={pool!r} must be one of {', '.join(POOLS)}; mlp_dim={mlp_dim} and projection={projection} at least 0;"
            f" positions={positions} and vocab_size={vocab_size} at least 1"
        )
    fixed = pool == "end"
    if len(input_size) != 1 or not (positions if fixed else 1) <= input_size[0] <= positions:
        raise ValueError(f"input_size={tuple(input_size)}: expected (tokens,), {f'{positions}' if fixed else f'1 to {positions}'} of them")
    compute, mlp_dim = jnp.dtype(dtype), mlp_dim or 4 * width
    block = dict(heads=heads, mlp_dim=mlp_dim, activation=activation, causal=causal, dropout=dropout, epsilon=epsilon, dtype=compute)
    layout = (
        stage("embed", Embed, vocab_size=vocab_size, width=width, positions=positions, fixed=fixed, dropout=dropout, dtype=compute),
        *(stage(f"block{i:02}", attention.Block, **block) for i in range(depth)),
        stage("norm", FinalNorm, pool="all", prefix=0, epsilon=epsilon, dtype=compute),
        *(
            (stage("projection", Project, width=projection, pool=POOLS[pool], bias=projection_bias, tanh=False, dtype=compute),)
            if projection
            else ()
        ),
    )
    inputs = tuple((name, tuple(input_size), "int32") for name in (("x",) if fixed else ("x", "mask")))
    return Backbone(layout, inputs=inputs, pool=POOLS[pool])
