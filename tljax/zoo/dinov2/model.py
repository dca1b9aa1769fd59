"""DINOv2 (Oquab et al. 2024): Vision Transformers with layer scale, patches of 14 pixels and, in a second series, register tokens."""

import functools

from tljax.models.create import backbones
from tljax.zoo.vit.model import SIZES, vit

for _size in ("small", "base", "large"):
    _width, _depth, _heads = SIZES[f"vit_{_size}"]
    _build = functools.partial(vit, width=_width, depth=_depth, heads=_heads, patch=14, layer_scale=1e-5)
    backbones.register(f"dinov2_{_size}")(_build)
