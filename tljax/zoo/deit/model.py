"""DeiT (Touvron et al. 2021): Vision Transformers trained with a teacher, whose distillation token has a classifier of its own."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones, heads
from tljax.models.transfer import Batch, at_least_float32
from tljax.zoo.vit.model import SIZES, vit


class DistilledHead(nn.Module):
    """``logits = (cls(first half) + distilled(second half)) / 2`` of features `[B, 2 D]`; float32 out (section 3, late fusion)."""

    num_classes: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> jax.Array:
        x = batch["features"]
        if x.shape[-1] % 2:
            raise ValueError(f"the head 'distilled' reads two tokens of equal width, but the backbone gives {x.shape[-1]} features")
        dense = functools.partial(nn.Dense, self.num_classes, dtype=self.dtype, kernel_init=nn.initializers.normal(0.01))
        both = [dense(name=name)(half) for name, half in zip(("cls", "distilled"), jnp.split(x, 2, axis=-1), strict=True)]
        return (at_least_float32(both[0]) + at_least_float32(both[1])) / 2


@heads.register
def distilled(num_classes: int, dtype: str = "float32") -> DistilledHead:
    """One linear layer for the class token and one for the distillation token, averaged."""
    return DistilledHead(num_classes, jnp.dtype(dtype))


for _size in ("tiny", "small", "base"):
    _width, _depth, _heads = SIZES[f"vit_{_size}"]
    backbones.register(f"deit_{_size}")(functools.partial(vit, width=_width, depth=_depth, heads=_heads, pool="cls_distilled"))
