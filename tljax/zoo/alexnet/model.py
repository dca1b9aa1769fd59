"""AlexNet in the variant of Krizhevsky 2014 ("One weird trick"), which torchvision publishes weights for: one column, no normalization."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers import fully_connected
from tljax.models.layers.fully_connected import he
from tljax.models.layers.pooling import max_pool
from tljax.models.transfer import Backbone, Batch, stage

Convs = tuple[tuple[int, int, int, int, int], ...]

STAGES: tuple[Convs, ...] = (((1, 1, 11, 4, 2),), ((2, 3, 5, 1, 2),), ((3, 6, 3, 1, 1), (4, 4, 3, 1, 1), (5, 4, 3, 1, 1)))
"""Per stage its convolutions: number in the network, channels over those of the first, kernel size, stride, padding."""

MAP = 6
"""Side of the map that the first fully connected layer reads."""


class ConvStage(nn.Module):
    """Convolutions with bias and ReLU, then 3x3 maximum of stride 2."""

    width: int
    convs: Convs
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        for number, factor, size, stride, padding in self.convs:
            wide, name = self.width * factor, f"conv{number}"
            x = nn.relu(nn.Conv(wide, (size, size), stride, padding, dtype=self.dtype, kernel_init=he, name=name)(x))
        return batch | {"x": max_pool(x, 3, 2)}


@backbones.register
def alexnet(
    width: int = 64,
    fc: tuple[int, ...] = (4096, 4096),
    dropout: float = 0.0,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stage1, stage2, stage3`` (/8, /16, /32 with borders lost), ``fc6, fc7``.

    Between them the map is averaged to 6x6 by PyTorch's adaptive rule, which at 224 pixels changes nothing.

    Args:
      width: channels of the first convolution; the five have 1, 3, 6, 4, 4 times as many.
      fc: widths of the fully connected layers; (): none, the features are then the mean of the last map.
      dropout: rate before each of these, 0.5 in the paper.
      in_channels: of the images.
      input_size: height, width, at least 63; any other size runs too.
      dtype: of the computation.

    Raises:
      ValueError: a width below 1.
    """
    if min(width, *fc, 1) < 1:
        raise ValueError(f"alexnet: width={width} and fc={fc} must be 1 or more")
    compute = jnp.dtype(dtype)
    maps = tuple(stage(f"stage{i}", ConvStage, width=width, convs=convs, dtype=compute) for i, convs in enumerate(STAGES, 1))
    top = fully_connected.layout(fc, size=MAP, sliding=False, dropout=(dropout, fully_connected.BEFORE), dtype=compute)
    return Backbone((*maps, *top), inputs=(("x", (*input_size, in_channels), "float32"),))
