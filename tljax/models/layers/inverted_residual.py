"""Stages of inverted residuals (Sandler et al. 2018), of which MobileNets and EfficientNets are made."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.layers.activations import ACTIVATIONS
from tljax.models.layers.convolution import DepthwiseConv, Padding, image_conv, pointwise
from tljax.models.layers.normalization import batch_norm
from tljax.models.transfer import Backbone, Batch, Stage, at_least_float32, stage


class Spec(NamedTuple):
    """One block as data.

    Attributes:
      name: of its module.
      kernel: side of the depthwise kernel.
      stride: of the depthwise convolution.
      expanded: channels of the depthwise convolution.
      width: channels of the output.
      squeeze: channels of squeeze-and-excitation; 0: none.
      activation: of the block, a key of `ACTIVATIONS`.
      gates: the two activations of squeeze-and-excitation.
      drop_path: the probability that an example skips the branch in training (Huang et al. 2016).
    """

    name: str
    kernel: int
    stride: int
    expanded: int
    width: int
    squeeze: int = 0
    activation: str = "relu6"
    gates: tuple[str, str] = ("silu", "sigmoid")
    drop_path: float = 0.0


class Network(NamedTuple):
    """A whole network as data.

    Attributes:
      stem: channels of the first convolution.
      stages: the blocks of each stage.
      last: channels of the last convolution.
      activation: of the first and the last convolution.
      penultimate: channels of a layer after pooling; 0: there is none.
    """

    stem: int
    stages: Mapping[str, tuple[Spec, ...]]
    last: int
    activation: str
    penultimate: int = 0


def divisible(channels: float) -> int:
    """Rounds `channels` to the nearest multiple of 8, but neither to 0 nor below nine tenths of it."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


def same(padding: str, size: int) -> Padding:
    """The padding of a convolution of this size.

    ``"symmetric"``: `size // 2` on every side (PyTorch); ``"asymmetric"``: TensorFlow's SAME. They differ at stride 2.
    """
    return "SAME" if padding == "asymmetric" else ((size // 2, size // 2), (size // 2, size // 2))


class Stem(nn.Module):
    """3x3 convolution of stride 2, BatchNorm, activation: `x [B, H, W, C]` -> `[B, H/2, W/2, width]`."""

    width: int
    activation: str
    padding: str
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = image_conv(self.width, stride=2, padding=same(self.padding, 3), dtype=self.dtype, name="conv")(batch["x"])
        x = batch_norm(batch_stats_in, self.dtype, "bn", epsilon=self.epsilon, momentum=self.momentum)(x)
        return batch | {"x": ACTIVATIONS[self.activation](x)}


class LastConv(nn.Module):
    """1x1 convolution, BatchNorm, activation: `x [B, H, W, C]` -> `[B, H, W, width]`."""

    width: int
    activation: str
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = pointwise(self.width, self.dtype, "conv")(batch["x"])
        x = batch_norm(batch_stats_in, self.dtype, "bn", epsilon=self.epsilon, momentum=self.momentum)(x)
        return batch | {"x": ACTIVATIONS[self.activation](x)}


class SqueezeExcite(nn.Module):
    """``x * gate(expand(activation(reduce(mean of x))))`` with 1x1 convolutions (Hu et al. 2018); `[B, H, W, C]` -> the same shape."""

    width: int
    gates: tuple[str, str]
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        activation, gate = (ACTIVATIONS[name] for name in self.gates)
        mean = at_least_float32(x).mean((1, 2), keepdims=True).astype(x.dtype)
        y = activation(nn.Conv(self.width, (1, 1), dtype=self.dtype, name="reduce")(mean))
        return x * gate(nn.Conv(x.shape[-1], (1, 1), dtype=self.dtype, name="expand")(y))


class InvertedResidual(nn.Module):
    """1x1 convolution to `expanded` channels, depthwise convolution, squeeze-and-excitation, 1x1 convolution without activation.

    `x [B, H, W, C]` -> `[B, H/stride, W/stride, width]`; added to `x` where the shape stays. Where `expanded` is C, the first convolution
    is left out.
    """

    spec: Spec
    padding: str
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, batch_stats_in: bool) -> jax.Array:
        spec, activation = self.spec, ACTIVATIONS[self.spec.activation]
        norm = functools.partial(batch_norm, batch_stats_in, self.dtype, epsilon=self.epsilon, momentum=self.momentum)
        y = x
        if spec.expanded != x.shape[-1]:
            y = activation(norm(name="expand_bn")(pointwise(spec.expanded, self.dtype, "expand")(y)))
        y = DepthwiseConv(spec.kernel, spec.stride, same(self.padding, spec.kernel), self.dtype, name="depthwise")(y)
        y = activation(norm(name="depthwise_bn")(y))
        if spec.squeeze:
            y = SqueezeExcite(spec.squeeze, spec.gates, self.dtype, name="se")(y)
        y = norm(name="project_bn")(pointwise(spec.width, self.dtype, "project")(y))
        if spec.stride > 1 or spec.width != x.shape[-1]:
            return y
        return x + nn.Dropout(spec.drop_path, broadcast_dims=(1, 2, 3), deterministic=not train)(y)


class InvertedStage(nn.Module):
    """The blocks of one resolution."""

    specs: tuple[Spec, ...]
    padding: str
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        common: dict[str, Any] = dict(padding=self.padding, epsilon=self.epsilon, momentum=self.momentum, dtype=self.dtype)
        for spec in self.specs:
            x = InvertedResidual(spec, **common, name=spec.name)(x, train, batch_stats_in)
        return batch | {"x": x}


def backbone(
    network: Network,
    *,
    padding: str,
    epsilon: float,
    momentum: float,
    in_channels: int,
    input_size: tuple[int, ...],
    dtype: str,
    tail: tuple[Stage, ...] = (),
) -> Backbone:
    """Stages ``stem``, those of the network, ``last``, and the further ones in `tail`.

    Raises:
      ValueError: an unknown padding, an epsilon or momentum outside its range.
    """
    if padding not in ("symmetric", "asymmetric") or epsilon <= 0 or not 0 <= momentum < 1:
        raise ValueError(f"padding={padding!r} is symmetric or asymmetric, epsilon={epsilon} above 0, momentum={momentum} in [0, 1)")
    norm: dict[str, Any] = dict(epsilon=epsilon, momentum=momentum, dtype=jnp.dtype(dtype))
    layout = (
        stage("stem", Stem, width=network.stem, activation=network.activation, padding=padding, **norm),
        *(stage(name, InvertedStage, specs=specs, padding=padding, **norm) for name, specs in network.stages.items()),
        stage("last", LastConv, width=network.last, activation=network.activation, **norm),
        *tail,
    )
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))
