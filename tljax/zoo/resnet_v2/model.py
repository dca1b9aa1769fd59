"""Pre-activation ResNets (He et al. 2016b).

BiT's have GroupNorm and standardised kernels (Kolesnikov et al. 2020), Keras's have BatchNorm.
"""

import functools
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers import convolution
from tljax.models.layers.normalization import batch_norm
from tljax.models.transfer import Backbone, Batch, at_least_float32, stage

DEPTHS: dict[int, tuple[int, ...]] = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Layers -> blocks of each stage."""

BIT = ((50, 1), (50, 3), (101, 1), (101, 3), (152, 2), (152, 4))
"""Layers and width factor of the published BiT models (Kolesnikov et al. 2020, section 3.1)."""

GROUPS = 32
"""Of GroupNorm."""


class Style(NamedTuple):
    """What is the same in all stages.

    Attributes:
      groups: of GroupNorm; 0: BatchNorm.
      epsilon: of the norms.
      standard: the epsilon of the kernels' standardisation; None: they are used as they are.
      bias: the stem's, the last and the shortcut's convolution have biases.
    """

    groups: int
    epsilon: float
    standard: float | None
    bias: bool


def norm_relu(x: jax.Array, batch_stats_in: bool, style: Style, dtype: Any, name: str) -> jax.Array:
    """The norm, then ReLU."""
    if style.groups:
        return nn.relu(nn.GroupNorm(style.groups, epsilon=style.epsilon, dtype=dtype, use_fast_variance=False, name=name)(x))
    return nn.relu(batch_norm(batch_stats_in, dtype, name, style.epsilon)(x))


def standardised(kernel: jax.Array, epsilon: float) -> jax.Array:
    """``(k - mean) / sqrt(var + epsilon)`` of each output's `[H, W, I]`, in float32 or more (Qiao et al. 2019, equation 6)."""
    wide = at_least_float32(kernel)
    centred = wide - wide.mean(axis=(0, 1, 2), keepdims=True)
    return centred * jax.lax.rsqrt(jnp.square(centred).mean(axis=(0, 1, 2), keepdims=True) + epsilon)


class Conv(nn.Module):
    """A convolution padded by `size // 2` on every side, its kernel standardised where the style says so."""

    width: int
    size: int
    stride: int
    style: Style
    bias: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        init = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
        kernel = self.param("kernel", init, (self.size, self.size, x.shape[-1], self.width))
        if self.style.standard is not None:
            kernel = standardised(kernel, self.style.standard)
        pad = (self.size // 2, self.size // 2)
        y = convolution.conv(x.astype(self.dtype), kernel.astype(self.dtype), self.stride, (pad, pad))
        return y + self.param("bias", nn.initializers.zeros, (self.width,)).astype(self.dtype) if self.bias else y


class Stem(nn.Module):
    """7x7 convolution and, over zeros as padding, 3x3 maximum, each with stride 2: `[B, H, W, C]` -> `[B, H/4, W/4, width]`."""

    width: int
    style: Style
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = Conv(self.width, 7, 2, self.style, self.style.bias, self.dtype, name="conv")(batch["x"])
        # zeros take part in the maximum: unlike after a ReLU, this is not the same as no padding at all
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return batch | {"x": nn.max_pool(x, (3, 3), (2, 2))}


class Block(nn.Module):
    """``shortcut + conv3(act(conv2(act(conv1(act(x))))))``, ``act = relu(norm(.))``: `[B, H, W, C]` -> `[B, H/stride, W/stride, 4 width]`.

    The shortcut is a 1x1 convolution of ``act(x)`` with `project`, else every `stride`-th pixel of `x`.
    """

    width: int
    stride: int
    project: bool
    style: Style
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        conv = functools.partial(Conv, style=self.style, dtype=self.dtype)
        act = functools.partial(norm_relu, batch_stats_in=batch_stats_in, style=self.style, dtype=self.dtype)
        y = act(x, name="norm1")
        if self.project:
            x = conv(4 * self.width, 1, self.stride, bias=self.style.bias, name="shortcut_conv")(y)
        else:
            x = x[:, :: self.stride, :: self.stride]
        y = act(conv(self.width, 1, 1, name="conv1")(y), name="norm2")
        y = act(conv(self.width, 3, self.stride, name="conv2")(y), name="norm3")
        return x + conv(4 * self.width, 1, 1, bias=self.style.bias, name="conv3")(y)


class ResidualStage(nn.Module):
    """Blocks of one width, given by their strides; the first one's shortcut is a convolution."""

    width: int
    strides: tuple[int, ...]
    style: Style
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        for i, stride in enumerate(self.strides):
            x = Block(self.width, stride, i == 0, self.style, self.dtype, name=f"block{i}")(x, batch_stats_in)
        return batch | {"x": x}


class FinalNorm(nn.Module):
    """The norm and ReLU after the last block."""

    style: Style
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        return batch | {"x": norm_relu(batch["x"], batch_stats_in, self.style, self.dtype, "norm")}


def _backbone(
    width: int, strides: tuple[tuple[int, ...], ...], style: Style, in_channels: int, size: tuple[int, int], dtype: str
) -> Backbone:
    compute = jnp.dtype(dtype)
    layout = (
        stage("stem", Stem, width=width, style=style, dtype=compute),
        *(stage(f"stage{i + 1}", ResidualStage, width=width << i, strides=of, style=style, dtype=compute) for i, of in enumerate(strides)),
        stage("norm", FinalNorm, style=style, dtype=compute),
    )
    return Backbone(layout, inputs=(("x", (*size, in_channels), "float32"),))


def bit(
    blocks: tuple[int, ...],
    width: int = 64,
    standard: float = 1e-10,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., stage4, norm``; stage i > 1 begins with stride 2, its blocks have ``width * 2**(i-1)`` channels inside.

    Args:
      blocks: of each stage.
      width: of the stem and of the first stage's blocks: 64 times the model's factor, and a multiple of GroupNorm's 32 groups.
      standard: the epsilon in the kernels' standardisation.
      in_channels: of the images.
      input_size: height, width; any other size runs too.
      dtype: of the computation.

    Raises:
      ValueError: another width.
    """
    if width < GROUPS or width % GROUPS:
        raise ValueError(f"width={width} is no multiple of GroupNorm's {GROUPS} groups")
    strides = tuple((1 if i == 0 else 2, *(1,) * (count - 1)) for i, count in enumerate(blocks))
    return _backbone(width, strides, Style(GROUPS, 1e-5, standard, False), in_channels, input_size, dtype)


def resnet_v2(
    blocks: tuple[int, ...],
    width: int = 64,
    epsilon: float = 1.001e-5,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """As in Keras, with BatchNorm: the stride 2 is on the last block of each stage but the last, so stage i ends at /8, /16, /32, /32."""
    last = len(blocks) - 1
    strides = tuple((*(1,) * (count - 1), 1 if i == last else 2) for i, count in enumerate(blocks))
    return _backbone(width, strides, Style(0, epsilon, None, True), in_channels, input_size, dtype)


def _register_bit(depth: int, factor: int) -> None:
    @backbones.register(f"bit_r{depth}x{factor}")
    def build(
        blocks: tuple[int, ...] = DEPTHS[depth],
        width: int = 64 * factor,
        standard: float = 1e-10,
        in_channels: int = 3,
        input_size: tuple[int, int] = (224, 224),
        dtype: str = "float32",
    ) -> Backbone:
        return bit(blocks, width, standard, in_channels, input_size, dtype)


def _register_v2(depth: int) -> None:
    @backbones.register(f"resnet{depth}_v2")
    def build(
        blocks: tuple[int, ...] = DEPTHS[depth],
        width: int = 64,
        epsilon: float = 1.001e-5,
        in_channels: int = 3,
        input_size: tuple[int, int] = (224, 224),
        dtype: str = "float32",
    ) -> Backbone:
        return resnet_v2(blocks, width, epsilon, in_channels, input_size, dtype)


for _depth, _factor in BIT:
    _register_bit(_depth, _factor)
for _depth in DEPTHS:
    _register_v2(_depth)
