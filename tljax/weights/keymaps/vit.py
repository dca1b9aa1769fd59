"""Vision Transformers named as in timm (github.com/huggingface/pytorch-image-models)."""

from typing import Any

import numpy as np

from tljax import registry
from tljax.models.vit import SIZES
from tljax.weights import imagenet
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear, numbered
from tljax.weights.rules.vit import HEADS, facts, fields, settled, timm_block

_RULES: Rules = {
    r"cls_token": ("params/backbone/embed/cls", IDENTITY),
    r"pos_embed": ("params/backbone/embed/position", IDENTITY),
    **conv(r"patch_embed\.proj", "backbone/embed/proj", bias=True),
    **numbered("blocks", timm_block),
    **layer_norm("norm", "backbone/norm"),
    **layer_norm("fc_norm", "backbone/norm"),
    **linear(r"pre_logits\.fc", "backbone/pre_logits"),
    **linear("head", "head"),
}


def assumed(fields: dict[str, Any], **more: Any) -> PretrainedConfig:
    """A config with the inputs of Dosovitskiy et al. 2021, in [-1, 1]."""
    half = (0.5,) * fields["in_channels"]
    labels = imagenet.labels()
    values = {
        "mean": half,
        "std": half,
        "channel_order": "L" if fields["in_channels"] == 1 else "RGB",
        "labels": labels if fields["num_classes"] == len(labels) else (),
    }
    return PretrainedConfig(**(values | fields | more))


def _infer(shapes: Shapes) -> dict[str, Any]:
    if "norm.weight" in shapes and "fc_norm.weight" in shapes:
        raise ValueError("it has both norm and fc_norm")
    found = facts(shapes, "patch_embed.proj.weight", "pos_embed", 1, r"blocks\.(\d+)\.", "blocks.0.mlp.fc1.weight")
    found["heads"] = HEADS.get(found["width"], 0)
    found["pool"] = "mean" if "fc_norm.weight" in shapes else "cls"
    found["pre_logits"] = (shapes.get("pre_logits.fc.weight") or (0,))[0]
    return fields(shapes, tuple(SIZES), found, "head.weight")


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return assumed(
        fields,
        crop_fraction=0.9,
        interpolation="bicubic",
        source="names of timm's ViT; 64 channels a head, the inputs of its augreg weights (mean = std = 0.5, the central 0.9 of a bicubic"
        " resize) and, for 1000 classes, the order of ImageNet's labels are assumed",
    )


def _finish(config: PretrainedConfig, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """With mean pooling timm calls the last norm ``fc_norm``."""
    mean = registry.parse(config.model)[2].get("pool") == "mean"
    return {f"fc_{name}" if mean and name.startswith("norm.") else name: a for name, a in arrays.items()}


@keymaps.register
def vit() -> Keymap:
    """Dosovitskiy et al. 2021; class token with the norm before pooling, or mean of the patches with the norm (``fc_norm``) after it.

    DeiT without a distillation token (Touvron et al. 2021) has the same names and shapes, but ImageNet's mean and deviation.
    """
    return Keymap("vit", _RULES, _infer, _config, settle=settled, finish=_finish)
