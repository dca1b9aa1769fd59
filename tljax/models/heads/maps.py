"""The head of SqueezeNet: a map of scores for each class, averaged."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import heads
from tljax.models.transfer import Batch, at_least_float32, mean_pool


class MapsHead(nn.Module):
    """``logits_c = mean over the places p of relu(x_p . kernel_c + bias_c)``, dropout of `x [B, H, W, D]` before; float32 out.

    Because of the ReLU the logits are not linear in the pooled features, and none is negative.
    """

    num_classes: int
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> jax.Array:
        x = batch["x"]
        if x.ndim != 4:
            raise ValueError(f"the head maps reads maps [B, H, W, D], but the backbone ends in {list(x.shape)}")
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        init = nn.initializers.normal(0.01)
        x = nn.Conv(self.num_classes, (1, 1), dtype=self.dtype, kernel_init=init, name="conv")(x)
        return mean_pool({"x": nn.relu(at_least_float32(x))})


@heads.register
def maps(num_classes: int, dropout: float = 0.0, dtype: str = "float32") -> MapsHead:
    """SqueezeNet's: a 1x1 convolution to one map per class, ReLU, the mean of each map; it needs a backbone that ends in maps."""
    return MapsHead(num_classes, dropout, jnp.dtype(dtype))
