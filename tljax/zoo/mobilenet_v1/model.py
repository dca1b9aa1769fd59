"""MobileNetV1 (Howard et al. 2017): depthwise-separable convolutions, any width."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.activations import ACTIVATIONS
from tljax.models.layers.convolution import DepthwiseConv, Padding, image_conv, pointwise
from tljax.models.layers.normalization import batch_norm
from tljax.models.transfer import Backbone, Batch, stage

BLOCKS = (
    (1, 64, 1),
    (2, 128, 2),
    (3, 128, 1),
    (4, 256, 2),
    (5, 256, 1),
    (6, 512, 2),
    *((n, 512, 1) for n in range(7, 12)),
    (12, 1024, 2),
    (13, 1024, 1),
)
"""``(number, channels at width 1, stride)`` of the 13 blocks (table 1 of the paper)."""

STAGES = ((1,), (2, 3), (4, 5), (6, 7, 8, 9, 10, 11), (12, 13))
"""The numbers of the blocks in ``stage1`` to ``stage5``: one stage per resolution."""


class Stem(nn.Module):
    """3x3 convolution of stride 2, BatchNorm, activation."""

    width: int
    activation: str
    padding: str
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        pad: Padding = "SAME" if self.padding == "asymmetric" else ((1, 1), (1, 1))
        x = image_conv(self.width, stride=2, padding=pad, dtype=self.dtype, name="conv")(batch["x"])
        x = batch_norm(batch_stats_in, self.dtype, "bn", epsilon=self.epsilon, momentum=self.momentum)(x)
        return batch | {"x": ACTIVATIONS[self.activation](x)}


class Block(nn.Module):
    """Depthwise 3x3, then 1x1 convolution, each with BatchNorm and activation; `x [B, H, W, C]` -> `[B, H/stride, W/stride, width]`."""

    width: int
    stride: int
    activation: str
    padding: str
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        activation = ACTIVATIONS[self.activation]
        norm = functools.partial(batch_norm, batch_stats_in, self.dtype, epsilon=self.epsilon, momentum=self.momentum)
        low = 0 if self.padding == "asymmetric" and self.stride == 2 else 1
        x = DepthwiseConv(3, self.stride, ((low, 1), (low, 1)), self.dtype, name="depthwise")(x)
        x = activation(norm(name="depthwise_bn")(x))
        x = pointwise(self.width, self.dtype, "pointwise")(x)
        return activation(norm(name="pointwise_bn")(x))


class SeparableStage(nn.Module):
    """The blocks of one resolution, named by their numbers in the whole network."""

    blocks: tuple[tuple[int, int, int], ...]
    activation: str
    padding: str
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        common: dict[str, Any] = dict(activation=self.activation, padding=self.padding, epsilon=self.epsilon, momentum=self.momentum)
        for number, width, stride in self.blocks:
            x = Block(width, stride, **common, dtype=self.dtype, name=f"block{number}")(x, batch_stats_in)
        return batch | {"x": x}


@backbones.register
def mobilenet_v1(
    width: float = 1.0,
    activation: str = "relu",
    padding: str = "symmetric",
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., stage5``, one per resolution: /2, /2, /4, /8, /16, /32.

    Args:
      width: multiplier of all channel counts (alpha, section 3.3), rounded down.
      activation: ``"relu"``, ``"relu6"`` or ``"leaky_relu"`` (slope 0.1).
      padding: of the convolutions of stride 2: ``"symmetric"``, one pixel on every side (PyTorch); or ``"asymmetric"``, none at the top and
        left (TensorFlow, Keras).
      epsilon: of BatchNorm.
      momentum: of BatchNorm's running statistics.
      in_channels: of the images.
      input_size: height, width.
      dtype: of the computation.

    Raises:
      ValueError: an unknown activation or padding, a width that leaves a layer without channels.
    """
    if activation not in ACTIVATIONS or padding not in ("symmetric", "asymmetric"):
        raise ValueError(
            f"mobilenet_v1: activation={activation!r} is one of {', '.join(ACTIVATIONS)}, padding={padding!r} symmetric or asymmetric"
        )
    if int(32 * width) < 1:
        raise ValueError(f"mobilenet_v1: width={width} leaves its first layer {int(32 * width)} channels")
    common: dict[str, Any] = dict(activation=activation, padding=padding, epsilon=epsilon, momentum=momentum, dtype=jnp.dtype(dtype))
    blocks = {number: (number, int(channels * width), stride) for number, channels, stride in BLOCKS}
    layout = (
        stage("stem", Stem, width=int(32 * width), **common),
        *(stage(f"stage{i}", SeparableStage, blocks=tuple(blocks[n] for n in numbers), **common) for i, numbers in enumerate(STAGES, 1)),
    )
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))
