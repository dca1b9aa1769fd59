"""Inception-v3, named as in torchvision and timm.

Inception-v3 of keras.applications, whose layers have no names but numbers.
"""

from typing import Any

from tljax.models.layers.branches import Conv, Part
from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.branches import counted_rules, counted_spots, leaf, spots, torch_rules, width
from tljax.weights.rules.layers import TORCH_IGNORED, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.inception_v3.model import MIXED8, REDUCTION8, REDUCTION17, STAGES

_STEM = {f"conv{name[:2]}": f"Conv2d_{name}" for name in ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3")}
_DOUBLE = ("3x3dbl_1", "3x3dbl_2", "3x3dbl_3")
_INSIDE = {
    "mixed5": ("1x1", "5x5_1", "5x5_2", *_DOUBLE, "_pool"),
    "mixed6": ("1x1", *(f"7x7_{i}" for i in (1, 2, 3)), *(f"7x7dbl_{i}" for i in (1, 2, 3, 4, 5)), "_pool"),
}
_SPECIAL = {
    REDUCTION17: ("3x3", *_DOUBLE),
    REDUCTION8: ("3x3_1", "3x3_2", *(f"7x7x3_{i}" for i in (1, 2, 3, 4))),
    MIXED8: ("1x1", "3x3_1", "3x3_2a", "3x3_2b", "3x3dbl_1", "3x3dbl_2", "3x3dbl_3a", "3x3dbl_3b", "_pool"),
}


def _names(_: str, name: str, part: Part) -> list[str]:
    if isinstance(part, Conv):
        return [_STEM[name]]
    inside = next((names for special, names in _SPECIAL.items() if special == part), _INSIDE.get(name[:6], ()))
    return [f"Mixed_{name[5:]}.branch{inner}" for inner in inside]


SPOTS = spots(STAGES, _names)


def _infer(shapes: Shapes) -> dict[str, Any]:
    return {
        "model": format_call("inception_v3", width=width(SPOTS, shapes, True, "Inception-v3")),
        "num_classes": (shapes.get("fc.weight") or (0,))[0],
        "in_channels": shapes["Conv2d_1a_3x3.conv.weight"][1],
    }


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    source = (
        "names of torchvision and timm; torchvision's preprocessing (inputs in [-1, 1], which its `transform_input` makes of others; the "
        "central 299 of 342, bilinear) and the order of ImageNet's labels are assumed"
    )
    return imagenet_config(fields, "unit", input_size=(299, 299), crop_fraction=299 / 342, source=source)


@keymaps.register
def inception_v3() -> Keymap:
    """The auxiliary classifier ``AuxLogits`` is ignored: it served training only."""
    rules = torch_rules(SPOTS) | linear("fc", "head")
    return Keymap("inception_v3", rules, _infer, _config, ignored=(*TORCH_IGNORED, r"AuxLogits\..*"))


SPOTS_KERAS = counted_spots(STAGES)


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    renamed = keras_rules.counted(shapes)
    found = {renamed.get(name, name): shape for name, shape in shapes.items()}
    head = f"predictions/{leaf(found, 'predictions')}"
    return {
        "model": format_call("inception_v3", width=width(SPOTS_KERAS, found, False, "Inception-v3"), count_padding=False, norm_scale=False),
        "num_classes": (found.get(head) or (0,))[-1],
        "in_channels": found[f"conv2d/{leaf(found, 'conv2d')}"][2],
    }


def _config_keras(fields: dict[str, Any]) -> PretrainedConfig:
    source = (
        "names of keras.applications.InceptionV3; its preprocessing (x / 127.5 - 1 at 299 pixels) and the order of ImageNet's labels are "
        "assumed, its BatchNorm momentum is not taken over"
    )
    return imagenet_config(fields, "unit", input_size=(299, 299), source=source)


@keymaps.register
def inception_v3_keras() -> Keymap:
    """BatchNorm without a scale; means at the border are over the pixels that there are."""
    rules = counted_rules(SPOTS_KERAS, scale=False) | keras_rules.dense("predictions", "head")
    return Keymap("inception_v3_keras", rules, _infer_keras, _config_keras, rename=keras_rules.counted)
