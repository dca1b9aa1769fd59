"""Vision Transformers (Dosovitskiy et al. 2021) and all that differs from them by arguments alone: patches as tokens, pre-norm blocks."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers import attention
from tljax.models.layers.normalization import layer_norm
from tljax.models.layers.token_pooling import POOLS, TOKENS, FinalNorm, MapPool, Project, pooling
from tljax.models.transfer import Backbone, Batch, Stage, stage

SIZES = {"vit_tiny": (192, 12, 3), "vit_small": (384, 12, 6), "vit_base": (768, 12, 12), "vit_large": (1024, 24, 16)}
"""Name -> width, depth, heads (the widths tiny and small: Touvron et al. 2021)."""


class Embed(nn.Module):
    """T = h w projected patches behind learned tokens, plus position embeddings: `x [B, h patch, w patch, C]` -> `[B, P + T, width]`.

    Attributes:
      width: of a token.
      patch: side of a patch in pixels.
      grid: h, w.
      tokens: names of the learned tokens; they have positions too, unless `patches_only`.
      registers: further learned tokens, without positions, between these and the patches (Darcet et al. 2024).
      patches_only: position embeddings for the patches alone.
      pre_norm: LayerNorm at the end (of this `epsilon`); the projection then has no bias (Radford et al. 2021).
      dropout: rate at the end.
      epsilon: of LayerNorm.
      dtype: of the computation.
    """

    width: int
    patch: int
    grid: tuple[int, int]
    tokens: tuple[str, ...] = ("cls",)
    registers: int = 0
    patches_only: bool = False
    pre_norm: bool = False
    dropout: float = 0.0
    epsilon: float = 1e-6
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x, side = batch["x"], (self.patch, self.patch)
        size = tuple(n * self.patch for n in self.grid)
        if x.shape[1:3] != size:
            raise ValueError(
                f"'x' has {x.shape[1]} x {x.shape[2]} pixels, but the position embeddings are for {size[0]} x {size[1]}: set input_size"
            )
        x = nn.Conv(self.width, side, side, padding="VALID", use_bias=not self.pre_norm, dtype=self.dtype, name="proj")(x)
        x = x.reshape(len(x), -1, self.width)
        learned = [self._learned(name, 1, x) for name in self.tokens]
        registers = [self._learned("registers", self.registers, x)] if self.registers else []
        placed = [x] if self.patches_only else [*learned, x]
        count = sum(part.shape[1] for part in placed)
        position = self.param("position", nn.initializers.normal(0.02), (1, count, self.width)).astype(x.dtype)
        if self.patches_only:
            parts = [*learned, *registers, x + position]
        else:
            x = jnp.concatenate(placed, axis=1) + position
            parts = [x[:, : len(learned)], *registers, x[:, len(learned) :]] if registers else [x]
        x = jnp.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
        if self.pre_norm:
            x = layer_norm(self.epsilon, self.dtype, "norm")(x)
        return batch | {"x": nn.Dropout(self.dropout, deterministic=not train)(x)}

    def _learned(self, name: str, count: int, x: jax.Array) -> jax.Array:
        value = self.param(name, nn.initializers.zeros if name == "cls" else nn.initializers.normal(0.02), (1, count, self.width))
        return jnp.broadcast_to(value.astype(x.dtype), (len(x), count, self.width))


def vit(
    width: int,
    depth: int,
    heads: int,
    patch: int = 16,
    pool: str = "cls",
    mlp_dim: int = 0,
    activation: str = "gelu",
    registers: int = 0,
    patches_only: bool = False,
    pre_norm: bool = False,
    layer_scale: float = 0.0,
    pre_logits: int = 0,
    projection: int = 0,
    dropout: float = 0.0,
    drop_path: float = 0.0,
    epsilon: float = 1e-6,
    in_channels: int = 3,
    input_size: tuple[int, ...] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``embed, block00, block01, ..., norm``, and where asked for ``map``, ``pre_logits`` or ``projection``.

    Args:
      width: D, of every token.
      depth: number of blocks, at most 100.
      heads: of each attention; a divisor of `width`.
      patch: side of a patch in pixels; a divisor of height and width.
      pool: what the features are. ``"cls"``: the normalized class token; ``"mean"``: the normalized mean of the patches; ``"cls_mean"``:
        the class token and the mean, both of normalized tokens `[B, 2 D]` (Oquab et al. 2024); ``"cls_distilled"``: class and distillation
        token `[B, 2 D]` (Touvron et al. 2021); ``"map"``: a stage of attention, see `token_pooling.MapPool`, and no class
        token. Slices that end before the norm are pooled in the same way (``"map"``: by the mean), without it.
      mlp_dim: width inside the MLPs; 0: four times `width`.
      activation: inside the MLPs, one of `attention.ACTIVATIONS`.
      registers: see `Embed`.
      patches_only: see `Embed`.
      pre_norm: see `Embed`.
      layer_scale: see `attention.Block`.
      pre_logits: width of a last layer with tanh; 0: none (Dosovitskiy et al. 2021, section 3.1).
      projection: width of a last linear layer without bias; 0: none (Radford et al. 2021).
      dropout: rate after the embedding, after attention, and twice in the MLP.
      drop_path: rate of the last block; those before it have linearly less, the first none.
      epsilon: of every LayerNorm.
      in_channels: C of the images.
      input_size: height, width in pixels.
      dtype: of the computation.

    Raises:
      ValueError: an argument outside its range, or sizes that do not divide.
    """
    _check(patch, pool, input_size, (mlp_dim, registers, pre_logits, projection))
    attention.check(width, depth, heads, activation, dropout=dropout, drop_path=drop_path)
    compute, grid, mlp_dim = jnp.dtype(dtype), (input_size[0] // patch, input_size[1] // patch), mlp_dim or 4 * width
    tokens = TOKENS[pool]
    prefix = len(tokens) + registers
    rates = [drop_path * i / max(depth - 1, 1) for i in range(depth)]
    pooled = pooling(pool, prefix)
    layout: list[Stage] = [
        stage(
            "embed",
            Embed,
            width=width,
            patch=patch,
            grid=grid,
            tokens=tokens,
            registers=registers,
            patches_only=patches_only,
            pre_norm=pre_norm,
            dropout=dropout,
            epsilon=epsilon,
            dtype=compute,
        ),
        *(
            stage(
                f"block{i:02}",
                attention.Block,
                heads=heads,
                mlp_dim=mlp_dim,
                activation=activation,
                causal=False,
                layer_scale=layer_scale,
                dropout=dropout,
                drop_path=rate,
                epsilon=epsilon,
                dtype=compute,
            )
            for i, rate in enumerate(rates)
        ),
        stage("norm", FinalNorm, pool=pool, prefix=prefix, epsilon=epsilon, dtype=compute),
    ]
    if pool == "map":
        layout.append(stage("map", MapPool, heads=heads, mlp_dim=mlp_dim, activation=activation, epsilon=epsilon, dtype=compute))
    if pre_logits:
        layout.append(stage("pre_logits", Project, width=pre_logits, pool=pooled, bias=True, tanh=True, dtype=compute))
    if projection:
        layout.append(stage("projection", Project, width=projection, pool=pooled, bias=False, tanh=False, dtype=compute))
    return Backbone(tuple(layout), inputs=(("x", (*input_size, in_channels), "float32"),), pool=pooled)


def _check(patch: int, pool: str, input_size: tuple[int, ...], counts: tuple[int, ...]) -> None:
    if len(input_size) != 2 or patch < 1 or any(n < 1 or n % patch for n in input_size):
        raise ValueError(f"a ViT takes images whose height and width are multiples of patch={patch}, not input_size={tuple(input_size)}")
    if pool not in POOLS or min(counts) < 0:
        raise ValueError(f"pool={pool!r} must be one of {', '.join(POOLS)}; mlp_dim, registers, pre_logits and projection at least 0")


for _name, (_width, _depth, _heads) in SIZES.items():
    backbones.register(_name)(functools.partial(vit, width=_width, depth=_depth, heads=_heads))
