"""Inception-ResNet-v2 of keras.applications, most of whose layers have no names but numbers."""

from typing import Any

from tljax.models.inception_resnet_v2 import BLOCKS, stages
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules import expression
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.branches import counted_rules, counted_spots, leaf, width
from tljax.weights.rules.layers import Rules
from tljax.weights.rules.presets import imagenet_config

SPOTS = counted_spots(stages(BLOCKS))[:-1]
"""All convolutions with BatchNorm but the last, which is named."""


def _rules() -> Rules:
    found = counted_rules(SPOTS, scale=False)
    for stage, side, count in zip(("stage2", "stage3", "stage4"), (35, 17, 8), BLOCKS, strict=True):
        for i in range(count):
            found |= keras_rules.conv(f"block{side}_{i + 1}_conv", f"backbone/{stage}/block{i}/conv", bias=True)
    found |= keras_rules.conv(f"block8_{BLOCKS[-1] + 1}_conv", "backbone/stage4/last/conv", bias=True)
    found |= keras_rules.conv("conv_7b", "backbone/stage4/conv7b/conv")
    found |= keras_rules.batch_norm("conv_7b_bn", "backbone/stage4/conv7b/bn", scale=False)
    return found | keras_rules.dense("predictions", "head")


def _infer(shapes: Shapes) -> dict[str, Any]:
    renamed = keras_rules.counted(shapes)
    found = {renamed.get(name, name): shape for name, shape in shapes.items()}
    return {
        "model": expression.of("inception_resnet_v2", width=width(SPOTS, found, False, "Inception-ResNet-v2"), norm_scale=False),
        "num_classes": (found.get(f"predictions/{leaf(found, 'predictions')}") or (0,))[-1],
        "in_channels": found[f"conv2d/{leaf(found, 'conv2d')}"][2],
    }


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    said = (
        "names of keras.applications.InceptionResNetV2; its preprocessing (x / 127.5 - 1 at 299 pixels) and the order of ImageNet's labels "
        "are assumed, its BatchNorm momentum is not taken over"
    )
    return imagenet_config(fields, "unit", input_size=(299, 299), source=said)


@keymaps.register
def inception_resnet_v2_keras() -> Keymap:
    """BatchNorm without a scale."""
    return Keymap("inception_resnet_v2_keras", _rules(), _infer, _config, rename=keras_rules.counted)
