"""VGG (Simonyan and Zisserman 2015): blocks of 3x3 convolutions, with or without BatchNorm, and two fully connected layers."""

import functools
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers import fully_connected
from tljax.models.layers.normalization import batch_norm
from tljax.models.layers.pooling import max_pool
from tljax.models.transfer import Backbone, Batch, stage

COUNTS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Layers with weights -> convolutions of each block (table 1 of the paper: A, B, D, E)."""

FACTORS = (1, 2, 4, 8, 8)
"""Channels of each block over those of the first."""

MAP = 7
"""Side of the map that the first fully connected layer reads."""


class ConvStage(nn.Module):
    """`count` times 3x3 convolution with bias, BatchNorm if asked for, ReLU; then 2x2 maximum: `[B, H, W, C]` -> `[B, H/2, W/2, width]`."""

    width: int
    count: int
    norm: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x, init = batch["x"], nn.initializers.variance_scaling(2.0, "fan_out", "normal")
        for i in range(1, self.count + 1):
            x = nn.Conv(self.width, (3, 3), padding=1, dtype=self.dtype, kernel_init=init, name=f"conv{i}")(x)
            x = nn.relu(batch_norm(batch_stats_in, self.dtype, name=f"bn{i}")(x) if self.norm else x)
        return batch | {"x": max_pool(x, 2, 2)}


def vgg(
    depth: int,
    norm: bool = False,
    width: int = 64,
    fc: tuple[int, ...] = (4096, 4096),
    sliding: bool = False,
    dropout: float = 0.0,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stage1, ..., stage5`` (/2, ..., /32) and ``fc6, fc7``.

    Args:
      depth: one of `COUNTS`.
      norm: BatchNorm behind each convolution.
      width: channels of the first block; the five have 1, 2, 4, 8, 8 times as many.
      fc: widths of the fully connected layers; (): none, the features are then the mean of the last map.
      sliding: how ``fc6`` reads a map of another size than 7x7. False: it is averaged to 7x7 (torchvision). True: a smaller one is, over a
        larger one ``fc6`` slides, and the features are the mean over the places (section 3.2 of the paper; timm).
      dropout: rate behind each of these layers, 0.5 in the paper (torchvision's place).
      in_channels: of the images.
      input_size: height, width, at least 32; any other size runs too.
      dtype: of the computation.

    Raises:
      ValueError: a width below 1.
    """
    if min(width, *fc, 1) < 1:
        raise ValueError(f"vgg{depth}: width={width} and fc={fc} must be 1 or more")
    compute = jnp.dtype(dtype)
    blocks = zip(FACTORS, COUNTS[depth], strict=True)
    convs = tuple(
        stage(f"stage{i}", ConvStage, width=width * factor, count=count, norm=norm, dtype=compute)
        for i, (factor, count) in enumerate(blocks, 1)
    )
    top = fully_connected.layout(fc, size=MAP, sliding=sliding, dropout=(dropout, fully_connected.AFTER), dtype=compute)
    return Backbone((*convs, *top), inputs=(("x", (*input_size, in_channels), "float32"),))


for _depth in COUNTS:
    backbones.register(f"vgg{_depth}")(functools.partial(vgg, _depth, False))
    backbones.register(f"vgg{_depth}_bn")(functools.partial(vgg, _depth, True))
