"""A multi-layer perceptron; each layer is a stage."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.transfer import Backbone, Batch, stage


class Layer(nn.Module):
    """``x -> dropout(relu(x W + b))``; an image is flattened first."""

    width: int
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"].reshape(batch["x"].shape[0], -1)
        x = nn.relu(nn.Dense(self.width, dtype=self.dtype, name="dense")(x))
        return batch | {"x": nn.Dropout(self.dropout, deterministic=not train)(x)}


@backbones.register
def mlp(
    widths: tuple[int, ...] = (256, 256),
    dropout: float = 0.0,
    in_channels: int = 1,
    input_size: tuple[int, ...] = (8, 8),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``layer0 ... layerN``. For vectors of length D: ``input_size=(), in_channels=D``."""
    if not widths:
        raise ValueError("mlp needs at least one width")
    layout = tuple(stage(f"layer{i}", Layer, width=width, dropout=dropout, dtype=jnp.dtype(dtype)) for i, width in enumerate(widths))
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))
