"""Networks of parallel branches, as the Inception models are, written down as data."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.layers.convolution import pointwise
from tljax.models.layers.pooling import max_pool
from tljax.models.transfer import Batch


@dataclasses.dataclass(frozen=True)
class Conv:
    """Convolution without bias, BatchNorm, ReLU.

    Attributes:
      width: its outputs.
      size: height and width of the kernel.
      stride: in both directions.
      valid: without padding; else as many zeros on either side as keep the size at stride 1.
    """

    width: int
    size: tuple[int, int] = (1, 1)
    stride: int = 1
    valid: bool = False


@dataclasses.dataclass(frozen=True)
class Max:
    """Maximum over windows; with `ceil` of a size rounded up (`pooling.max_pool`)."""

    size: int = 3
    stride: int = 2
    padding: int = 0
    ceil: bool = False


@dataclasses.dataclass(frozen=True)
class Mean:
    """Mean over 3x3 windows at stride 1, of the same size."""


Layer = Conv | Max | Mean | tuple[Conv, ...]
"""A tuple of convolutions: side by side on one input, their outputs joined."""


@dataclasses.dataclass(frozen=True)
class Mixed:
    """Branches side by side, each a sequence of layers; their channels are joined."""

    branches: tuple[tuple[Layer, ...], ...]


@dataclasses.dataclass(frozen=True)
class Residual:
    """``relu(x + scale * conv(branches(x)))`` with a 1x1 convolution with bias; without `relu` the sum itself (Szegedy et al. 2017)."""

    branches: tuple[tuple[Layer, ...], ...]
    scale: float
    relu: bool = True


Part = Conv | Max | Mixed | Residual


def conv_names(branches: tuple[tuple[Layer, ...], ...]) -> Iterator[str]:
    """Lists the names of a block's convolutions, branch after branch.

    ``branch1_0`` is the first layer of the second branch, ``branch1_2b`` the second of two side by side in its third.
    """
    for i, layers in enumerate(branches):
        for j, layer in enumerate(layers):
            if isinstance(layer, Conv):
                yield f"branch{i}_{j}"
            elif isinstance(layer, tuple):
                yield from (f"branch{i}_{j}{letter}" for letter, _ in zip("abc", layer, strict=False))


def _max(part: Max, x: jax.Array) -> jax.Array:
    return max_pool(x, part.size, part.stride, padding=part.padding, ceil_mode=part.ceil)


class ConvNorm(nn.Module):
    """A `Conv` as a module; `x [B, H, W, C]` -> `[B, H', W', width]`.

    Attributes:
      conv: the convolution.
      epsilon: of BatchNorm.
      momentum: of its running statistics.
      norm_scale: BatchNorm has a scale.
      dtype: of the computation.
    """

    conv: Conv
    epsilon: float = 1e-3
    momentum: float = 0.9
    norm_scale: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        conv = self.conv
        if conv.size == (1, 1) and conv.stride == 1:
            x = pointwise(conv.width, self.dtype, "conv")(x)
        else:
            padding = [(0, 0) if conv.valid else (n // 2, n // 2) for n in conv.size]
            x = nn.Conv(conv.width, conv.size, conv.stride, padding, use_bias=False, dtype=self.dtype, name="conv")(x)
        if 0 in x.shape[1:3]:
            raise ValueError(
                f"{'/'.join(self.path)}: no pixel is left for its {conv.size[0]}x{conv.size[1]} kernel: the images are too small"
            )
        norm = nn.BatchNorm(
            use_running_average=not batch_stats_in,
            momentum=self.momentum,
            epsilon=self.epsilon,
            use_scale=self.norm_scale,
            dtype=self.dtype,
            name="bn",
        )
        return nn.relu(norm(x))


class Branches(nn.Module):
    """Branches side by side; `x [B, H, W, C]` -> `[B, H', W', sum of the branches' widths]`.

    Attributes:
      branches: see `Mixed`.
      epsilon: as of `ConvNorm`, and so the next two.
      momentum: see there.
      norm_scale: see there.
      count_padding: `Mean` divides by 9 at the border too, zeros counted (PyTorch), not by the number of pixels there (TensorFlow).
      dtype: of the computation.
    """

    branches: tuple[tuple[Layer, ...], ...]
    epsilon: float = 1e-3
    momentum: float = 0.9
    norm_scale: bool = True
    count_padding: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        ends = []
        for i, layers in enumerate(self.branches):
            y = x
            for j, layer in enumerate(layers):
                y = self._run(layer, f"branch{i}_{j}", y, batch_stats_in)
            ends.append(y)
        return jnp.concatenate(ends, axis=-1)

    def _run(self, layer: Layer, name: str, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        if isinstance(layer, Max):
            return _max(layer, x)
        if isinstance(layer, Mean):
            return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=self.count_padding)
        norm: dict[str, Any] = dict(epsilon=self.epsilon, momentum=self.momentum, norm_scale=self.norm_scale, dtype=self.dtype)
        if isinstance(layer, Conv):
            return ConvNorm(layer, **norm, name=name)(x, batch_stats_in)
        sides = [ConvNorm(one, **norm, name=f"{name}{letter}")(x, batch_stats_in) for letter, one in zip("abc", layer, strict=False)]
        return jnp.concatenate(sides, axis=-1)


class ResidualBranches(nn.Module):
    """A `Residual` as a module; `x [B, H, W, C]` -> the same shape. Further attributes as of `Branches`."""

    block: Residual
    epsilon: float = 1e-3
    momentum: float = 0.9
    norm_scale: bool = True
    count_padding: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        y = Branches(
            self.block.branches,
            epsilon=self.epsilon,
            momentum=self.momentum,
            norm_scale=self.norm_scale,
            count_padding=self.count_padding,
            dtype=self.dtype,
            name="branches",
        )(x, batch_stats_in)
        y = x + self.block.scale * nn.Conv(x.shape[-1], (1, 1), dtype=self.dtype, name="conv")(y)
        return nn.relu(y) if self.block.relu else y


class PartStage(nn.Module):
    """The parts of one resolution, one after the other, each with its name. Further attributes as of `Branches`."""

    parts: tuple[tuple[str, Part], ...]
    epsilon: float = 1e-3
    momentum: float = 0.9
    norm_scale: bool = True
    count_padding: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        norm: dict[str, Any] = dict(epsilon=self.epsilon, momentum=self.momentum, norm_scale=self.norm_scale, dtype=self.dtype)
        for name, part in self.parts:
            if isinstance(part, Max):
                x = _max(part, x)
            elif isinstance(part, Conv):
                x = ConvNorm(part, **norm, name=name)(x, batch_stats_in)
            elif isinstance(part, Mixed):
                x = Branches(part.branches, **norm, count_padding=self.count_padding, name=name)(x, batch_stats_in)
            else:
                x = ResidualBranches(part, **norm, count_padding=self.count_padding, name=name)(x, batch_stats_in)
        return batch | {"x": x}


Parts = tuple[tuple[str, Part], ...]
"""The parts of a stage, each with its name; a maximum's stands in no path."""


def widened(conv: Conv, width: float) -> int:
    """Multiplies the outputs of `conv` by `width`, rounded down."""
    return int(conv.width * width + 1e-6)


def scaled(part: Any, width: float) -> Any:
    """Multiplies the widths of the convolutions in a part, or in a tuple of parts. Raises ValueError: one is left without outputs."""
    if isinstance(part, tuple):
        return tuple(scaled(one, width) for one in part)
    if isinstance(part, Conv):
        if widened(part, width) < 1:
            raise ValueError(f"width={width} leaves a convolution with {part.width} outputs none")
        return dataclasses.replace(part, width=widened(part, width))
    return dataclasses.replace(part, branches=scaled(part.branches, width)) if isinstance(part, Mixed | Residual) else part
