"""Inception-ResNet-v2, named as in timm."""

import re
from typing import Any

from tljax.models.branches import Conv, Part, Residual
from tljax.models.inception_resnet_v2 import stages
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules import expression
from tljax.weights.rules.branches import conv_norm, sequential, spots, width
from tljax.weights.rules.layers import TORCH_IGNORED, Rules, conv, linear
from tljax.weights.rules.presets import imagenet_config

REPEATS = {"stage2": "repeat", "stage3": "repeat_1", "stage4": "repeat_2"}


def _names(stage: str, name: str, part: Part) -> list[str]:
    if isinstance(part, Conv):
        return [name.replace("conv", "conv2d_")]
    if isinstance(part, Residual):
        prefix = "block8" if name == "last" else f"{REPEATS[stage]}.{name.removeprefix('block')}"
    else:
        prefix = name.replace("mixed", "mixed_")
    return [f"{prefix}.{inner}" for inner in sequential(part, 0)]


def _rules() -> Rules:
    found: Rules = {}
    for spot in spots(stages((1, 1, 1)), _names):
        name = re.sub(r"^(repeat\w*)\\\.0", r"\1\\.(\\d+)", re.escape(spot.name))
        found |= conv_norm(name, spot.path.replace("block0", r"block\1"))
    for stage, name in REPEATS.items():
        found |= conv(rf"{name}\.(\d+)\.conv2d", rf"backbone/{stage}/block\1/conv", bias=True)
    return found | conv(r"block8\.conv2d", "backbone/stage4/last/conv", bias=True) | linear("classif", "head")


def _infer(shapes: Shapes) -> dict[str, Any]:
    blocks = tuple(len({m[1] for n in shapes if (m := re.match(rf"{name}\.(\d+)\.", n))}) for name in REPEATS.values())
    found = spots(stages(blocks), _names)  # type: ignore[arg-type]
    return {
        "model": expression.of("inception_resnet_v2", width=width(found, shapes, True, "Inception-ResNet-v2"), blocks=blocks),
        "num_classes": (shapes.get("classif.weight") or (0,))[0],
        "in_channels": shapes["conv2d_1a.conv.weight"][1],
    }


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    said = (
        "names of timm's inception_resnet_v2; its preprocessing (inputs in [-1, 1], the central 299 of 333, bicubic) and the order of "
        "ImageNet's labels are assumed"
    )
    return imagenet_config(fields, "unit", input_size=(299, 299), crop_fraction=0.8975, interpolation="bicubic", source=said)


@keymaps.register
def inception_resnet_v2() -> Keymap:
    """The names of timm's ``inception_resnet_v2``."""
    return Keymap("inception_resnet_v2", _rules(), _infer, _config, TORCH_IGNORED)
