"""The ResNets of ImageNet (He et al. 2016, section 4.1), in the variant that torchvision and timm publish weights for ("v1.5")."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers import batch_norm
from tljax.models.transfer import Backbone, Batch

Convs = tuple[tuple[int, int, int], ...]
"""A block's convolutions: (kernel size, stride, width) of each."""

BASIC, BOTTLENECK = "basic", "bottleneck"
DEPTHS = {
    18: (BASIC, (2, 2, 2, 2)),
    34: (BASIC, (3, 4, 6, 3)),
    50: (BOTTLENECK, (3, 4, 6, 3)),
    101: (BOTTLENECK, (3, 4, 23, 3)),
    152: (BOTTLENECK, (3, 8, 36, 3)),
}
"""Layers -> kind of block, blocks of each stage (He et al. 2016, table 1)."""


def block_convs(kind: str, width: int, stride: int) -> Convs:
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1 with four times the width at the end; in a bottleneck the 3x3 one has the stride."""
    if kind == BASIC:
        return ((3, stride, width), (3, 1, width))
    return ((1, 1, width), (3, stride, width), (1, 1, 4 * width))


def conv(width: int, size: int, stride: int, dtype: Any, name: str) -> nn.Conv:
    """A convolution without bias, padded by `size // 2` on every side, drawn as in He et al. 2015 (fan-out)."""
    init = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
    return nn.Conv(width, (size, size), stride, padding=size // 2, use_bias=False, dtype=dtype, kernel_init=init, name=name)


class Stem(nn.Module):
    """7x7 convolution and 3x3 maximum, each with stride 2; `x [B, H, W, C]` -> `[B, H/4, W/4, width]`."""

    width: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, bn_train: bool) -> Batch:
        x = conv(self.width, 7, 2, self.dtype, "conv")(batch["x"])
        x = nn.relu(batch_norm(bn_train, self.dtype, name="bn")(x))
        return batch | {"x": nn.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))}


class Block(nn.Module):
    """Convolutions with BatchNorm, and a shortcut; `x [B, H, W, C]` -> `[B, H/stride, W/stride, width of the last]`.

    The shortcut is the identity where the shape stays, else a 1x1 convolution with BatchNorm (He et al. 2016, option B).
    """

    convs: Convs
    zero_init_last: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, bn_train: bool) -> jax.Array:
        y, last, stride = x, len(self.convs), math.prod(stride for _, stride, _ in self.convs)
        for i, (size, step, width) in enumerate(self.convs, 1):
            y = conv(width, size, step, self.dtype, f"conv{i}")(y)
            zero = self.zero_init_last and i == last
            y = batch_norm(bn_train, self.dtype, name=f"bn{i}", scale_init=nn.initializers.zeros if zero else nn.initializers.ones)(y)
            y = y if i == last else nn.relu(y)
        if stride > 1 or x.shape[-1] != y.shape[-1]:
            x = conv(y.shape[-1], 1, stride, self.dtype, "shortcut_conv")(x)
            x = batch_norm(bn_train, self.dtype, name="shortcut_bn")(x)
        return nn.relu(x + y)


class ResidualStage(nn.Module):
    """Blocks one after the other, each given by its convolutions."""

    blocks: tuple[Convs, ...]
    zero_init_last: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, bn_train: bool) -> Batch:
        x = batch["x"]
        for i, convs in enumerate(self.blocks):
            x = Block(convs, self.zero_init_last, self.dtype, name=f"block{i}")(x, bn_train)
        return batch | {"x": x}


def resnet(
    depth: int,
    width: int = 64,
    zero_init_last: bool = True,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., stage4``; stage i has stride 2 (i > 1) and blocks of width ``width * 2**(i-1)``.

    Args:
      depth: one of `DEPTHS`.
      width: of the stem and of the first stage's blocks.
      zero_init_last: each block's last BatchNorm begins with scale 0, the block so as its shortcut (Goyal et al. 2017, section 5.1).
      in_channels: of the images.
      input_size: height, width; any other size runs too.
      dtype: of the computation.
    """
    kind, counts = DEPTHS[depth]
    compute = jnp.dtype(dtype)
    layout: list[tuple[str, type[nn.Module], tuple[Any, ...]]] = [("stem", Stem, (width, compute))]
    for i, count in enumerate(counts):
        blocks = tuple(block_convs(kind, width << i, 2 if i > 0 and j == 0 else 1) for j in range(count))
        layout.append((f"stage{i + 1}", ResidualStage, (blocks, zero_init_last, compute)))
    return Backbone(tuple(layout), inputs=(("x", (*input_size, in_channels), "float32"),))


def _register(depth: int) -> None:
    @backbones.register(f"resnet{depth}")
    def build(
        width: int = 64,
        zero_init_last: bool = True,
        in_channels: int = 3,
        input_size: tuple[int, int] = (224, 224),
        dtype: str = "float32",
    ) -> Backbone:
        return resnet(depth=depth, width=width, zero_init_last=zero_init_last, in_channels=in_channels, input_size=input_size, dtype=dtype)


for _depth in DEPTHS:
    _register(_depth)
