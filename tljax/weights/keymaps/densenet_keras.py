"""DenseNets of Keras (keras.applications.DenseNet121, DenseNet169, DenseNet201)."""

import re
from typing import Any

from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.keymaps.densenet import layer_counts, model
from tljax.weights.keymaps.resnet_keras import classes, stem
from tljax.weights.rules.keras import batch_norm, conv, dense
from tljax.weights.rules.layers import Rules
from tljax.weights.rules.presets import imagenet_config

_HEADS = ("predictions", "fc1000")
"""The classifier: Keras calls it ``predictions``, the package keras-applications called it ``fc1000``."""


def _rules() -> Rules:
    rules = conv("conv1_conv", "backbone/stem/conv") | batch_norm("conv1_bn", "backbone/stem/norm")
    for stage in range(1, 5):
        name, path = rf"conv{stage + 1}_block(\d+)", rf"backbone/stage{stage}/layer\1"
        rules |= batch_norm(f"{name}_0_bn", f"{path}/norm1") | conv(f"{name}_1_conv", f"{path}/conv1")
        rules |= batch_norm(f"{name}_1_bn", f"{path}/norm2") | conv(f"{name}_2_conv", f"{path}/conv2")
    for stage in (2, 3, 4):
        path = f"backbone/stage{stage}/transition"
        rules |= batch_norm(f"pool{stage}_bn", f"{path}/norm") | conv(f"pool{stage}_conv", f"{path}/conv")
    rules |= batch_norm("bn", "backbone/norm/norm")
    return rules | dense(_HEADS[0], "head") | dense(_HEADS[1], "head")


def _infer(shapes: Shapes) -> dict[str, Any]:
    width, channels = stem(shapes)
    found = [(int(m[1]) - 1, int(m[2])) for name in shapes if (m := re.match(r"conv([2345])_block(\d+)_", name))]
    inner, growth = (next((shapes[n][-1] for n in names if shapes.get(n)), 0) for names in map(_kernel, (1, 2)))
    return {
        "model": model(layer_counts(found), growth, width, inner, epsilon=1.001e-5),
        "num_classes": classes(shapes, _HEADS),
        "in_channels": channels,
    }


def _kernel(i: int) -> tuple[str, str]:
    return f"conv2_block1_{i}_conv/kernel", f"conv2_block1_{i}_conv/0"


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        source="names of keras.applications.DenseNet121/169/201; their BatchNorm epsilon 1.001e-5, preprocessing (ImageNet's mean and"
        " standard deviation, at 224 pixels) and the order of ImageNet's labels are assumed; their BatchNorm momentum, 0.99, is not taken"
        " over",
    )


@keymaps.register
def densenet_keras() -> Keymap:
    """Huang et al. 2017 as in Keras: BatchNorm epsilon 1.001e-5."""
    return Keymap("densenet_keras", _rules(), _infer, _config)
