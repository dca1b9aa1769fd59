"""DINOv2, named as in the original (github.com/facebookresearch/dinov2), and as in timm."""

from typing import Any

from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear, numbered
from tljax.weights.rules.presets import imagenet_config
from tljax.weights.rules.vit import HEADS, facts, fields, settled, timm_block

NAMES = ("dinov2_small", "dinov2_base", "dinov2_large")


def _block(name: str, path: str) -> Rules:
    scales: Rules = {rf"{name}ls{i}\.gamma": (f"params/{path}scale{i}", IDENTITY) for i in (1, 2)}
    return timm_block(name, path) | scales


def _rules(registers: str) -> Rules:
    return {
        r"cls_token": ("params/backbone/embed/cls", IDENTITY),
        registers: ("params/backbone/embed/registers", IDENTITY),
        r"pos_embed": ("params/backbone/embed/position", IDENTITY),
        **conv(r"patch_embed\.proj", "backbone/embed/proj", bias=True),
        **numbered("blocks", _block),
        **layer_norm("norm", "backbone/norm"),
        **linear("head", "head"),
    }


def _infer(shapes: Shapes, registers: str = "register_tokens", learned: int = 1) -> dict[str, Any]:
    if "blocks.0.ls1.gamma" not in shapes:
        raise ValueError("it has no blocks.0.ls1.gamma (layer scale)")
    found = facts(shapes, "patch_embed.proj.weight", "pos_embed", learned, r"blocks\.(\d+)\.", "blocks.0.mlp.fc1.weight")
    tokens = shapes.get(registers, ())
    found |= {"heads": HEADS.get(found["width"], 0), "registers": tokens[1] if len(tokens) == 3 else 0, "patches_only": not learned}
    return fields(shapes, NAMES, found, "head.weight")


def _infer_timm(shapes: Shapes) -> dict[str, Any]:
    if "reg_token" not in shapes:
        raise ValueError("it has no reg_token")
    return _infer(shapes, "reg_token", 0)


def config(fields: dict[str, Any], names: str) -> PretrainedConfig:
    """ImageNet's mean and deviation at the size of the weights' own grid."""
    return imagenet_config(
        fields,
        crop_fraction=1.0,
        interpolation="bicubic",
        source=f"names of {names}; 64 channels a head, ImageNet's mean and deviation and a bicubic resize without crop are assumed",
    )


@keymaps.register
def dinov2() -> Keymap:
    """Oquab et al. 2024; with registers: Darcet et al. 2024. The mask token, of training alone, is left out."""
    said, ignored = "DINOv2 and timm", (r"mask_token",)
    return Keymap("dinov2", _rules("register_tokens"), _infer, lambda fields: config(fields, said), ignored, settle=settled)


@keymaps.register
def dinov2_timm() -> Keymap:
    """With registers as timm stores them: it has added the class token's position to the token itself."""
    said = "timm's DINOv2"
    return Keymap("dinov2_timm", _rules("reg_token"), _infer_timm, lambda fields: config(fields, said), settle=settled)
