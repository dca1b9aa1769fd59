"""ConvNeXt (Liu et al. 2022): convolutional networks with the proportions of Transformers."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.convolution import DepthwiseConv
from tljax.models.layers.normalization import layer_norm
from tljax.models.transfer import Backbone, Batch, Stage, stage

SIZES: dict[str, tuple[int, tuple[int, ...]]] = {
    "convnext_tiny": (96, (3, 3, 9, 3)),
    "convnext_small": (96, (3, 3, 27, 3)),
    "convnext_base": (128, (3, 3, 27, 3)),
    "convnext_large": (192, (3, 3, 27, 3)),
}
"""Name -> width of the first stage, blocks of each stage (section 3)."""


def _drawn() -> Any:
    return nn.initializers.truncated_normal(0.02)


class Stem(nn.Module):
    """4x4 convolution of stride 4 and LayerNorm: `x [B, H, W, C]` -> `[B, H/4, W/4, width]`."""

    width: int
    epsilon: float
    dtype: Any

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = nn.Conv(self.width, (4, 4), 4, "VALID", dtype=self.dtype, kernel_init=_drawn(), name="conv")(batch["x"])
        return batch | {"x": layer_norm(self.epsilon, self.dtype, "norm")(x)}


class Block(nn.Module):
    """``x += scale * fc2(gelu(fc1(layer_norm(depthwise 7x7(x)))))``, `[B, H, W, C]`; without `scale [C]` where `layer_scale` is 0.

    `drop_path` is the probability that an example skips the branch in training (Huang et al. 2016); a kept branch is scaled.
    """

    layer_scale: float
    drop_path: float
    epsilon: float
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        width = x.shape[-1]
        dense = functools.partial(nn.Dense, dtype=self.dtype, kernel_init=_drawn())
        y = DepthwiseConv(7, 1, ((3, 3), (3, 3)), self.dtype, use_bias=True, name="depthwise")(x)
        y = layer_norm(self.epsilon, self.dtype, "norm")(y)
        y = dense(width, name="fc2")(jax.nn.gelu(dense(4 * width, name="fc1")(y), approximate=False))
        if self.layer_scale:
            y = y * self.param("scale", nn.initializers.constant(self.layer_scale), (width,)).astype(y.dtype)
        return x + nn.Dropout(self.drop_path, broadcast_dims=(1, 2, 3), deterministic=not train)(y)


class BlockStage(nn.Module):
    """Blocks of one resolution; where `downsample`, behind LayerNorm and a 2x2 convolution of stride 2."""

    width: int
    downsample: bool
    drop_paths: tuple[float, ...]
    layer_scale: float
    epsilon: float
    dtype: Any

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        if self.downsample:
            x = layer_norm(self.epsilon, self.dtype, "downsample_norm")(x)
            x = nn.Conv(self.width, (2, 2), 2, "VALID", dtype=self.dtype, kernel_init=_drawn(), name="downsample")(x)
        for i, rate in enumerate(self.drop_paths):
            x = Block(self.layer_scale, rate, self.epsilon, self.dtype, name=f"block{i}")(x, train)
        return batch | {"x": x}


class PooledNorm(nn.Module):
    """LayerNorm of the mean over the map: `x [B, H, W, C]` -> `[B, C]`."""

    epsilon: float
    dtype: Any

    def setup(self) -> None:
        self.norm = layer_norm(self.epsilon, self.dtype)
        nn.share_scope(self, self.norm)

    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        return batch | {"x": self.norm(batch["x"].mean(axis=(1, 2)))}


def convnext(
    width: int,
    depths: tuple[int, ...],
    layer_scale: float = 1e-6,
    drop_path: float = 0.0,
    epsilon: float = 1e-6,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, stage2, ...`` (/4, /4, /8, ...), ``norm``; each stage is twice as wide as the one before.

    Args:
      width: of the first stage.
      depths: blocks of each stage.
      layer_scale: first value of the blocks' learned scales (Touvron et al. 2021b); 0: there are none.
      drop_path: rate of the last block; those before it have linearly less, the first none.
      epsilon: of every LayerNorm.
      in_channels: of the images.
      input_size: height, width; any other size from ``4 * 2**(stages - 1)`` on runs too, borders that do not divide are lost.
      dtype: of the computation.

    Raises:
      ValueError: no stage, a stage without blocks, no width, or a rate outside [0, 1).
    """
    if width < 1 or not depths or min(depths) < 1 or not 0 <= drop_path < 1:
        raise ValueError(f"width={width} and depths={depths} must be 1 or more, drop_path={drop_path} a rate in [0, 1)")
    compute, last = jnp.dtype(dtype), max(sum(depths) - 1, 1)
    layout: list[Stage] = [stage("stem", Stem, width=width, epsilon=epsilon, dtype=compute)]
    for i, count in enumerate(depths):
        rates = tuple(drop_path * (sum(depths[:i]) + j) / last for j in range(count))
        layout.append(
            stage(
                f"stage{i + 1}",
                BlockStage,
                width=width << i,
                downsample=i > 0,
                drop_paths=rates,
                layer_scale=layer_scale,
                epsilon=epsilon,
                dtype=compute,
            )
        )
    layout.append(stage("norm", PooledNorm, epsilon=epsilon, dtype=compute))
    return Backbone(tuple(layout), inputs=(("x", (*input_size, in_channels), "float32"),))


for _name, (_width, _depths) in SIZES.items():
    backbones.register(_name)(functools.partial(convnext, width=_width, depths=_depths))
