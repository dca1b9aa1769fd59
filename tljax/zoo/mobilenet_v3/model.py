"""MobileNetV3, large and small (Howard et al. 2019): inverted residuals found by search, hard activations, a penultimate layer."""

import functools
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.inverted_residual import Network, Spec, backbone, divisible
from tljax.models.transfer import Backbone, Batch, mean_pool, stage

Row = tuple[tuple[int, int, int, bool, str, int], ...]
"""Blocks of one width: of each its kernel, expanded and output channels, squeeze-and-excitation or not, activation, stride."""

RE, HS = "relu", "hard_swish"

LARGE: tuple[Row, ...] = (
    ((3, 16, 16, False, RE, 1),),
    ((3, 64, 24, False, RE, 2), (3, 72, 24, False, RE, 1)),
    ((5, 72, 40, True, RE, 2), (5, 120, 40, True, RE, 1), (5, 120, 40, True, RE, 1)),
    ((3, 240, 80, False, HS, 2), (3, 200, 80, False, HS, 1), (3, 184, 80, False, HS, 1), (3, 184, 80, False, HS, 1)),
    ((3, 480, 112, True, HS, 1), (3, 672, 112, True, HS, 1)),
    ((5, 672, 160, True, HS, 2), (5, 960, 160, True, HS, 1), (5, 960, 160, True, HS, 1)),
)
"""Table 1 of the paper."""

SMALL: tuple[Row, ...] = (
    ((3, 16, 16, True, RE, 2),),
    ((3, 72, 24, False, RE, 2), (3, 88, 24, False, RE, 1)),
    ((5, 96, 40, True, HS, 2), (5, 240, 40, True, HS, 1), (5, 240, 40, True, HS, 1)),
    ((5, 120, 48, True, HS, 1), (5, 144, 48, True, HS, 1)),
    ((5, 288, 96, True, HS, 2), (5, 576, 96, True, HS, 1), (5, 576, 96, True, HS, 1)),
)
"""Table 2 of the paper."""


class Variant(NamedTuple):
    """One of the two networks.

    Attributes:
      rows: its table in the paper.
      stages: the numbers of the rows in ``stage1``, ``stage2``, ...: one stage per resolution.
      penultimate: channels of the layer after pooling.
    """

    rows: tuple[Row, ...]
    stages: tuple[tuple[int, ...], ...]
    penultimate: int


VARIANTS = {
    "mobilenet_v3_large": Variant(LARGE, ((1,), (2,), (3,), (4, 5), (6,)), 1280),
    "mobilenet_v3_small": Variant(SMALL, ((1,), (2,), (3, 4), (5,)), 1024),
}


def plan(name: str, width: float, ratios: bool, penultimate: bool = True) -> Network:
    """The network of `VARIANTS` by its name; blocks are named ``block<row>_0``, ``block<row>_1``, ... See `mobilenet_v3`."""
    variant = VARIANTS[name]
    stem = divisible(16 * max(width, 1.0) if ratios else 16 * width)
    inputs, full, rows = stem, 16, []
    for number, blocks in enumerate(variant.rows, 1):
        row = []
        for i, (kernel, listed, channels, excites, activation, stride) in enumerate(blocks):
            expanded = listed / full * inputs if ratios else listed * width
            expanded = inputs if listed == full else divisible(expanded)
            spec = Spec(
                name=f"block{number}_{i}",
                kernel=kernel,
                stride=stride,
                expanded=expanded,
                width=divisible(channels * width),
                squeeze=divisible(expanded // 4) if excites else 0,
                activation=activation,
                gates=("relu", "hard_sigmoid"),
            )
            row.append(spec)
            inputs, full = spec.width, channels
        rows.append(tuple(row))
    stages = {f"stage{i}": sum((rows[n - 1] for n in numbers), ()) for i, numbers in enumerate(variant.stages, 1)}
    last = variant.penultimate if ratios else divisible(variant.penultimate * width)
    return Network(stem=stem, stages=stages, last=divisible(6 * inputs), activation=HS, penultimate=last if penultimate else 0)


class Penultimate(nn.Module):
    """The mean over height and width, a linear layer, hard-swish, dropout: `x [B, H, W, C]` -> `[B, width]`."""

    width: int
    dropout: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = nn.hard_swish(nn.Dense(self.width, dtype=self.dtype, name="fc")(mean_pool(batch)))
        return batch | {"x": nn.Dropout(self.dropout, deterministic=not train)(x)}


def mobilenet_v3(
    name: str,
    width: float = 1.0,
    ratios: bool = False,
    penultimate: bool = True,
    dropout: float = 0.0,
    padding: str = "symmetric",
    epsilon: float = 1e-3,
    momentum: float = 0.9,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., last, penultimate``: one per resolution, a 1x1 convolution, a layer after pooling that leaves `[B, D]`.

    The large network's five stages are at /2, /4, /8, /16, /32, the small one's four at /4, /8, /16, /32.

    Args:
      name: one of `VARIANTS`.
      width: multiplier of the channel counts, which are then rounded to multiples of 8 (`divisible`).
      ratios: how: of every count of the paper's table, the penultimate layer's too (torchvision); or, if true, of the blocks' outputs, the
        channels inside following as the table's multiples of the block's inputs, the penultimate layer unscaled and the first convolution
        at least 16 wide (timm, Keras).
      penultimate: whether that layer is there (in Keras's files without their top it is not).
      dropout: rate after it (torchvision's: 0.2).
      padding: of the convolutions of stride 2: ``"symmetric"`` (torchvision, timm) or ``"asymmetric"`` (Keras, timm's ``tf_`` models).
      epsilon: of BatchNorm.
      momentum: of BatchNorm's running statistics.
      in_channels: of the images.
      input_size: height, width.
      dtype: of the computation.

    Raises:
      ValueError: a width that is not positive, a rate outside [0, 1), an unknown padding.
    """
    if width <= 0 or not 0 <= dropout < 1:
        raise ValueError(f"width={width} must be above 0, dropout={dropout} a rate in [0, 1)")
    network = plan(name, width, ratios, penultimate)
    tail = (stage("penultimate", Penultimate, width=network.penultimate, dropout=dropout, dtype=jnp.dtype(dtype)),) if penultimate else ()
    return backbone(
        network,
        padding=padding,
        epsilon=epsilon,
        momentum=momentum,
        in_channels=in_channels,
        input_size=input_size,
        dtype=dtype,
        tail=tail,
    )


for _name in VARIANTS:
    backbones.register(_name)(functools.partial(mobilenet_v3, _name))
