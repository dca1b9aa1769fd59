"""Key tables of EfficientNets: names of torchvision, timm and keras.applications."""

import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from tljax import registry
from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.metadata.timm_config import TENSORFLOW, apply_timm_config, to_timm_config
from tljax.weights.rules import inverted as inverted_rules
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules import keras_applications
from tljax.weights.rules import layers as rules
from tljax.weights.rules.inverted import LAYERS, WIDTHS, block, layers
from tljax.weights.rules.layers import TORCH_IGNORED, Rules, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.efficientnet.model import ROWS, STAGES, VARIANTS, plan

_STAGE_OF_ROW = {row: stage for stage, numbers in enumerate(STAGES, 1) for row in numbers}
"""Row of the paper's table -> our stage."""

_NARROW = [name for name in LAYERS if not name.startswith("expand")]
"""The layers of the first row's blocks, which are not wider inside."""

_TORCHVISION_INPUTS = {
    "efficientnet_b0": (224, 256, "bicubic"),
    "efficientnet_b1": (240, 255, "bilinear"),
    "efficientnet_b2": (288, 288, "bicubic"),
    "efficientnet_b3": (300, 320, "bicubic"),
    "efficientnet_b4": (380, 384, "bicubic"),
    "efficientnet_b5": (456, 456, "bicubic"),
    "efficientnet_b6": (528, 528, "bicubic"),
    "efficientnet_b7": (600, 600, "bicubic"),
}
"""Name -> side of the central crop, shorter side of the image before, interpolation."""

_CROPS = dict(zip(VARIANTS, (0.875, 0.882, 0.890, 0.904, 0.922, 0.934, 0.942, 0.949), strict=True))
"""Name -> the central crop's share of the side, as timm has it of the paper's code."""


def _torchvision_rules() -> Rules:
    table = layers(rules, {"backbone/stem/conv": r"features\.0\.0", "backbone/stem/bn": r"features\.0\.1"})
    for row, stage in _STAGE_OF_ROW.items():
        leaves = [r"0\.0", r"0\.1", r"1\.0", r"1\.1", r"2\.fc1", r"2\.fc2", r"3\.0", r"3\.1"]
        narrow = [r"0\.0", r"0\.1", r"1\.fc1", r"1\.fc2", r"2\.0", r"2\.1"]
        names = dict(zip(LAYERS, leaves, strict=True) if row > 1 else zip(_NARROW, narrow, strict=True))
        table |= block(rules, rf"backbone/stage{stage}/block{row}_\1", rf"features\.{row}\.(\d+)\.block\.", names)
    table |= layers(rules, {"backbone/last/conv": r"features\.8\.0", "backbone/last/bn": r"features\.8\.1"})
    return table | linear(r"classifier\.1", "head")


def _timm_rules() -> Rules:
    table = layers(rules, {"backbone/stem/conv": "conv_stem", "backbone/stem/bn": "bn1"})
    for row, stage in _STAGE_OF_ROW.items():
        squeeze = [r"se\.conv_reduce", r"se\.conv_expand"]
        wide, narrow = ["conv_pw", "bn1", "conv_dw", "bn2", *squeeze, "conv_pwl", "bn3"], ["conv_dw", "bn1", *squeeze, "conv_pw", "bn2"]
        names = dict(zip(LAYERS, wide, strict=True) if row > 1 else zip(_NARROW, narrow, strict=True))
        table |= block(rules, rf"backbone/stage{stage}/block{row}_\1", rf"blocks\.{row - 1}\.(\d+)\.", names)
    table |= layers(rules, {"backbone/last/conv": "conv_head", "backbone/last/bn": "bn2"})
    return table | linear("classifier", "head")


def _candidates(blocks: frozenset[str], epsilons: Mapping[str, float], **more: Any) -> Iterator[tuple[str, Any]]:
    """The published networks, then those of other widths whose depth gives these blocks; an epsilon of its own by name."""
    for name, (width, depth, _) in VARIANTS.items():
        yield format_call(name, **(more or {"epsilon": epsilons.get(name, 1e-5)})), plan(width, depth)
    for tenths in range(1, 41):
        if blocks == {spec.name for specs in plan(1.0, tenths / 10).stages.values() for spec in specs}:
            for width in WIDTHS:
                depth = tenths / 10
                yield format_call("efficientnet_b0", width=width, depth=depth, **more), plan(width, depth)


def _infer(family: str, shapes: Shapes, epsilons: Mapping[str, float], **more: Any) -> dict[str, Any]:
    """Implements `Keymap.infer` for models with these further arguments."""
    return inverted_rules.infer(family, shapes, functools.partial(_candidates, epsilons=epsilons, **more))


def _infer_torchvision(shapes: Shapes) -> dict[str, Any]:
    return _infer("efficientnet", shapes, dict.fromkeys(list(VARIANTS)[5:], 1e-3))


def _infer_timm(shapes: Shapes) -> dict[str, Any]:
    return _infer("efficientnet_timm", shapes, {})


def _torchvision_config(fields: dict[str, Any]) -> PretrainedConfig:
    crop, side, interpolation = _TORCHVISION_INPUTS[registry.parse(fields["model"])[0]]
    return imagenet_config(
        fields,
        input_size=(crop, crop),
        crop_fraction=crop / side,
        interpolation=interpolation,
        source="names of torchvision's EfficientNet; BatchNorm's epsilon (1e-3 from B5 on, else 1e-5), its preprocessing (of B1's two files"
        " that of the second, bilinear) and the order of the labels are assumed; its momentum, 0.01 from B5 on, is not taken over",
    )


def _timm_config(fields: dict[str, Any]) -> PretrainedConfig:
    name = registry.parse(fields["model"])[0]
    return imagenet_config(
        fields,
        input_size=(VARIANTS[name][2],) * 2,
        crop_fraction=_CROPS[name],
        interpolation="bicubic",
        source="names of timm's efficientnet; symmetric padding and BatchNorm's epsilon 1e-5 are assumed, of the same names TensorFlow's"
        " padding and 1e-3 where a config.json calls them tf_efficientnet; so are the paper's resolution, a bicubic resize, ImageNet's mean"
        " and deviation and the order of the labels",
    )


@keymaps.register
def efficientnet() -> Keymap:
    """Tan and Le 2019."""
    return Keymap("efficientnet", _torchvision_rules(), _infer_torchvision, _torchvision_config, ignored=TORCH_IGNORED)


@keymaps.register
def efficientnet_timm() -> Keymap:
    """Tan and Le 2019; ``efficientnet_b0`` and ``tf_efficientnet_b0``, which only a config.json tells apart."""
    return Keymap(
        "efficientnet_timm", _timm_rules(), _infer_timm, _timm_config, ignored=TORCH_IGNORED, apply_hf_config=apply_timm_config,
        to_hf_config=lambda config, _: to_timm_config(config, registry.parse(config.model)[0]),
    )  # fmt: skip


# keras.applications: EfficientNetB0 to B7

_KERAS_LEAVES = dict(
    zip(LAYERS, ("expand_conv", "expand_bn", "dwconv", "bn", "se_reduce", "se_expand", "project_conv", "project_bn"), strict=True)
)

_KERAS_IGNORED = (r"normalization(?:_\d+)?/(?:mean|variance|count|[012])",)
"""The layer in Keras's model that normalizes its inputs, in published files by ImageNet's mean and deviation, which our config holds."""


def _keras_rules() -> Rules:
    table = layers(keras_rules, {"backbone/stem/conv": "stem_conv", "backbone/stem/bn": "stem_bn"})
    deepest = max(depth for _, depth, _ in VARIANTS.values())
    for (row, stage), (*_, repeats) in zip(_STAGE_OF_ROW.items(), ROWS, strict=True):
        names = _KERAS_LEAVES if row > 1 else {name: _KERAS_LEAVES[name] for name in _NARROW}
        for i in range(math.ceil(repeats * deepest)):
            table |= block(keras_rules, f"backbone/stage{stage}/block{row}_{i}", f"block{row}{chr(ord('a') + i)}_", names)
    return table | layers(keras_rules, {"backbone/last/conv": "top_conv", "backbone/last/bn": "top_bn"}) | keras_applications.classifier()


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    return _infer("efficientnet_keras", shapes, {}, **TENSORFLOW)


def _keras_config(fields: dict[str, Any]) -> PretrainedConfig:
    name = registry.parse(fields["model"])[0]
    return imagenet_config(
        fields,
        input_size=(VARIANTS[name][2],) * 2,
        crop_fraction=_CROPS[name],
        interpolation="bicubic",
        source="names of keras.applications.EfficientNetB0 to B7; the normalization within Keras's model, by ImageNet's mean and deviation"
        " in published files, is assumed and the file's layer of that name not read; so are the paper's resolution, a bicubic resize and"
        " the order of ImageNet's labels; their BatchNorm momentum, 0.99, is not taken over",
    )


@keymaps.register
def efficientnet_keras() -> Keymap:
    """Tan and Le 2019 as in Keras: TensorFlow's padding, BatchNorm epsilon 1e-3."""
    return Keymap("efficientnet_keras", _keras_rules(), _infer_keras, _keras_config, ignored=_KERAS_IGNORED)
