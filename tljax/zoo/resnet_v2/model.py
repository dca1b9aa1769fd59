"""Pre-activation ResNets (He et al. 2016b).

BiT's have GroupNorm and standardized kernels (Kolesnikov et al. 2020), Keras's have BatchNorm.
"""

import functools
from typing import Any

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


def norm_relu(x: jax.Array, *, batch_stats_in: bool, groups: int, epsilon: float, dtype: Any, name: str) -> jax.Array:
    """GroupNorm, or with no `groups` BatchNorm; then ReLU."""
    if groups:
        return nn.relu(nn.GroupNorm(groups, epsilon=epsilon, dtype=dtype, use_fast_variance=False, name=name)(x))
    return nn.relu(batch_norm(batch_stats_in, dtype, name, epsilon)(x))


def standardized(kernel: jax.Array, epsilon: float) -> jax.Array:
    """``(k - mean) / sqrt(var + epsilon)`` of each output's `[H, W, I]`, in float32 or more (Qiao et al. 2019, equation 6)."""
    wide = at_least_float32(kernel)
    centered = wide - wide.mean(axis=(0, 1, 2), keepdims=True)
    return centered * jax.lax.rsqrt(jnp.square(centered).mean(axis=(0, 1, 2), keepdims=True) + epsilon)


class Conv(nn.Module):
    """A convolution padded by `size // 2` on every side; the kernel is standardized with the epsilon `standard`, unless that is None."""

    width: int
    size: int
    stride: int
    standard: float | None
    bias: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        init = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
        kernel = self.param("kernel", init, (self.size, self.size, x.shape[-1], self.width))
        if self.standard is not None:
            kernel = standardized(kernel, self.standard)
        pad = (self.size // 2, self.size // 2)
        y = convolution.conv(x.astype(self.dtype), kernel.astype(self.dtype), self.stride, (pad, pad))
        return y + self.param("bias", nn.initializers.zeros, (self.width,)).astype(self.dtype) if self.bias else y


class Stem(nn.Module):
    """7x7 convolution and, over zeros as padding, 3x3 maximum, each with stride 2: `[B, H, W, C]` -> `[B, H/4, W/4, width]`."""

    width: int
    standard: float | None
    bias: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = Conv(self.width, 7, 2, standard=self.standard, bias=self.bias, dtype=self.dtype, name="conv")(batch["x"])
        # zeros take part in the maximum: unlike after a ReLU, this is not the same as no padding at all
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return batch | {"x": nn.max_pool(x, (3, 3), (2, 2))}


class Block(nn.Module):
    """``shortcut + conv3(act(conv2(act(conv1(act(x))))))``, ``act = relu(norm(.))``: `[B, H, W, C]` -> `[B, H/stride, W/stride, 4 width]`.

    The shortcut is a 1x1 convolution of ``act(x)`` with `project`, else every `stride`-th pixel of `x`.

    Attributes:
      width: of the first two convolutions.
      stride: of the second.
      project: see above.
      groups: of GroupNorm; 0: BatchNorm.
      epsilon: of the norms.
      standard: epsilon of the kernels' standardization; None: they are used as they are.
      bias: the last convolution and the shortcut's have biases.
      dtype: of the computation.
    """

    width: int
    stride: int
    project: bool
    groups: int
    epsilon: float
    standard: float | None
    bias: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        conv = functools.partial(Conv, standard=self.standard, dtype=self.dtype)
        act = functools.partial(norm_relu, batch_stats_in=batch_stats_in, groups=self.groups, epsilon=self.epsilon, dtype=self.dtype)
        y = act(x, name="norm1")
        if self.project:
            x = conv(4 * self.width, 1, self.stride, bias=self.bias, name="shortcut_conv")(y)
        else:
            x = x[:, :: self.stride, :: self.stride]
        y = act(conv(self.width, 1, 1, name="conv1")(y), name="norm2")
        y = act(conv(self.width, 3, self.stride, name="conv2")(y), name="norm3")
        return x + conv(4 * self.width, 1, 1, bias=self.bias, name="conv3")(y)


class ResidualStage(nn.Module):
    """Blocks of one width, given by their strides; the first one's shortcut is a convolution. Further attributes as of `Block`."""

    width: int
    strides: tuple[int, ...]
    groups: int
    epsilon: float
    standard: float | None
    bias: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        norm: dict[str, Any] = dict(groups=self.groups, epsilon=self.epsilon)
        kernels: dict[str, Any] = dict(standard=self.standard, bias=self.bias, dtype=self.dtype)
        for i, stride in enumerate(self.strides):
            x = Block(self.width, stride, project=i == 0, **norm, **kernels, name=f"block{i}")(x, batch_stats_in)
        return batch | {"x": x}


class FinalNorm(nn.Module):
    """The norm and ReLU after the last block."""

    groups: int
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        norm: dict[str, Any] = dict(groups=self.groups, epsilon=self.epsilon, dtype=self.dtype)
        return batch | {"x": norm_relu(batch["x"], batch_stats_in=batch_stats_in, **norm, name="norm")}


def _backbone(
    width: int,
    strides: tuple[tuple[int, ...], ...],
    *,
    groups: int,
    epsilon: float,
    standard: float | None,
    bias: bool,
    in_channels: int,
    input_size: tuple[int, int],
    dtype: str,
) -> Backbone:
    compute = jnp.dtype(dtype)
    norm: dict[str, Any] = dict(groups=groups, epsilon=epsilon, dtype=compute)
    kernels: dict[str, Any] = dict(standard=standard, bias=bias)
    layout = (
        stage("stem", Stem, width=width, **kernels, dtype=compute),
        *(
            stage(f"stage{i + 1}", ResidualStage, width=width << i, strides=stage_strides, **norm, **kernels)
            for i, stage_strides in enumerate(strides)
        ),
        stage("norm", FinalNorm, **norm),
    )
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))


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
      standard: the epsilon in the kernels' standardization.
      in_channels: of the images.
      input_size: height, width; any other size runs too.
      dtype: of the computation.

    Raises:
      ValueError: another width.
    """
    if width < GROUPS or width % GROUPS:
        raise ValueError(f"width={width} is no multiple of GroupNorm's {GROUPS} groups")
    strides = tuple((1 if i == 0 else 2, *(1,) * (count - 1)) for i, count in enumerate(blocks))
    return _backbone(
        width,
        strides,
        groups=GROUPS,
        epsilon=1e-5,
        standard=standard,
        bias=False,
        in_channels=in_channels,
        input_size=input_size,
        dtype=dtype,
    )


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
    return _backbone(
        width,
        strides,
        groups=0,
        epsilon=epsilon,
        standard=None,
        bias=True,
        in_channels=in_channels,
        input_size=input_size,
        dtype=dtype,
    )


for _depth, _factor in BIT:
    backbones.register(f"bit_r{_depth}x{_factor}")(functools.partial(bit, blocks=DEPTHS[_depth], width=64 * _factor))
for _depth, _blocks in DEPTHS.items():
    backbones.register(f"resnet{_depth}_v2")(functools.partial(resnet_v2, blocks=_blocks))
