"""MobileNetV2 (Sandler et al. 2018): inverted residuals with linear bottlenecks, any width."""

import math

from tljax.models.create import backbones
from tljax.models.layers.inverted_residual import Network, Spec, backbone, divisible
from tljax.models.transfer import Backbone

ROWS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion factor, channels, number of blocks, stride of the first (table 2 of the paper)."""

STAGES = ((1,), (2,), (3,), (4, 5), (6, 7))
"""The numbers of the rows in ``stage1`` to ``stage5``: one stage per resolution."""


def plan(width: float, depth: float = 1.0, fixed_ends: bool = False) -> Network:
    """The network of these multipliers; blocks are named ``block<row>_0``, ``block<row>_1``, ... See `mobilenet_v2`."""
    stem = 32 if fixed_ends else divisible(32 * width)
    inputs, rows = stem, []
    for number, (ratio, channels, repeats, stride) in enumerate(ROWS, 1):
        row = []
        ends = fixed_ends and number in (1, len(ROWS))
        for i in range(repeats if ends else math.ceil(repeats * depth)):
            spec = Spec(
                name=f"block{number}_{i}",
                kernel=3,
                stride=stride if i == 0 else 1,
                expanded=ratio * inputs,
                width=divisible(channels * width),
            )
            row.append(spec)
            inputs = spec.width
        rows.append(tuple(row))
    stages = {f"stage{i}": sum((rows[n - 1] for n in numbers), ()) for i, numbers in enumerate(STAGES, 1)}
    last = 1280 if fixed_ends else divisible(1280 * max(width, 1.0))
    return Network(stem=stem, stages=stages, last=last, activation="relu6")


@backbones.register
def mobilenet_v2(
    width: float = 1.0,
    depth: float = 1.0,
    fixed_ends: bool = False,
    padding: str = "symmetric",
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., stage5, last``, at /2, /2, /4, /8, /16, /32, /32; the last is a 1x1 convolution.

    Args:
      width: multiplier of the channel counts, which are then rounded to multiples of 8 (`divisible`); below 1 not of the last's.
      depth: multiplier of the numbers of blocks, rounded up (timm's ``mobilenetv2_110d``: width 1.1, depth 1.2, `fixed_ends`).
      fixed_ends: the first and the last convolution keep their width, the first and the last row of the paper's table their depth.
      padding: of the convolutions of stride 2: ``"symmetric"`` (torchvision, timm) or ``"asymmetric"`` (Keras).
      epsilon: of BatchNorm; 1e-3 in Keras.
      momentum: of BatchNorm's running statistics.
      in_channels: of the images.
      input_size: height, width.
      dtype: of the computation.

    Raises:
      ValueError: a multiplier that is not positive, an unknown padding.
    """
    if width <= 0 or depth <= 0:
        raise ValueError(f"width={width} and depth={depth} must be above 0")
    return backbone(
        plan(width, depth, fixed_ends),
        padding=padding,
        epsilon=epsilon,
        momentum=momentum,
        in_channels=in_channels,
        input_size=input_size,
        dtype=dtype,
    )
