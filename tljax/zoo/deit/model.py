"""DeiT (Touvron et al. 2021): Vision Transformers trained with a teacher, whose distillation token has a classifier of its own."""

import functools

from tljax.models.create import backbones
from tljax.zoo.vit.model import SIZES, vit

for _size in ("tiny", "small", "base"):
    _width, _depth, _heads = SIZES[f"vit_{_size}"]
    backbones.register(f"deit_{_size}")(functools.partial(vit, width=_width, depth=_depth, heads=_heads, pool="cls_distilled"))
