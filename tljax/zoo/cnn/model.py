"""A small convolutional network with BatchNorm, for small images."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.normalization import batch_norm
from tljax.models.transfer import Backbone, Batch, stage


class ConvStage(nn.Module):
    """3x3 convolution, BatchNorm, ReLU, then dropout; `stride` 2 halves the resolution."""

    width: int
    stride: int = 1
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = nn.Conv(self.width, (3, 3), self.stride, padding=1, use_bias=False, dtype=self.dtype, name="conv")(batch["x"])
        x = nn.relu(batch_norm(batch_stats_in, self.dtype, name="bn")(x))
        return batch | {"x": nn.Dropout(self.dropout, deterministic=not train)(x)}


@backbones.register
def cnn(
    widths: tuple[int, ...] = (32, 64, 128),
    dropout: float = 0.0,
    in_channels: int = 3,
    input_size: tuple[int, int] = (32, 32),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ...``, one convolution each; every stage after the stem halves the resolution."""
    names = ["stem", *(f"stage{i}" for i in range(1, len(widths)))]
    layout = tuple(
        stage(name, ConvStage, width=width, stride=1 if name == "stem" else 2, dropout=dropout, dtype=jnp.dtype(dtype))
        for width, name in zip(widths, names, strict=True)
    )
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))
