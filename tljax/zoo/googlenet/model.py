"""GoogLeNet (Szegedy et al. 2015, table 1) with BatchNorm, in the variant that torchvision publishes weights for."""

from typing import Any

import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.branches import Conv, Max, Mixed, Parts, PartStage, scaled
from tljax.models.transfer import Backbone, stage

HALVED = Max(3, 2, ceil=True)


def mixed(first: int, reduce3: int, wide3: int, reduce5: int, wide5: int, pooled: int) -> Mixed:
    """One inception module by its widths, in the order of the paper's table.

    The paper's 5x5 convolution is a 3x3 one here, as in the published weights.
    """
    return Mixed(
        (
            (Conv(first),),
            (Conv(reduce3), Conv(wide3, (3, 3))),
            (Conv(reduce5), Conv(wide5, (3, 3))),
            (Max(3, 1, padding=1), Conv(pooled)),
        )
    )


STAGES: dict[str, Parts] = {
    "stem": (("conv1", Conv(64, (7, 7), 2)),),
    "stage1": (("pool1", HALVED), ("conv2", Conv(64)), ("conv3", Conv(192, (3, 3)))),
    "stage2": (("pool2", HALVED), ("mixed3a", mixed(64, 96, 128, 16, 32, 32)), ("mixed3b", mixed(128, 128, 192, 32, 96, 64))),
    "stage3": (
        ("pool3", HALVED),
        ("mixed4a", mixed(192, 96, 208, 16, 48, 64)),
        ("mixed4b", mixed(160, 112, 224, 24, 64, 64)),
        ("mixed4c", mixed(128, 128, 256, 24, 64, 64)),
        ("mixed4d", mixed(112, 144, 288, 32, 64, 64)),
        ("mixed4e", mixed(256, 160, 320, 32, 128, 128)),
    ),
    "stage4": (
        ("pool4", Max(2, 2, ceil=True)),
        ("mixed5a", mixed(256, 160, 320, 32, 128, 128)),
        ("mixed5b", mixed(384, 192, 384, 48, 128, 128)),
    ),
}
"""The parts of each stage at width 1."""


@backbones.register
def googlenet(
    width: float = 1.0,
    epsilon: float = 1e-3,
    momentum: float = 0.9,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., stage4``: /2, /4, /8, /16, /32; without the two auxiliary classifiers, which served training only.

    Args:
      width: multiplier of all channel counts, rounded down.
      epsilon: of BatchNorm.
      momentum: of BatchNorm's running statistics.
      in_channels: of the images.
      input_size: height, width; any other size from 15 on runs too.
      dtype: of the computation.

    Raises:
      ValueError: a width that is not positive.
    """
    if width <= 0:
        raise ValueError(f"googlenet: width={width} must be positive")
    common: dict[str, Any] = dict(epsilon=epsilon, momentum=momentum, dtype=jnp.dtype(dtype))
    layout = tuple(stage(name, PartStage, parts=scaled(parts, width), **common) for name, parts in STAGES.items())
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))
