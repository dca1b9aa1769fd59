"""Inception-ResNet-v2 (Szegedy et al. 2017, section 3.2), in the variant of the published weights."""

from typing import Any

import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.branches import Conv, Max, Mean, Mixed, Parts, PartStage, Residual, scaled
from tljax.models.transfer import Backbone, stage
from tljax.zoo.inception_v3.model import HALVED, STEM

MIXED35 = Mixed(
    (
        (Conv(96),),
        (Conv(48), Conv(64, (5, 5))),
        (Conv(64), Conv(96, (3, 3)), Conv(96, (3, 3))),
        (Mean(), Conv(64)),
    )
)
BLOCK35 = Residual(((Conv(32),), (Conv(32), Conv(32, (3, 3))), (Conv(32), Conv(48, (3, 3)), Conv(64, (3, 3)))), 0.17)
REDUCTION17 = Mixed(
    (
        (Conv(384, (3, 3), 2, valid=True),),
        (Conv(256), Conv(256, (3, 3)), Conv(384, (3, 3), 2, valid=True)),
        (Max(3, 2),),
    )
)
BLOCK17 = Residual(((Conv(192),), (Conv(128), Conv(160, (1, 7)), Conv(192, (7, 1)))), 0.1)
REDUCTION8 = Mixed(
    (
        (Conv(256), Conv(384, (3, 3), 2, valid=True)),
        (Conv(256), Conv(288, (3, 3), 2, valid=True)),
        (Conv(256), Conv(288, (3, 3)), Conv(320, (3, 3), 2, valid=True)),
        (Max(3, 2),),
    )
)
BLOCK8 = Residual(((Conv(192),), (Conv(192), Conv(224, (1, 3)), Conv(256, (3, 1)))), 0.2)
LAST8 = Residual(BLOCK8.branches, 1.0, relu=False)
"""The modules and residual blocks at 35x35, 17x17 and 8x8, named by the side of their outputs for images of 299."""


BLOCKS = (10, 20, 9)
"""How many of each the published network has."""


def stages(blocks: tuple[int, int, int]) -> dict[str, Parts]:
    """The parts of each stage at width 1, with so many residual blocks at 35x35, 17x17 and 8x8; of the last the final one stands apart."""
    a, b, c = (tuple((f"block{i}", block) for i in range(n)) for block, n in zip((BLOCK35, BLOCK17, BLOCK8), blocks, strict=True))
    return STEM | {
        "stage2": (("pool2", HALVED), ("mixed5b", MIXED35), *a),
        "stage3": (("mixed6a", REDUCTION17), *b),
        "stage4": (("mixed7a", REDUCTION8), *c, ("last", LAST8), ("conv7b", Conv(1536))),
    }


@backbones.register
def inception_resnet_v2(
    width: float = 1.0,
    blocks: tuple[int, int, int] = BLOCKS,
    norm_scale: bool = True,
    epsilon: float = 1e-3,
    momentum: float = 0.9,
    in_channels: int = 3,
    input_size: tuple[int, int] = (299, 299),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., stage4``: /2, /4, /8, /16, /32.

    Args:
      width: multiplier of all channel counts, rounded down.
      blocks: how many residual blocks there are at 35x35, 17x17 and, but for the last, 8x8.
      norm_scale: BatchNorm has a scale (timm) or none (Keras).
      epsilon: of BatchNorm.
      momentum: of BatchNorm's running statistics.
      in_channels: of the images.
      input_size: height, width; any other size from 75 on runs too.
      dtype: of the computation.

    Raises:
      ValueError: a width that is not positive, or not three numbers of blocks.
    """
    if width <= 0 or len(blocks) != 3 or min(blocks) < 0:
        raise ValueError(f"inception_resnet_v2: width={width} must be positive, blocks={blocks} three numbers")
    common: dict[str, Any] = dict(epsilon=epsilon, momentum=momentum, norm_scale=norm_scale, count_padding=False, dtype=jnp.dtype(dtype))
    layout = tuple(stage(name, PartStage, parts=scaled(parts, width), **common) for name, parts in stages(blocks).items())
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))
