"""Inception-v3 of keras.applications, whose layers have no names but numbers."""

from typing import Any

from tljax.models.inception_v3 import STAGES
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules import expression
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.branches import counted_rules, counted_spots, leaf, width
from tljax.weights.rules.presets import imagenet_config

SPOTS = counted_spots(STAGES)


def _infer(shapes: Shapes) -> dict[str, Any]:
    renamed = keras_rules.counted(shapes)
    found = {renamed.get(name, name): shape for name, shape in shapes.items()}
    head = f"predictions/{leaf(found, 'predictions')}"
    return {
        "model": expression.of("inception_v3", width=width(SPOTS, found, False, "Inception-v3"), count_padding=False, norm_scale=False),
        "num_classes": (found.get(head) or (0,))[-1],
        "in_channels": found[f"conv2d/{leaf(found, 'conv2d')}"][2],
    }


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    said = (
        "names of keras.applications.InceptionV3; its preprocessing (x / 127.5 - 1 at 299 pixels) and the order of ImageNet's labels are "
        "assumed, its BatchNorm momentum is not taken over"
    )
    return imagenet_config(fields, "unit", input_size=(299, 299), source=said)


@keymaps.register
def inception_v3_keras() -> Keymap:
    """BatchNorm without a scale; means at the border are over the pixels that there are."""
    rules = counted_rules(SPOTS, scale=False) | keras_rules.dense("predictions", "head")
    return Keymap("inception_v3_keras", rules, _infer, _config, rename=keras_rules.counted)
