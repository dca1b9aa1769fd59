"""The fully connected layers between the convolutions and the classifier of AlexNet and VGG, each a stage."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.layers.pooling import adaptive_mean
from tljax.models.transfer import Batch, Stage, stage

he = nn.initializers.variance_scaling(2.0, "fan_in", "normal")
"""He et al. 2015, section 2.2."""

BEFORE, AFTER = "before", "after"


class FirstFullyConnected(nn.Module):
    """A linear layer over a map of `size` x `size`, ReLU: `x [B, H, W, C]` -> `[B, width]`; its kernel is `[size, size, C, width]`.

    Attributes:
      width: of the output.
      size: of the map that it reads.
      sliding: False: a map of another size is averaged to that one, by PyTorch's adaptive rule. True: only a smaller side is; over a larger
        map the layer slides as a convolution, and `[B, H - size + 1, W - size + 1, width]` comes out.
      dropout: its rate and its place, `BEFORE` the linear layer or `AFTER` the ReLU.
      dtype: of the computation.
    """

    width: int
    size: int
    sliding: bool
    dropout: tuple[float, str]
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        rows, columns = (max(n, self.size) if self.sliding else self.size for n in x.shape[1:3])
        x = _dropped(adaptive_mean(x, (rows, columns)), self.dropout, BEFORE, train)
        window = (self.size, self.size)
        x = nn.Conv(
            self.width, window, padding="VALID", dtype=self.dtype, kernel_init=he, conv_general_dilated=_product_if_whole, name="linear"
        )(x)
        return batch | {"x": _dropped(nn.relu(x if self.sliding else x[:, 0, 0]), self.dropout, AFTER, train)}


class FullyConnected(nn.Module):
    """A linear layer and ReLU, `x [..., D]` -> `[..., width]`, with dropout as in `FirstFullyConnected`."""

    width: int
    dropout: tuple[float, str]
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = _dropped(batch["x"], self.dropout, BEFORE, train)
        x = nn.relu(nn.Dense(self.width, dtype=self.dtype, kernel_init=he, name="linear")(x))
        return batch | {"x": _dropped(x, self.dropout, AFTER, train)}


def layout(widths: Sequence[int], *, size: int, sliding: bool, dropout: tuple[float, str], dtype: Any) -> tuple[Stage, ...]:
    """The stages ``fc6``, ``fc7``, ... of these `widths`, as in `Backbone.layout`."""
    first = tuple(
        stage("fc6", FirstFullyConnected, width=width, size=size, sliding=sliding, dropout=dropout, dtype=dtype) for width in widths[:1]
    )
    return first + tuple(
        stage(f"fc{i}", FullyConnected, width=width, dropout=dropout, dtype=dtype) for i, width in enumerate(widths[1:], 7)
    )


def _dropped(x: jax.Array, dropout: tuple[float, str], place: str, train: bool) -> jax.Array:
    rate, where = dropout
    return nn.Dropout(rate, deterministic=not train)(x) if where == place else x


def _product_if_whole(x: jax.Array, kernel: jax.Array, strides: Any, padding: Any, *, precision: Any = None, **more: Any) -> jax.Array:
    """A convolution; where the kernel covers the whole map the same as a matrix product."""
    if x.shape[1:3] != kernel.shape[:2]:
        return jax.lax.conv_general_dilated(x, kernel, strides, padding, precision=precision, **more)
    return jnp.matmul(x.reshape(len(x), -1), kernel.reshape(-1, kernel.shape[-1]), precision=precision)[:, None, None]
