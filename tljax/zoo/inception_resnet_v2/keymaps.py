"""Inception-ResNet-v2, named as in timm.

Inception-ResNet-v2 of keras.applications, most of whose layers have no names but numbers.
"""

import re
from typing import Any

from tljax.models.layers.branches import Conv, Part, Residual
from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.branches import conv_norm, counted_rules, counted_spots, leaf, sequential, spots, width
from tljax.weights.rules.layers import TORCH_IGNORED, Rules, conv, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.inception_resnet_v2.model import BLOCKS, stages

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
        "model": format_call("inception_resnet_v2", width=width(found, shapes, True, "Inception-ResNet-v2"), blocks=blocks),
        "num_classes": (shapes.get("classif.weight") or (0,))[0],
        "in_channels": shapes["conv2d_1a.conv.weight"][1],
    }


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    source = (
        "names of timm's inception_resnet_v2; its preprocessing (inputs in [-1, 1], the central 299 of 333, bicubic) and the order of "
        "ImageNet's labels are assumed"
    )
    return imagenet_config(fields, "unit", input_size=(299, 299), crop_fraction=0.8975, interpolation="bicubic", source=source)


@keymaps.register
def inception_resnet_v2() -> Keymap:
    """The names of timm's ``inception_resnet_v2``."""
    return Keymap("inception_resnet_v2", _rules(), _infer, _config, ignored=TORCH_IGNORED)


SPOTS = counted_spots(stages(BLOCKS))[:-1]
"""All convolutions with BatchNorm but the last, which is named."""


def _rules_keras() -> Rules:
    found = counted_rules(SPOTS, scale=False)
    for stage, side, count in zip(("stage2", "stage3", "stage4"), (35, 17, 8), BLOCKS, strict=True):
        for i in range(count):
            found |= keras_rules.conv(f"block{side}_{i + 1}_conv", f"backbone/{stage}/block{i}/conv", bias=True)
    found |= keras_rules.conv(f"block8_{BLOCKS[-1] + 1}_conv", "backbone/stage4/last/conv", bias=True)
    found |= keras_rules.conv("conv_7b", "backbone/stage4/conv7b/conv")
    found |= keras_rules.batch_norm("conv_7b_bn", "backbone/stage4/conv7b/bn", scale=False)
    return found | keras_rules.dense("predictions", "head")


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    renamed = keras_rules.counted(shapes)
    found = {renamed.get(name, name): shape for name, shape in shapes.items()}
    return {
        "model": format_call("inception_resnet_v2", width=width(SPOTS, found, False, "Inception-ResNet-v2"), norm_scale=False),
        "num_classes": (found.get(f"predictions/{leaf(found, 'predictions')}") or (0,))[-1],
        "in_channels": found[f"conv2d/{leaf(found, 'conv2d')}"][2],
    }


def _config_keras(fields: dict[str, Any]) -> PretrainedConfig:
    source = (
        "names of keras.applications.InceptionResNetV2; its preprocessing (x / 127.5 - 1 at 299 pixels) and the order of ImageNet's labels "
        "are assumed, its BatchNorm momentum is not taken over"
    )
    return imagenet_config(fields, "unit", input_size=(299, 299), source=source)


@keymaps.register
def inception_resnet_v2_keras() -> Keymap:
    """BatchNorm without a scale."""
    return Keymap("inception_resnet_v2_keras", _rules_keras(), _infer_keras, _config_keras, rename=keras_rules.counted)
