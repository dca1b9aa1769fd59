"""Xception (Chollet 2017, figure 5): depthwise-separable convolutions with shortcuts."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.convolution import DepthwiseConv, pointwise
from tljax.models.layers.normalization import batch_norm
from tljax.models.layers.pooling import max_pool
from tljax.models.transfer import Backbone, Batch, Stage, stage

Spec = tuple[str, tuple[int, ...], bool, bool]
"""A block: its name, its convolutions' widths, whether it begins with a ReLU, whether it halves the size."""


def blocks(middle: int) -> dict[str, tuple[Spec, ...]]:
    """The residual blocks of each stage at width 1, the first `middle` of 5 to 12 among them; block 1 is the stem."""
    return {
        "stage1": (("block2", (128, 128), False, True),),
        "stage2": (("block3", (256, 256), True, True),),
        "stage3": (
            ("block4", (728, 728), True, True),
            *((f"block{5 + i}", (728, 728, 728), True, False) for i in range(middle)),
        ),
        "stage4": (("block13", (728, 1024), True, True),),
    }


EXIT = (1536, 2048)
"""Widths of the two separable convolutions of block 14."""


class Stem(nn.Module):
    """Two 3x3 convolutions without padding, the first of stride 2, with BatchNorm and ReLU."""

    widths: tuple[int, int]
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        for i, (width, stride) in enumerate(zip(self.widths, (2, 1), strict=True), 1):
            x = nn.Conv(width, (3, 3), stride, "VALID", use_bias=False, dtype=self.dtype, name=f"conv{i}")(x)
            x = nn.relu(batch_norm(batch_stats_in, self.dtype, f"bn{i}", epsilon=self.epsilon, momentum=self.momentum)(x))
        if 0 in x.shape:
            raise ValueError(f"images of {batch['x'].shape[1]} x {batch['x'].shape[2]} pixels are too small for xception")
        return batch | {"x": x}


class Separable(nn.Module):
    """3x3 depthwise convolution, 1x1 convolution, BatchNorm; `x [B, H, W, C]` -> `[B, H, W, width]`."""

    width: int
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        x = pointwise(self.width, self.dtype, "pointwise")(DepthwiseConv(3, dtype=self.dtype, name="depthwise")(x))
        return batch_norm(batch_stats_in, self.dtype, "bn", epsilon=self.epsilon, momentum=self.momentum)(x)


class Block(nn.Module):
    """Separable convolutions, each after a ReLU, and a shortcut; one that halves the size ends in a 3x3 maximum of stride 2."""

    widths: tuple[int, ...]
    first_relu: bool
    halved: bool
    padding: str
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        y = x
        norm: dict[str, Any] = dict(epsilon=self.epsilon, momentum=self.momentum)
        for i, width in enumerate(self.widths, 1):
            y = nn.relu(y) if i > 1 or self.first_relu else y
            y = Separable(width, **norm, dtype=self.dtype, name=f"sepconv{i}")(y, batch_stats_in)
        if not self.halved:
            return x + y
        y = max_pool(y, 3, 2, 1) if self.padding == "symmetric" else nn.max_pool(y, (3, 3), (2, 2), "SAME")
        x = pointwise(self.widths[-1], self.dtype, "shortcut_conv")(x[:, ::2, ::2])
        return y + batch_norm(batch_stats_in, self.dtype, "shortcut_bn", **norm)(x)


class BlockStage(nn.Module):
    """The blocks of one resolution, then separable convolutions of widths `exit` with a ReLU after each: block 14, in the last stage."""

    blocks: tuple[Spec, ...]
    exit: tuple[int, ...]
    padding: str
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        norm: dict[str, Any] = dict(epsilon=self.epsilon, momentum=self.momentum, dtype=self.dtype)
        for name, widths, first_relu, halved in self.blocks:
            x = Block(widths, first_relu, halved, padding=self.padding, **norm, name=name)(x, batch_stats_in)
        for i, width in enumerate(self.exit, 1):
            x = nn.relu(Separable(width, **norm, name=f"block14_sepconv{i}")(x, batch_stats_in))
        return batch | {"x": x}


@backbones.register
def xception(
    width: float = 1.0,
    middle: int = 8,
    padding: str = "asymmetric",
    epsilon: float = 1e-3,
    momentum: float = 0.9,
    in_channels: int = 3,
    input_size: tuple[int, int] = (299, 299),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., stage4``: /2, /4, /8, /16, /32.

    Args:
      width: multiplier of all channel counts, rounded down.
      middle: how many blocks there are in the middle flow.
      padding: of the maxima of stride 2: ``"symmetric"``, one pixel on every side (PyTorch); or ``"asymmetric"``, where the side is even
        none at the top and left (TensorFlow, Keras).
      epsilon: of BatchNorm.
      momentum: of BatchNorm's running statistics.
      in_channels: of the images.
      input_size: height, width; any other size from 7 on runs too.
      dtype: of the computation.

    Raises:
      ValueError: an unknown padding, a negative number of blocks or more than 8, a width that leaves a layer without channels.
    """
    if padding not in ("symmetric", "asymmetric") or not 0 <= middle <= 8:
        raise ValueError(f"xception: padding={padding!r} is symmetric or asymmetric, middle={middle} lies in 0 to 8")
    if int(32 * width + 1e-6) < 1:
        raise ValueError(f"xception: width={width} leaves its first layer no channels")
    norm: dict[str, Any] = dict(epsilon=epsilon, momentum=momentum, dtype=jnp.dtype(dtype))

    def scaled(widths: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(int(w * width + 1e-6) for w in widths)

    layout: list[Stage] = [stage("stem", Stem, widths=scaled((32, 64)), **norm)]
    for name, specs in blocks(middle).items():
        inside = tuple((block, scaled(widths), *flags) for block, widths, *flags in specs)
        layout.append(stage(name, BlockStage, blocks=inside, exit=scaled(EXIT) if name == "stage4" else (), padding=padding, **norm))
    return Backbone(tuple(layout), inputs=(("x", (*input_size, in_channels), "float32"),))
