"""Key tables of DenseNets: names of torchvision, which are timm's, and keras.applications."""

import re
from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules import keras_applications
from tljax.weights.rules.keras import batch_norm as keras_batch_norm
from tljax.weights.rules.keras import conv as keras_conv
from tljax.weights.rules.layers import TORCH_IGNORED, Rules, batch_norm, conv, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.densenet.model import DEPTHS

# torchvision and timm

_LAYER, _PATH = r"features\.denseblock(\d)\.denselayer(\d+)\.", r"backbone/stage\1/layer\2/"


def _torch_rules() -> Rules:
    rules = conv(r"features\.conv0", "backbone/stem/conv") | batch_norm(r"features\.norm0", "backbone/stem/norm")
    for dot in ("", r"\."):  # torchvision's files of 2017 have norm.1, conv.1: a dot inside what was then a module's name
        rules |= batch_norm(_LAYER + rf"norm{dot}([12])", _PATH + r"norm\3")
        rules |= conv(_LAYER + rf"conv{dot}([12])", _PATH + r"conv\3")
    for i in range(1, 9):  # the transition after block i leads to stage i + 1
        rules |= batch_norm(rf"features\.transition{i}\.norm", f"backbone/stage{i + 1}/transition/norm")
        rules |= conv(rf"features\.transition{i}\.conv", f"backbone/stage{i + 1}/transition/conv")
    return rules | batch_norm(r"features\.norm5", "backbone/norm/norm") | linear("classifier", "head")


def _infer_torch(shapes: Shapes) -> dict[str, Any]:
    stem = shapes.get("features.conv0.weight", ())
    if len(stem) != 4 or stem[2:] != (7, 7):
        raise ValueError(f"its first convolution features.conv0.weight is {stem}, not [width, channels, 7, 7]")
    found = [(int(m[1]), int(m[2])) for name in shapes if (m := re.match(_LAYER, name))]
    first = [re.compile(_LAYER.replace(r"(\d)", "1").replace(r"(\d+)", "1") + rf"conv\.?{i}\.weight") for i in (1, 2)]
    inner, grown = (next((shape[0] for name, shape in shapes.items() if regex.fullmatch(name) and shape), 0) for regex in first)
    return {
        "model": _model(_layer_counts(found), grown, stem[0], inner),
        "num_classes": (shapes.get("classifier.weight") or (0,))[0],
        "in_channels": stem[1],
    }


def _layer_counts(found: list[tuple[int, int]]) -> tuple[int, ...]:
    """Layers of each stage, of (stage, layer) numbers that count from 1. Raises ValueError: a number is left out."""
    counts = tuple(len({layer for of, layer in found if of == stage}) for stage in range(1, 1 + max((s for s, _ in found), default=0)))
    if 0 in counts or not counts or {(s, i) for s, count in enumerate(counts, 1) for i in range(1, count + 1)} != set(found):
        raise ValueError(f"its stages have {list(counts)} dense layers, whose numbers leave some out")
    return counts


def _model(layers: tuple[int, ...], growth: int, width: int, inner: int, **more: Any) -> str:
    """The DenseNet's call expression, its first layer having `inner`, then `growth` channels. Raises ValueError: they are no multiple."""
    if growth < 1 or inner < 1 or inner % growth:
        raise ValueError(f"its first dense layer has {inner} and then {growth} channels, which are no multiple of each other")
    depth = next((depth for depth, (counts, _, _) in DEPTHS.items() if counts == layers), 121)
    return format_call(f"densenet{depth}", layers=layers, growth=growth, width=width, bottleneck=inner // growth, **more)


def _torch_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        source="names of torchvision and timm; ImageNet preprocessing (the central 224 of 256, bilinear) and the order of the labels are"
        " assumed",
    )


@keymaps.register
def densenet() -> Keymap:
    """Huang et al. 2017; the names inside dense layers with and without a dot (``norm1``, ``norm.1``)."""
    return Keymap("densenet", _torch_rules(), _infer_torch, _torch_config, ignored=TORCH_IGNORED)


# keras.applications: DenseNet121, DenseNet169, DenseNet201

_CLASSIFIERS = ("predictions", "fc1000")
"""The classifier: Keras calls it ``predictions``, the package keras-applications called it ``fc1000``."""


def _keras_rules() -> Rules:
    rules = keras_conv("conv1_conv", "backbone/stem/conv") | keras_batch_norm("conv1_bn", "backbone/stem/norm")
    for stage in range(1, 5):
        name, path = rf"conv{stage + 1}_block(\d+)", rf"backbone/stage{stage}/layer\1"
        rules |= keras_batch_norm(f"{name}_0_bn", f"{path}/norm1") | keras_conv(f"{name}_1_conv", f"{path}/conv1")
        rules |= keras_batch_norm(f"{name}_1_bn", f"{path}/norm2") | keras_conv(f"{name}_2_conv", f"{path}/conv2")
    for stage in (2, 3, 4):
        path = f"backbone/stage{stage}/transition"
        rules |= keras_batch_norm(f"pool{stage}_bn", f"{path}/norm") | keras_conv(f"pool{stage}_conv", f"{path}/conv")
    rules |= keras_batch_norm("bn", "backbone/norm/norm")
    return rules | keras_applications.classifier(_CLASSIFIERS)


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    width, channels = keras_applications.stem(shapes)
    found = [(int(m[1]) - 1, int(m[2])) for name in shapes if (m := re.match(r"conv([2345])_block(\d+)_", name))]
    inner, growth = (next((shapes[n][-1] for n in names if shapes.get(n)), 0) for names in map(_keras_kernel, (1, 2)))
    return {
        "model": _model(_layer_counts(found), growth, width, inner, epsilon=1.001e-5),
        "num_classes": keras_applications.num_classes(shapes, _CLASSIFIERS),
        "in_channels": channels,
    }


def _keras_kernel(i: int) -> tuple[str, str]:
    return f"conv2_block1_{i}_conv/kernel", f"conv2_block1_{i}_conv/0"


def _keras_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        source="names of keras.applications.DenseNet121/169/201; their BatchNorm epsilon 1.001e-5, preprocessing (ImageNet's mean and"
        " standard deviation, at 224 pixels) and the order of ImageNet's labels are assumed; their BatchNorm momentum, 0.99, is not taken"
        " over",
    )


@keymaps.register
def densenet_keras() -> Keymap:
    """Huang et al. 2017 as in Keras: BatchNorm epsilon 1.001e-5."""
    return Keymap("densenet_keras", _keras_rules(), _infer_keras, _keras_config)
