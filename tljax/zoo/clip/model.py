"""CLIP (Radford et al. 2021): an image tower and a text tower whose features of a picture and its caption point the same way."""

import functools
from typing import Any

from tljax.models.create import backbones
from tljax.zoo.clip.text_tower import text_tower
from tljax.zoo.vit.model import vit

IMAGE: dict[str, dict[str, Any]] = {
    "clip_image_base": {"width": 768, "depth": 12, "heads": 12, "patch": 32, "projection": 512},
    "clip_image_large": {"width": 1024, "depth": 24, "heads": 16, "patch": 14, "projection": 768},
}
TEXT: dict[str, dict[str, Any]] = {
    "clip_text_base": {"width": 512, "depth": 12, "heads": 8, "projection": 512},
    "clip_text_large": {"width": 768, "depth": 12, "heads": 12, "projection": 768},
}
"""The paper's table 20: the towers of ViT-B/32 (and, with ``patch=16``, B/16) and of L/14."""

_COMMON: dict[str, Any] = {"activation": "quick_gelu", "epsilon": 1e-5}

for _name, _size in IMAGE.items():
    backbones.register(_name)(functools.partial(vit, **_size, **_COMMON, pre_norm=True))
for _name, _size in TEXT.items():
    backbones.register(_name)(functools.partial(text_tower, **_size, **_COMMON))
