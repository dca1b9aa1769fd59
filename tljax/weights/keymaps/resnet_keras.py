"""ImageNet ResNets of Keras (keras.applications.ResNet50, ResNet101, ResNet152)."""

import re
from typing import Any

from tljax.models.resnet import BOTTLENECK, DEPTHS
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.keymaps.resnet import depth_of, model
from tljax.weights.rules.keras import batch_norm, conv, dense
from tljax.weights.rules.layers import Rules
from tljax.weights.rules.presets import imagenet_config

MOST = tuple(map(max, zip(*(counts for kind, counts in DEPTHS.values() if kind == BOTTLENECK), strict=True)))
"""The most blocks that any depth has in its stages."""


def heads() -> Rules:
    """The classifier: Keras calls it ``predictions``, the package keras-applications called it ``probs``."""
    return dense("predictions", "head") | dense("probs", "head")


def _block(name: str, path: str) -> Rules:
    rules: Rules = {}
    for i, (conv_path, bn_path) in enumerate((("shortcut_conv", "shortcut_bn"), *((f"conv{n}", f"bn{n}") for n in (1, 2, 3)))):
        rules |= conv(f"{name}_{i}_conv", f"{path}/{conv_path}", bias=True) | batch_norm(f"{name}_{i}_bn", f"{path}/{bn_path}")
    return rules


def _rules() -> Rules:
    rules = conv("conv1_conv", "backbone/stem/conv", bias=True) | batch_norm("conv1_bn", "backbone/stem/bn") | heads()
    for stage, count in enumerate(MOST, 1):
        for i in range(count):
            rules |= _block(f"conv{stage + 1}_block{i + 1}", f"backbone/stage{stage}/block{i}")
    return rules


def stem(shapes: Shapes) -> tuple[int, int]:
    """Width and input channels. Raises ValueError: no 7x7 convolution ``conv1_conv``."""
    kernel = shapes.get("conv1_conv/kernel", shapes.get("conv1_conv/0", ()))
    if len(kernel) != 4 or kernel[:2] != (7, 7):
        raise ValueError(f"its first convolution conv1_conv is {kernel}, not [7, 7, channels, width]")
    return kernel[3], kernel[2]


def block_counts(shapes: Shapes) -> tuple[int, ...]:
    """How many blocks ``conv2_block1``, ... each of the four stages has."""
    blocks = [{m[1] for name in shapes if (m := re.match(rf"conv{stage}_block(\d+)_", name))} for stage in (2, 3, 4, 5)]
    return tuple(len(found) for found in blocks)


def classes(shapes: Shapes, names: tuple[str, ...] = ("predictions", "probs")) -> int:
    """Outputs of the classifier under one of `names`; 0: the file has none."""
    kernels = (shapes.get(f"{name}/{leaf}") for name in names for leaf in ("kernel", "0"))
    return next((kernel[-1] for kernel in kernels if kernel), 0)


def _infer(shapes: Shapes) -> dict[str, Any]:
    width, channels = stem(shapes)
    depth = depth_of(BOTTLENECK, block_counts(shapes))
    return {
        "model": model(depth, width, stride_first=True, bias=True, epsilon=1.001e-5),
        "num_classes": classes(shapes),
        "in_channels": channels,
    }


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        "caffe",
        source="names of keras.applications.ResNet50/101/152; their stride on a bottleneck's first convolution, BatchNorm epsilon 1.001e-5,"
        " preprocessing (BGR in [0, 255] minus the mean, at 224 pixels) and the order of ImageNet's labels are assumed; their BatchNorm"
        " momentum, 0.99, is not taken over",
    )


@keymaps.register
def resnet_keras() -> Keymap:
    """He et al. 2016 as in Keras: v1 (the stride on the first 1x1 convolution), biases, BatchNorm epsilon 1.001e-5."""
    return Keymap("resnet_keras", _rules(), _infer, _config)
