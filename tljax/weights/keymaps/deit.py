"""DeiT with a distillation token, named as in timm and as in the original (github.com/facebookresearch/deit)."""

from typing import Any

from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear, numbered
from tljax.weights.rules.presets import imagenet_config
from tljax.weights.rules.vit import HEADS, facts, fields, settled, timm_block

NAMES = ("deit_tiny", "deit_small", "deit_base")

_RULES: Rules = {
    r"cls_token": ("params/backbone/embed/cls", IDENTITY),
    r"dist_token": ("params/backbone/embed/distilled", IDENTITY),
    r"pos_embed": ("params/backbone/embed/position", IDENTITY),
    **conv(r"patch_embed\.proj", "backbone/embed/proj", bias=True),
    **numbered("blocks", timm_block),
    **layer_norm("norm", "backbone/norm"),
    **linear("head", "head/cls"),
    **linear("head_dist", "head/distilled"),
}


def _infer(shapes: Shapes) -> dict[str, Any]:
    if "dist_token" not in shapes:
        raise ValueError("it has no dist_token")
    found = facts(shapes, "patch_embed.proj.weight", "pos_embed", 2, r"blocks\.(\d+)\.", "blocks.0.mlp.fc1.weight")
    return fields(shapes, NAMES, found | {"heads": HEADS.get(found["width"], 0)}, "head.weight") | {"head": "distilled"}


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        crop_fraction=0.9,
        interpolation="bicubic",
        source="names of timm's DeiT; 64 channels a head, ImageNet's mean and deviation, the central 0.9 of a bicubic resize and, for 1000"
        " classes, the order of ImageNet's labels are assumed",
    )


@keymaps.register
def deit() -> Keymap:
    """Touvron et al. 2021; both classifiers, averaged. Without a distillation token a file is one of the family ``vit``."""
    return Keymap("deit", _RULES, _infer, _config, settle=settled)
