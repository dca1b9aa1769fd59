"""Vision Transformers (Dosovitskiy et al. 2021; the widths tiny, small: Touvron et al. 2021): patches as tokens, pre-norm blocks."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.transfer import Backbone, Batch, at_least_float32

SIZES = {"vit_tiny": (192, 12, 3), "vit_small": (384, 12, 6), "vit_base": (768, 12, 12), "vit_large": (1024, 24, 16)}
"""Name -> width, depth, heads."""


def cls_pool(batch: Batch) -> jax.Array:
    """The class token: `x [B, 1 + T, D]` -> `[B, D]` float32."""
    return at_least_float32(batch["x"][:, 0])


def patch_pool(batch: Batch) -> jax.Array:
    """The mean over the patches, without the class token: `x [B, 1 + T, D]` -> `[B, D]` float32; a pooled `[B, D]` stays as it is."""
    x = at_least_float32(batch["x"])
    return x if x.ndim == 2 else x[:, 1:].mean(axis=1)


POOLS = {"cls": cls_pool, "mean": patch_pool}


class Embed(nn.Module):
    """The class token and T = h w projected patches, plus position embeddings: `x [B, h patch, w patch, C]` -> `[B, 1 + T, width]`."""

    width: int
    patch: int
    grid: tuple[int, int]
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, bn_train: bool) -> Batch:
        x, side = batch["x"], (self.patch, self.patch)
        size = tuple(n * self.patch for n in self.grid)
        if x.shape[1:3] != size:
            raise ValueError(
                f"'x' has {x.shape[1]} x {x.shape[2]} pixels, but the position embeddings are for {size[0]} x {size[1]}: say input_size"
            )
        x = nn.Conv(self.width, side, side, padding="VALID", dtype=self.dtype, name="proj")(x)
        cls = self.param("cls", nn.initializers.zeros, (1, 1, self.width))
        position = self.param("position", nn.initializers.normal(0.02), (1, 1 + self.grid[0] * self.grid[1], self.width))
        first = jnp.broadcast_to(cls.astype(x.dtype), (len(x), 1, self.width))
        x = jnp.concatenate([first, x.reshape(len(x), -1, self.width)], axis=1) + position.astype(x.dtype)
        return batch | {"x": nn.Dropout(self.dropout, deterministic=not train)(x)}


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017, section 3.2), `[B, T, D]` -> `[B, T, D]`; its softmax always in float32."""

    heads: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        dense = functools.partial(nn.Dense, x.shape[-1], dtype=self.dtype, kernel_init=nn.initializers.xavier_uniform())
        split = (*x.shape[:2], self.heads, x.shape[-1] // self.heads)
        q, k, v = (dense(name=name)(x).reshape(split) for name in ("query", "key", "value"))
        return dense(name="out")(jax.nn.dot_product_attention(q, k, v).reshape(x.shape))


class Mlp(nn.Module):
    """``fc2(gelu(fc1(x)))``, four times as wide inside, with the exact GELU; dropout after each layer."""

    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        dense = functools.partial(
            nn.Dense, dtype=self.dtype, kernel_init=nn.initializers.xavier_uniform(), bias_init=nn.initializers.normal(1e-6)
        )
        drop = nn.Dropout(self.dropout, deterministic=not train)
        width = x.shape[-1]
        x = drop(jax.nn.gelu(dense(4 * width, name="fc1")(x), approximate=False))
        return drop(dense(width, name="fc2")(x))


class Block(nn.Module):
    """``x += attention(norm1(x))``, ``x += mlp(norm2(x))``.

    `drop_path` is the probability that an example skips a branch in training (Huang et al. 2016); the kept branches are scaled.
    """

    heads: int
    dropout: float = 0.0
    drop_path: float = 0.0
    epsilon: float = 1e-6
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, bn_train: bool) -> Batch:
        x = batch["x"]
        drop = nn.Dropout(self.dropout, deterministic=not train)
        skip = nn.Dropout(self.drop_path, broadcast_dims=(1, 2), deterministic=not train)
        x = x + skip(drop(Attention(self.heads, self.dtype, name="attention")(_norm(self.epsilon, self.dtype, name="norm1")(x))))
        x = x + skip(Mlp(self.dropout, self.dtype, name="mlp")(_norm(self.epsilon, self.dtype, name="norm2")(x), train))
        return batch | {"x": x}


class FinalNorm(nn.Module):
    """The last LayerNorm: of all tokens for the pool ``cls``; for ``mean`` of the patches' mean, `[B, 1 + T, D]` -> `[B, D]`."""

    pool: str
    epsilon: float = 1e-6
    dtype: Any = jnp.float32

    def setup(self) -> None:
        self.norm = _norm(self.epsilon, self.dtype)
        nn.share_scope(self, self.norm)  # parameters norm/scale, norm/bias

    def __call__(self, batch: Batch, *, train: bool, bn_train: bool) -> Batch:
        return batch | {"x": self.norm(patch_pool(batch) if self.pool == "mean" else batch["x"])}


def _norm(epsilon: float, dtype: Any, name: str | None = None) -> nn.LayerNorm:
    # The fast variance E[x^2] - E[x]^2 cancels on the large means that trained residual streams have.
    return nn.LayerNorm(epsilon, dtype, use_fast_variance=False, name=name)


def vit(
    width: int,
    depth: int,
    heads: int,
    patch: int = 16,
    pool: str = "cls",
    dropout: float = 0.0,
    drop_path: float = 0.0,
    epsilon: float = 1e-6,
    in_channels: int = 3,
    input_size: tuple[int, ...] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``embed, block00, block01, ..., norm``; features: the normalised class token, or the normalised mean of the patches.

    Args:
      width: D, of every token.
      depth: number of blocks, at most 100.
      heads: of each attention; a divisor of `width`.
      patch: side of a patch in pixels; a divisor of height and width.
      pool: ``"cls"`` or ``"mean"``. Slices that end before the last stage are pooled in the same way, without the norm.
      dropout: rate after the embedding, after attention, and twice in the MLP.
      drop_path: rate of the last block; those before it have linearly less, the first none.
      epsilon: of every LayerNorm.
      in_channels: C of the images.
      input_size: height, width in pixels.
      dtype: of the computation.

    Raises:
      ValueError: an argument outside its range, or sizes that do not divide.
    """
    _check(width, depth, heads, patch, pool, dropout, drop_path, input_size)
    compute, grid = jnp.dtype(dtype), (input_size[0] // patch, input_size[1] // patch)
    layout = (
        ("embed", Embed, (width, patch, grid, dropout, compute)),
        *((f"block{i:02}", Block, (heads, dropout, drop_path * i / max(depth - 1, 1), epsilon, compute)) for i in range(depth)),
        ("norm", FinalNorm, (pool, epsilon, compute)),
    )
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),), pool=POOLS[pool])


def _check(
    width: int, depth: int, heads: int, patch: int, pool: str, dropout: float, drop_path: float, input_size: tuple[int, ...]
) -> None:
    if len(input_size) != 2 or patch < 1 or any(n < 1 or n % patch for n in input_size):
        raise ValueError(f"a ViT takes images whose height and width are multiples of patch={patch}, not input_size={tuple(input_size)}")
    if pool not in POOLS or not 1 <= depth <= 100 or heads < 1 or width < 1 or width % heads:
        raise ValueError(
            f"pool={pool!r}, depth={depth}, width={width}, heads={heads}: wanted are a pool of {', '.join(POOLS)}, 1 to 100 blocks, and a"
            " width that is a multiple of the heads"
        )
    if not (0 <= dropout < 1 and 0 <= drop_path < 1):
        raise ValueError(f"dropout={dropout} and drop_path={drop_path} are rates in [0, 1)")


def _register(name: str) -> None:
    wide, deep, headed = SIZES[name]

    @backbones.register(name)
    def build(
        patch: int = 16,
        pool: str = "cls",
        depth: int = deep,
        width: int = wide,
        heads: int = headed,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        epsilon: float = 1e-6,
        in_channels: int = 3,
        input_size: tuple[int, ...] = (224, 224),
        dtype: str = "float32",
    ) -> Backbone:
        return vit(
            width=width, depth=depth, heads=heads, patch=patch, pool=pool, dropout=dropout, drop_path=drop_path, epsilon=epsilon,
            in_channels=in_channels, input_size=input_size, dtype=dtype,
        )  # fmt: skip


for _name in SIZES:
    _register(_name)
