"""Inception-v3 (Szegedy et al. 2016, section 6)."""

from typing import Any

import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.branches import Conv, Max, Mean, Mixed, Parts, PartStage, scaled
from tljax.models.transfer import Backbone, stage

ROW, COLUMN = (1, 7), (7, 1)
HALVED = Max(3, 2)


def mixed35(pooled: int) -> Mixed:
    """The modules at 35x35 (figure 5)."""
    return Mixed(
        (
            (Conv(64),),
            (Conv(48), Conv(64, (5, 5))),
            (Conv(64), Conv(96, (3, 3)), Conv(96, (3, 3))),
            (Mean(), Conv(pooled)),
        )
    )


def mixed17(width: int) -> Mixed:
    """The modules at 17x17: 7x7 convolutions as rows and columns, `width` of those inside (figure 6)."""
    return Mixed(
        (
            (Conv(192),),
            (Conv(width), Conv(width, ROW), Conv(192, COLUMN)),
            (Conv(width), Conv(width, COLUMN), Conv(width, ROW), Conv(width, COLUMN), Conv(192, ROW)),
            (Mean(), Conv(192)),
        )
    )


REDUCTION17 = Mixed(
    (
        (Conv(384, (3, 3), 2, valid=True),),
        (Conv(64), Conv(96, (3, 3)), Conv(96, (3, 3), 2, valid=True)),
        (HALVED,),
    )
)
"""From 35x35 to 17x17 (figure 10)."""

REDUCTION8 = Mixed(
    (
        (Conv(192), Conv(320, (3, 3), 2, valid=True)),
        (Conv(192), Conv(192, ROW), Conv(192, COLUMN), Conv(192, (3, 3), 2, valid=True)),
        (HALVED,),
    )
)
"""From 17x17 to 8x8."""

SPLIT = (Conv(384, (1, 3)), Conv(384, (3, 1)))
MIXED8 = Mixed(((Conv(320),), (Conv(384), SPLIT), (Conv(448), Conv(384, (3, 3)), SPLIT), (Mean(), Conv(192))))
"""The modules at 8x8 (figure 7)."""

STEM: dict[str, Parts] = {
    "stem": (("conv1a", Conv(32, (3, 3), 2, valid=True)), ("conv2a", Conv(32, (3, 3), valid=True)), ("conv2b", Conv(64, (3, 3)))),
    "stage1": (("pool1", HALVED), ("conv3b", Conv(80)), ("conv4a", Conv(192, (3, 3), valid=True))),
}
"""The first stages of Inception-v3 and Inception-ResNet-v2."""

STAGES: dict[str, Parts] = STEM | {
    "stage2": (("pool2", HALVED), ("mixed5b", mixed35(32)), ("mixed5c", mixed35(64)), ("mixed5d", mixed35(64))),
    "stage3": (
        ("mixed6a", REDUCTION17),
        ("mixed6b", mixed17(128)),
        ("mixed6c", mixed17(160)),
        ("mixed6d", mixed17(160)),
        ("mixed6e", mixed17(192)),
    ),
    "stage4": (("mixed7a", REDUCTION8), ("mixed7b", MIXED8), ("mixed7c", MIXED8)),
}
"""The parts of each stage at width 1."""


@backbones.register
def inception_v3(
    width: float = 1.0,
    count_padding: bool = True,
    norm_scale: bool = True,
    epsilon: float = 1e-3,
    momentum: float = 0.9,
    in_channels: int = 3,
    input_size: tuple[int, int] = (299, 299),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., stage4``: /2, /4, /8, /16, /32; without the auxiliary classifier, which served training only.

    Args:
      width: multiplier of all channel counts, rounded down.
      count_padding: means over 3x3 windows divide by 9 at the border too (torchvision), not by the number of pixels there (Keras).
      norm_scale: BatchNorm has a scale (torchvision) or none (Keras).
      epsilon: of BatchNorm.
      momentum: of BatchNorm's running statistics.
      in_channels: of the images.
      input_size: height, width; any other size from 75 on runs too.
      dtype: of the computation.

    Raises:
      ValueError: a width that is not positive.
    """
    if width <= 0:
        raise ValueError(f"inception_v3: width={width} must be positive")
    common: dict[str, Any] = dict(
        epsilon=epsilon, momentum=momentum, norm_scale=norm_scale, count_padding=count_padding, dtype=jnp.dtype(dtype)
    )
    layout = tuple(stage(name, PartStage, parts=scaled(parts, width), **common) for name, parts in STAGES.items())
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))
