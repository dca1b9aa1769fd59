"""SigLIP (Zhai et al. 2023): towers as CLIP's, trained with a sigmoid per pair; images pooled by attention, texts seen as a whole."""

import functools
from typing import Any

from tljax.models.create import backbones
from tljax.zoo.clip.text_tower import text_tower
from tljax.zoo.vit.model import vit

SIZES: dict[str, dict[str, Any]] = {
    "base": {"width": 768, "depth": 12, "heads": 12},
    "large": {"width": 1024, "depth": 24, "heads": 16},
    "so400m": {"width": 1152, "depth": 27, "heads": 16, "mlp_dim": 4304},
}
"""Of both towers (so400m: Alabdulmohsin et al. 2023)."""

PATCH = {"base": 16, "large": 16, "so400m": 14}

_COMMON: dict[str, Any] = {"activation": "gelu_tanh", "epsilon": 1e-6}
_TEXT: dict[str, Any] = {"pool": "end", "causal": False, "projection_bias": True, "vocab_size": 32000}

for _name, _size in SIZES.items():
    _tokens = 16 if _name == "so400m" else 64
    backbones.register(f"siglip_image_{_name}")(functools.partial(vit, **_size, **_COMMON, patch=PATCH[_name], pool="map"))
    backbones.register(f"siglip_text_{_name}")(
        functools.partial(text_tower, **_size, **_COMMON, **_TEXT, projection=_size["width"], positions=_tokens, input_size=(_tokens,))
    )
