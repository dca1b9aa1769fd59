"""The ResNets of CIFAR (He et al. 2016, section 4.2): 6n+2 layers at widths 16, 32, 64, shortcuts without parameters."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.normalization import batch_norm
from tljax.models.transfer import Backbone, Batch, stage


class Stem(nn.Module):
    """3x3 convolution, BatchNorm, ReLU."""

    width: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = nn.Conv(self.width, (3, 3), padding=1, use_bias=False, dtype=self.dtype, name="conv")(batch["x"])
        return batch | {"x": nn.relu(batch_norm(batch_stats_in, self.dtype, name="bn")(x))}


class Block(nn.Module):
    """Two 3x3 convolutions with BatchNorm and a shortcut; `x [B, H, W, C]` -> `[B, H/stride, W/stride, width]`."""

    width: int
    stride: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        y = nn.Conv(self.width, (3, 3), self.stride, padding=1, use_bias=False, dtype=self.dtype, name="conv1")(x)
        y = nn.relu(batch_norm(batch_stats_in, self.dtype, name="bn1")(y))
        y = nn.Conv(self.width, (3, 3), padding=1, use_bias=False, dtype=self.dtype, name="conv2")(y)
        y = batch_norm(batch_stats_in, self.dtype, name="bn2")(y)
        same = self.stride == 1 and x.shape[-1] == self.width
        return nn.relu(y + (x if same else _shortcut(x, self.width, self.stride)))


def _shortcut(x: jax.Array, width: int, stride: int) -> jax.Array:
    """Shortcut without parameters (He et al. 2016, section 4.2, option A): `[B, H, W, C]` -> `[B, H/stride, W/stride, width]`.

    Every `stride`-th pixel, the new channels filled with zeros, half before and half after the old ones.
    """
    new = width - x.shape[-1]
    return jnp.pad(x[:, ::stride, ::stride], ((0, 0), (0, 0), (0, 0), (new // 2, new - new // 2)))


class ResidualStage(nn.Module):
    """`depth` blocks; the first one has the stride."""

    width: int
    depth: int
    stride: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        for i in range(self.depth):
            x = Block(self.width, self.stride if i == 0 else 1, self.dtype, name=f"block{i}")(x, batch_stats_in)
        return batch | {"x": x}


def resnet_cifar(
    depth: int, width: int = 16, in_channels: int = 3, input_size: tuple[int, int] = (32, 32), dtype: str = "float32"
) -> Backbone:
    """Stages ``stem, stage1, stage2, stage3`` of `(depth - 2) / 6` blocks each, at `width`, 2 `width`, 4 `width` channels."""
    compute = jnp.dtype(dtype)
    blocks = (depth - 2) // 6
    layout = (
        stage("stem", Stem, width=width, dtype=compute),
        *(
            stage(f"stage{i + 1}", ResidualStage, width=width << i, depth=blocks, stride=1 if i == 0 else 2, dtype=compute)
            for i in range(3)
        ),
    )
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))


for _depth in (20, 32, 44, 56, 110):
    backbones.register(f"resnet{_depth}_cifar")(functools.partial(resnet_cifar, _depth))
