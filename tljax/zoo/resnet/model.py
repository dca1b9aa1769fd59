"""The ResNets of ImageNet (He et al. 2016, section 4.1), ResNeXt (Xie et al. 2017), Wide ResNet (Zagoruyko and Komodakis 2016).

The default is the variant that torchvision and timm publish weights for ("v1.5").
"""

import functools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers import grouped
from tljax.models.layers.normalization import batch_norm
from tljax.models.transfer import Backbone, Batch, Stage, stage

Convs = tuple[tuple[int, int, int, int], ...]
"""A block's convolutions: (kernel size, stride, width, groups) of each."""

BASIC, BOTTLENECK = "basic", "bottleneck"
DEPTHS = {
    18: (BASIC, (2, 2, 2, 2)),
    34: (BASIC, (3, 4, 6, 3)),
    50: (BOTTLENECK, (3, 4, 6, 3)),
    101: (BOTTLENECK, (3, 4, 23, 3)),
    152: (BOTTLENECK, (3, 8, 36, 3)),
}
"""Layers -> kind of block, blocks of each stage (He et al. 2016, table 1)."""

NAMED = {
    **{f"resnet{depth}": (depth, 1, 64) for depth in DEPTHS},
    "resnext50_32x4d": (50, 32, 4),
    "resnext101_32x8d": (101, 32, 8),
    "resnext101_64x4d": (101, 64, 4),
    "wide_resnet50_2": (50, 1, 128),
    "wide_resnet101_2": (101, 1, 128),
}
"""Name -> layers, groups, base width: at width 64 the first stage's 3x3 convolutions have ``groups * base_width`` channels."""


def block_convs(kind: str, width: int, stride: int, *, groups: int = 1, bottleneck: int = 0, stride_first: bool = False) -> Convs:
    """Lists a block's convolutions: 3x3 twice; or 1x1, 3x3 and 1x1, the first two `bottleneck` wide, the last ``4 * width``.

    In a bottleneck the 3x3 convolution has the stride, with `stride_first` the first one.
    """
    if kind == BASIC:
        return ((3, stride, width, 1), (3, 1, width, 1))
    first, second = (stride, 1) if stride_first else (1, stride)
    return ((1, first, bottleneck or width, 1), (3, second, bottleneck or width, groups), (1, 1, 4 * width, 1))


def conv(width: int, size: int, stride: int, *, bias: bool, dtype: Any, name: str, groups: int = 1) -> nn.Conv:
    """Makes a convolution padded by `size // 2` on every side, drawn as in He et al. 2015 (fan-out)."""
    return nn.Conv(
        width,
        (size, size),
        stride,
        size // 2,
        feature_group_count=groups,
        use_bias=bias,
        dtype=dtype,
        kernel_init=nn.initializers.variance_scaling(2.0, "fan_out", "normal"),
        conv_general_dilated=grouped.conv_general_dilated if groups > 1 else None,
        name=name,
    )


class Stem(nn.Module):
    """7x7 convolution and 3x3 maximum, each with stride 2; `x [B, H, W, C]` -> `[B, H/4, W/4, width]`."""

    width: int
    bias: bool
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = conv(self.width, 7, 2, bias=self.bias, dtype=self.dtype, name="conv")(batch["x"])
        x = nn.relu(batch_norm(batch_stats_in, self.dtype, "bn", self.epsilon)(x))
        return batch | {"x": nn.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))}


class Block(nn.Module):
    """Convolutions with BatchNorm, and a shortcut; `x [B, H, W, C]` -> `[B, H/stride, W/stride, width of the last]`.

    The shortcut is the identity where the shape stays, else a 1x1 convolution with BatchNorm (He et al. 2016, option B). With
    `zero_init_last` the last BatchNorm's scale begins with 0.
    """

    convs: Convs
    zero_init_last: bool
    bias: bool
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        y, last, stride = x, len(self.convs), math.prod(stride for _, stride, _, _ in self.convs)
        for i, (size, step, width, groups) in enumerate(self.convs, 1):
            y = conv(width, size, step, bias=self.bias, dtype=self.dtype, name=f"conv{i}", groups=groups)(y)
            init = nn.initializers.zeros if self.zero_init_last and i == last else nn.initializers.ones
            y = batch_norm(batch_stats_in, self.dtype, f"bn{i}", self.epsilon, scale_init=init)(y)
            y = y if i == last else nn.relu(y)
        if stride > 1 or x.shape[-1] != y.shape[-1]:
            x = conv(y.shape[-1], 1, stride, bias=self.bias, dtype=self.dtype, name="shortcut_conv")(x)
            x = batch_norm(batch_stats_in, self.dtype, "shortcut_bn", self.epsilon)(x)
        return nn.relu(x + y)


class ResidualStage(nn.Module):
    """Blocks one after the other, each given by its convolutions."""

    blocks: tuple[Convs, ...]
    zero_init_last: bool
    bias: bool
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        common: dict[str, Any] = dict(zero_init_last=self.zero_init_last, bias=self.bias, epsilon=self.epsilon, dtype=self.dtype)
        for i, convs in enumerate(self.blocks):
            x = Block(convs, **common, name=f"block{i}")(x, batch_stats_in)
        return batch | {"x": x}


def resnet(
    depth: int,
    width: int = 64,
    groups: int = 1,
    base_width: int = 64,
    zero_init_last: bool = True,
    stride_first: bool = False,
    bias: bool = False,
    epsilon: float = 1e-5,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., stage4``; stage i has stride 2 (i > 1) and blocks of width ``width * 2**(i-1)``.

    Args:
      depth: one of `DEPTHS`.
      width: of the stem and of the first stage's blocks.
      groups: of a bottleneck's 3x3 convolution (ResNeXt's cardinality).
      base_width: channels of each group for a block of width 64, in proportion for others; 128 with one group is a Wide ResNet.
      zero_init_last: each block's last BatchNorm begins with scale 0, the block so as its shortcut (Goyal et al. 2017, section 5.1).
      stride_first: a bottleneck's stride is on its first convolution (v1, as in the paper and in Keras), not on the 3x3 one.
      bias: convolutions have biases, as in Keras.
      epsilon: of BatchNorm.
      in_channels: of the images.
      input_size: height, width; any other size runs too.
      dtype: of the computation.

    Raises:
      ValueError: groups or a base width in a network of basic blocks; a base width that leaves a group without channels.
    """
    kind, counts = DEPTHS[depth]
    bottlenecks = [(width << i) * base_width // 64 * groups for i in range(4)]
    if kind == BASIC and (groups, base_width) != (1, 64):
        raise ValueError(f"resnet{depth} has no bottlenecks, so groups={groups} and base_width={base_width} have no effect")
    if bottlenecks[0] < 1:
        raise ValueError(f"base_width={base_width} with width={width} and groups={groups} leaves a group without channels")
    common: dict[str, Any] = dict(bias=bias, epsilon=epsilon, dtype=jnp.dtype(dtype))
    layout: list[Stage] = [stage("stem", Stem, width=width, **common)]
    for i, count in enumerate(counts):
        strides = (2 if i > 0 and j == 0 else 1 for j in range(count))
        blocks = tuple(
            block_convs(kind, width << i, stride, groups=groups, bottleneck=bottlenecks[i], stride_first=stride_first) for stride in strides
        )
        layout.append(stage(f"stage{i + 1}", ResidualStage, blocks=blocks, zero_init_last=zero_init_last, **common))
    return Backbone(tuple(layout), inputs=(("x", (*input_size, in_channels), "float32"),))


for _name, (_depth, _groups, _base_width) in NAMED.items():
    _changes: dict[str, Any] = {"groups": _groups, "base_width": _base_width} if (_groups, _base_width) != (1, 64) else {}
    backbones.register(_name)(functools.partial(resnet, _depth, **_changes))
