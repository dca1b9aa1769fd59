"""YAMNet (Plakal and Ellis 2020, tensorflow/models research/audioset/yamnet): a MobileNetV1 on log-mel spectrograms."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.convolution import DepthwiseConv, pointwise
from tljax.models.transfer import Backbone, Batch, stage

LAYERS = {
    2: (64, 1),
    3: (128, 2),
    4: (128, 1),
    5: (256, 2),
    6: (256, 1),
    7: (512, 2),
    **{number: (512, 1) for number in range(8, 13)},
    13: (1024, 2),
    14: (1024, 1),
}
"""Number of a separable layer -> channels at width 32, stride; layer 1 is the stem."""

STAGES = ((2,), (3, 4), (5, 6), (7, 8, 9, 10, 11, 12), (13, 14))
"""The numbers of the layers in ``stage1`` to ``stage5``: one stage per resolution."""


def norm_relu(x: jax.Array, *, batch_stats_in: bool, epsilon: float, dtype: Any, name: str) -> jax.Array:
    """BatchNorm without a scale, then ReLU."""
    norm = nn.BatchNorm(use_running_average=not batch_stats_in, momentum=0.9, epsilon=epsilon, use_scale=False, dtype=dtype, name=name)
    return nn.relu(norm(x))


class Stem(nn.Module):
    """3x3 convolution of stride 2, BatchNorm, ReLU: `x [B, frames, bands, 1]` -> `[B, frames/2, bands/2, width]`."""

    width: int
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = nn.Conv(self.width, (3, 3), 2, padding="SAME", use_bias=False, dtype=self.dtype, name="conv")(batch["x"])
        x = norm_relu(x, batch_stats_in=batch_stats_in, epsilon=self.epsilon, dtype=self.dtype, name="bn")
        return batch | {"x": x}


class Layer(nn.Module):
    """Depthwise 3x3, then 1x1 convolution, each with BatchNorm and ReLU; `[B, H, W, C]` -> `[B, H/stride, W/stride, width]`."""

    width: int
    stride: int
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        act = functools.partial(norm_relu, batch_stats_in=batch_stats_in, epsilon=self.epsilon, dtype=self.dtype)
        x = act(DepthwiseConv(3, self.stride, "SAME", self.dtype, name="depthwise")(x), name="depthwise_bn")
        return act(pointwise(self.width, self.dtype, "pointwise")(x), name="pointwise_bn")


class SeparableStage(nn.Module):
    """The layers of one resolution: (number, channels, stride) of each."""

    layers: tuple[tuple[int, int, int], ...]
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        for number, width, stride in self.layers:
            x = Layer(width, stride, self.epsilon, self.dtype, name=f"layer{number}")(x, batch_stats_in)
        return batch | {"x": x}


@backbones.register
def yamnet(
    layers: int = 14,
    width: int = 32,
    epsilon: float = 1e-4,
    in_channels: int = 1,
    input_size: tuple[int, int] = (96, 64),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., stage5``, one per resolution: /2, /2, /4, /8, /16, /32; padding is TensorFlow's.

    Args:
      layers: how many of the 14; the first 6 are known as YAMNet-256, by their 256 features.
      width: channels of the first layer; the others in proportion.
      epsilon: of BatchNorm.
      in_channels: of the spectrograms.
      input_size: frames, mel bands; any other size runs too.
      dtype: of the computation.

    Raises:
      ValueError: no layer, or more than 14.
    """
    if not 1 <= layers <= 14:
        raise ValueError(f"yamnet: layers={layers}, expected 1 to 14")
    compute = jnp.dtype(dtype)
    layers_of = [[(n, width * LAYERS[n][0] // 32, LAYERS[n][1]) for n in numbers if n <= layers] for numbers in STAGES]
    layout = (
        stage("stem", Stem, width=width, epsilon=epsilon, dtype=compute),
        *(
            stage(f"stage{i}", SeparableStage, layers=tuple(listed), epsilon=epsilon, dtype=compute)
            for i, listed in enumerate(layers_of, 1)
            if listed
        ),
    )
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))
