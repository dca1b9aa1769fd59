"""DenseNet (Huang et al. 2017), bottlenecked and compressed (DenseNet-BC), as for ImageNet."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.convolution import pointwise
from tljax.models.layers.normalization import batch_norm
from tljax.models.transfer import Backbone, Batch, Stage, stage

DEPTHS = {
    121: ((6, 12, 24, 16), 32, 64),
    161: ((6, 12, 36, 24), 48, 96),
    169: ((6, 12, 32, 32), 32, 64),
    201: ((6, 12, 48, 32), 32, 64),
}
"""Layers -> dense layers of each stage, growth rate, channels of the stem (table 1)."""


def norm_relu(x: jax.Array, *, batch_stats_in: bool, epsilon: float, dtype: Any, name: str) -> jax.Array:
    """BatchNorm, then ReLU."""
    return nn.relu(batch_norm(batch_stats_in, dtype, name, epsilon)(x))


class Stem(nn.Module):
    """7x7 convolution and 3x3 maximum, each with stride 2; `x [B, H, W, C]` -> `[B, H/4, W/4, width]`."""

    width: int
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = nn.Conv(self.width, (7, 7), 2, 3, use_bias=False, dtype=self.dtype, kernel_init=nn.initializers.he_normal(), name="conv")(
            batch["x"]
        )
        x = norm_relu(x, batch_stats_in=batch_stats_in, epsilon=self.epsilon, dtype=self.dtype, name="norm")
        return batch | {"x": nn.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))}


class DenseLayer(nn.Module):
    """``concat(x, conv3x3(relu(norm(conv1x1(relu(norm(x)))))))``: `[B, H, W, C]` -> `[B, H, W, C + growth]`."""

    growth: int
    bottleneck: int
    dropout: float
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, batch_stats_in: bool) -> jax.Array:
        act = functools.partial(norm_relu, batch_stats_in=batch_stats_in, epsilon=self.epsilon, dtype=self.dtype)
        y = pointwise(self.bottleneck * self.growth, self.dtype, "conv1")(act(x, name="norm1"))
        conv = functools.partial(nn.Conv, padding=1, use_bias=False, dtype=self.dtype, kernel_init=nn.initializers.he_normal())
        y = conv(self.growth, (3, 3), name="conv2")(act(y, name="norm2"))
        return jnp.concatenate([x, nn.Dropout(self.dropout, deterministic=not train)(y)], axis=-1)


class Transition(nn.Module):
    """Norm, ReLU, 1x1 convolution to `width` channels, 2x2 average: `[B, H, W, C]` -> `[B, H/2, W/2, width]`."""

    width: int
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        x = norm_relu(x, batch_stats_in=batch_stats_in, epsilon=self.epsilon, dtype=self.dtype, name="norm")
        x = pointwise(self.width, self.dtype, "conv")(x)
        return nn.avg_pool(x, (2, 2), (2, 2))


class DenseStage(nn.Module):
    """The transition that leads to this resolution (`width` channels; 0: none), then `layers` dense layers."""

    layers: int
    width: int
    growth: int
    bottleneck: int
    dropout: float
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        if self.width:
            x = Transition(self.width, epsilon=self.epsilon, dtype=self.dtype, name="transition")(x, batch_stats_in)
        sizes: dict[str, Any] = dict(growth=self.growth, bottleneck=self.bottleneck)
        common: dict[str, Any] = dict(dropout=self.dropout, epsilon=self.epsilon, dtype=self.dtype)
        for i in range(1, self.layers + 1):
            x = DenseLayer(**sizes, **common, name=f"layer{i}")(x, train, batch_stats_in)
        return batch | {"x": x}


class FinalNorm(nn.Module):
    """BatchNorm and ReLU after the last dense block."""

    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        common: dict[str, Any] = dict(epsilon=self.epsilon, dtype=self.dtype)
        return batch | {"x": norm_relu(batch["x"], batch_stats_in=batch_stats_in, **common, name="norm")}


def densenet(
    layers: tuple[int, ...],
    growth: int = 32,
    width: int = 64,
    bottleneck: int = 4,
    dropout: float = 0.0,
    epsilon: float = 1e-5,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, stage2, ..., norm``, one per resolution: /4, /4, /8, /16, /32; each but the first begins with its transition.

    Args:
      layers: dense layers of each stage.
      growth: channels that each layer adds (k).
      width: channels of the stem.
      bottleneck: a layer's 1x1 convolution has ``bottleneck * growth`` channels (section 3, "Bottleneck layers").
      dropout: rate after each dense layer; 0.2 in the paper, where data are not augmented (section 4.2).
      epsilon: of BatchNorm.
      in_channels: of the images.
      input_size: height, width; any other size runs too.
      dtype: of the computation.
    """
    common: dict[str, Any] = dict(epsilon=epsilon, dtype=jnp.dtype(dtype))
    dense: dict[str, Any] = dict(growth=growth, bottleneck=bottleneck, dropout=dropout, **common)
    layout: list[Stage] = [stage("stem", Stem, width=width, **common)]
    for i, count in enumerate(layers):
        width = width // 2 if i else width  # compression by half (section 3, "Compression")
        layout.append(stage(f"stage{i + 1}", DenseStage, layers=count, width=width if i else 0, **dense))
        width += count * growth
    layout.append(stage("norm", FinalNorm, **common))
    return Backbone(tuple(layout), inputs=(("x", (*input_size, in_channels), "float32"),))


for _depth, (_layers, _growth, _width) in DEPTHS.items():
    backbones.register(f"densenet{_depth}")(functools.partial(densenet, layers=_layers, growth=_growth, width=_width))
