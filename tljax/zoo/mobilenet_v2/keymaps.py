"""MobileNetV2, named as in torchvision, in timm and in Keras."""

import functools
from collections.abc import Iterator
from typing import Any

from tljax.models.layers.inverted_residual import Network
from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.metadata.timm_config import TENSORFLOW
from tljax.weights.rules import inverted as inverted_rules
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules import keras_applications
from tljax.weights.rules import layers as rules
from tljax.weights.rules.inverted import LAYERS, WIDTHS, block, layers
from tljax.weights.rules.layers import TORCH_IGNORED, Rules, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.mobilenet_v2.model import STAGES, plan

PLAIN = [name for name in LAYERS if not name.startswith("se/")]
"""A block's layers; the first block's are those after the first two."""

BLOCKS = [f"backbone/{stage}/{spec.name}" for stage, specs in plan(1.0).stages.items() for spec in specs]
"""The paths of the 17 blocks without the tree."""

DEPTHS = ((1.0, False), (1.2, True), (1.4, False), *((depth / 10, ends) for depth in range(1, 31) for ends in (False, True)))
"""Depths that are tried, and whether the ends are fixed; those of published files first."""


def _torchvision_rules() -> Rules:
    table = layers(rules, {"backbone/stem/conv": r"features\.0\.0", "backbone/stem/bn": r"features\.0\.1"})
    for number, path in enumerate(BLOCKS, 1):
        wide, narrow = (r"0\.0", r"0\.1", r"1\.0", r"1\.1", "2", "3"), (r"0\.0", r"0\.1", "1", "2")
        names = dict(zip(PLAIN, wide, strict=True) if number > 1 else zip(PLAIN[2:], narrow, strict=True))
        table |= block(rules, path, rf"features\.{number}\.conv\.", names)
    table |= layers(rules, {"backbone/last/conv": r"features\.18\.0", "backbone/last/bn": r"features\.18\.1"})
    return table | linear(r"classifier\.1", "head")


def _timm_rules() -> Rules:
    table = layers(rules, {"backbone/stem/conv": "conv_stem", "backbone/stem/bn": "bn1"})
    for row, stage in ((row, stage) for stage, numbers in enumerate(STAGES, 1) for row in numbers):
        wide, narrow = ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"), ("conv_dw", "bn1", "conv_pw", "bn2")
        names = dict(zip(PLAIN, wide, strict=True) if row > 1 else zip(PLAIN[2:], narrow, strict=True))
        table |= block(rules, rf"backbone/stage{stage}/block{row}_\1", rf"blocks\.{row - 1}\.(\d+)\.", names)
    table |= layers(rules, {"backbone/last/conv": "conv_head", "backbone/last/bn": "bn2"})
    return table | linear("classifier", "head")


def _keras_rules() -> Rules:
    table = layers(keras_rules, {"backbone/stem/conv": "Conv1", "backbone/stem/bn": "bn_Conv1"})
    leaves = ("expand", "expand_BN", "depthwise", "depthwise_BN", "project", "project_BN")
    for number, path in enumerate(BLOCKS):
        names = dict(list(zip(PLAIN, leaves, strict=True))[0 if number else 2 :])
        table |= block(keras_rules, path, f"block_{number}_" if number else "expanded_conv_", names)
    return table | layers(keras_rules, {"backbone/last/conv": "Conv_1", "backbone/last/bn": "Conv_1_bn"}) | keras_applications.classifier()


def _candidates(blocks: frozenset[str], **more: Any) -> Iterator[tuple[str, Network]]:
    """The networks of all widths whose depth gives these blocks; there is always that of depth 1."""
    names = {ends: {spec.name for specs in plan(1.0, *ends).stages.values() for spec in specs} for ends in DEPTHS}
    for depth, fixed in [ends for ends in DEPTHS if names[ends] == blocks] or DEPTHS[:1]:
        for width in WIDTHS:
            yield format_call("mobilenet_v2", width=width, depth=depth, fixed_ends=fixed, **more), plan(width, depth, fixed)


def _infer(shapes: Shapes, family: str, **more: Any) -> dict[str, Any]:
    return inverted_rules.infer(family, shapes, functools.partial(_candidates, **more))


def _torchvision_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        source="names of torchvision's MobileNetV2; its preprocessing (the central 224 of 256, bilinear: that of the first of its two"
        " files) and the order of the labels are assumed",
    )


def _timm_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        interpolation="bicubic",
        source="names of timm's mobilenetv2; its preprocessing (the central 224 of 256, bicubic) and the order of the labels are assumed",
    )


def _keras_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        "unit",
        source="names of keras.applications.MobileNetV2; TensorFlow's padding, BatchNorm's epsilon 1e-3, its preprocessing (x / 127.5 - 1"
        " at 224 pixels) and the order of ImageNet's labels are assumed; its BatchNorm momentum, 0.999, is not taken over",
    )


@keymaps.register
def mobilenet_v2() -> Keymap:
    """Sandler et al. 2018."""
    read = functools.partial(_infer, family="mobilenet_v2")
    return Keymap("mobilenet_v2", _torchvision_rules(), read, _torchvision_config, ignored=TORCH_IGNORED)


@keymaps.register
def mobilenet_v2_timm() -> Keymap:
    """Sandler et al. 2018; the deeper ``mobilenetv2_110d`` and ``mobilenetv2_120d`` too."""
    read = functools.partial(_infer, family="mobilenet_v2_timm")
    return Keymap("mobilenet_v2_timm", _timm_rules(), read, _timm_config, ignored=TORCH_IGNORED)


@keymaps.register
def mobilenet_v2_keras() -> Keymap:
    """Sandler et al. 2018 as in Keras: TensorFlow's padding, BatchNorm epsilon 1e-3, inputs in [-1, 1]."""
    read = functools.partial(_infer, family="mobilenet_v2_keras", **TENSORFLOW)
    return Keymap("mobilenet_v2_keras", _keras_rules(), read, _keras_config)
