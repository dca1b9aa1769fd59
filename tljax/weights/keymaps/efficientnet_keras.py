"""EfficientNets of Keras (keras.applications.EfficientNetB0 to B7)."""

import math
from typing import Any

from tljax import registry
from tljax.models.efficientnet import ROWS, VARIANTS
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.keymaps.efficientnet import CROPS, NARROW, STAGE_OF, TF, infer
from tljax.weights.keymaps.resnet_keras import heads
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.inverted import LAYERS, block, layers
from tljax.weights.rules.layers import Rules
from tljax.weights.rules.presets import imagenet_config

_LEAVES = dict(
    zip(LAYERS, ("expand_conv", "expand_bn", "dwconv", "bn", "se_reduce", "se_expand", "project_conv", "project_bn"), strict=True)
)

_IGNORED = (r"normalization(?:_\d+)?/(?:mean|variance|count|[012])",)
"""The layer in Keras's model that normalises its inputs: of published files by ImageNet's mean and deviation, as our config says."""


def _rules() -> Rules:
    found = layers(keras_rules, {"backbone/stem/conv": "stem_conv", "backbone/stem/bn": "stem_bn"})
    deepest = max(depth for _, depth, _ in VARIANTS.values())
    for (row, stage), (*_, repeats) in zip(STAGE_OF.items(), ROWS, strict=True):
        names = _LEAVES if row > 1 else {name: _LEAVES[name] for name in NARROW}
        for i in range(math.ceil(repeats * deepest)):
            found |= block(keras_rules, f"backbone/stage{stage}/block{row}_{i}", f"block{row}{chr(ord('a') + i)}_", names)
    return found | layers(keras_rules, {"backbone/last/conv": "top_conv", "backbone/last/bn": "top_bn"}) | heads()


def _infer(shapes: Shapes) -> dict[str, Any]:
    return infer("efficientnet_keras", shapes, {}, **TF)


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    name = registry.parse(fields["model"])[0]
    return imagenet_config(
        fields,
        input_size=(VARIANTS[name][2],) * 2,
        crop_fraction=CROPS[name],
        interpolation="bicubic",
        source="names of keras.applications.EfficientNetB0 to B7; the normalisation within Keras's model, by ImageNet's mean and deviation"
        " in published files, is assumed and the file's layer of that name not read; so are the paper's resolution, a bicubic resize and"
        " the order of ImageNet's labels; their BatchNorm momentum, 0.99, is not taken over",
    )


@keymaps.register
def efficientnet_keras() -> Keymap:
    """Tan and Le 2019 as in Keras: TensorFlow's padding, BatchNorm epsilon 1e-3."""
    return Keymap("efficientnet_keras", _rules(), _infer, _config, _IGNORED)
