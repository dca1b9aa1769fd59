"""EfficientNet B0 to B7 (Tan and Le 2019): one network, its width, depth and resolution scaled together."""

import functools
import math

from tljax.models.create import backbones
from tljax.models.layers.inverted_residual import Network, Spec, backbone, divisible
from tljax.models.transfer import Backbone

ROWS = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1))
"""Kernel, stride of the first block, expansion factor, channels and number of the blocks (table 1 of the paper)."""

STAGES = ((1,), (2,), (3,), (4, 5), (6, 7))
"""The numbers of the rows in ``stage1`` to ``stage5``: one stage per resolution."""

VARIANTS = {
    "efficientnet_b0": (1.0, 1.0, 224),
    "efficientnet_b1": (1.0, 1.1, 240),
    "efficientnet_b2": (1.1, 1.2, 260),
    "efficientnet_b3": (1.2, 1.4, 300),
    "efficientnet_b4": (1.4, 1.8, 380),
    "efficientnet_b5": (1.6, 2.2, 456),
    "efficientnet_b6": (1.8, 2.6, 528),
    "efficientnet_b7": (2.0, 3.1, 600),
}
"""Name -> width, depth, resolution (the authors' code)."""


def plan(width: float, depth: float, drop_path: float = 0.0) -> Network:
    """The network of these multipliers, see `efficientnet`; the blocks of a row are named ``block<row>_0``, ``block<row>_1``, ..."""
    counts = [math.ceil(repeats * depth) for *_, repeats in ROWS]
    inputs, done, rows = divisible(32 * width), 0, []
    for number, ((kernel, stride, ratio, channels, _), count) in enumerate(zip(ROWS, counts, strict=True), 1):
        row = []
        for i in range(count):
            spec = Spec(
                name=f"block{number}_{i}",
                kernel=kernel,
                stride=stride if i == 0 else 1,
                expanded=ratio * inputs,
                width=divisible(channels * width),
                squeeze=max(1, inputs // 4),
                activation="silu",
                drop_path=drop_path * done / sum(counts),
            )
            row.append(spec)
            inputs, done = spec.width, done + 1
        rows.append(tuple(row))
    stages = {f"stage{i}": sum((rows[n - 1] for n in numbers), ()) for i, numbers in enumerate(STAGES, 1)}
    return Network(stem=divisible(32 * width), stages=stages, last=divisible(1280 * width), activation="silu")


def efficientnet(
    width: float,
    depth: float,
    drop_path: float = 0.0,
    padding: str = "symmetric",
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., stage5, last``, at /2, /2, /4, /8, /16, /32, /32; the last is a 1x1 convolution.

    Args:
      width: multiplier of all channel counts, which are then rounded to multiples of 8 (`divisible`).
      depth: multiplier of the numbers of blocks.
      drop_path: rate that the last block's comes near to; those before it have linearly less, the first none (the paper's: 0.2).
      padding: of the convolutions of stride 2: ``"symmetric"`` (torchvision, timm) or ``"asymmetric"`` (Keras, timm's ``tf_`` models).
      epsilon: of BatchNorm; 1e-3 in the paper's code and Keras, in timm's ``tf_`` models, and in torchvision from B5 on.
      momentum: of BatchNorm's running statistics.
      in_channels: of the images.
      input_size: height, width.
      dtype: of the computation.

    Raises:
      ValueError: a multiplier that is not positive, a rate outside [0, 1), an unknown padding.
    """
    if width <= 0 or depth <= 0 or not 0 <= drop_path < 1:
        raise ValueError(f"width={width} and depth={depth} must be above 0, drop_path={drop_path} a rate in [0, 1)")
    return backbone(
        plan(width, depth, drop_path),
        padding=padding,
        epsilon=epsilon,
        momentum=momentum,
        in_channels=in_channels,
        input_size=input_size,
        dtype=dtype,
    )


for _name, (_width, _depth, _side) in VARIANTS.items():
    backbones.register(_name)(functools.partial(efficientnet, width=_width, depth=_depth, input_size=(_side, _side)))
