"""MobileNetV3 of Keras (keras.applications.MobileNetV3Large, MobileNetV3Small), with or without its top."""

from typing import Any

from tljax.models.mobilenet_v3 import VARIANTS
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import POINTWISE_HEAD, Keymap, Shapes, keymaps
from tljax.weights.keymaps.mobilenet_v3 import PENULTIMATE, blocks, infer
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.inverted import LAYERS, block, layers
from tljax.weights.rules.layers import Rules
from tljax.weights.rules.presets import imagenet_config

ENDS = {"stem": "conv", "last": "conv_1"}
"""Our stages of one convolution and its BatchNorm, and its name in Keras 3."""

LEAVES = ("expand", "expand_bn", "depthwise", "depthwise_bn", "squeeze_excite_conv", "squeeze_excite_conv_1", "project", "project_bn")
"""The names of `LAYERS` in Keras 3."""


def _keras_2(name: str) -> str:
    """A name of Keras 3 as Keras 2, and so the published files, have it: ``expand_bn`` is ``expand/BatchNorm`` there."""
    name = name.replace("squeeze_excite_c", "squeeze_excite/C").replace("_bn", "/BatchNorm")
    return name if name.startswith(LEAVES) or "/C" in name else name[0].upper() + name[1:]


def _rules(name: str) -> Rules:
    found: Rules = {}
    for spelt, dash in ((str, "_"), (_keras_2, "/")):
        for stage, conv in ENDS.items():
            found |= layers(keras_rules, {f"backbone/{stage}/conv": spelt(conv), f"backbone/{stage}/bn": spelt(f"{conv}_bn")})
        for i, (path, has) in enumerate(blocks(name)):
            leaves = {layer: spelt(leaf) for layer, leaf in zip(LAYERS, LEAVES, strict=True) if layer in has}
            found |= block(keras_rules, path, f"expanded_conv_{i}{dash}" if i else f"expanded_conv{dash}", leaves)
        for conv, path in ((spelt("conv_2"), PENULTIMATE), (spelt("logits"), "head")):
            kernel = (f"params/{path}/kernel", POINTWISE_HEAD)
            found |= keras_rules.conv(conv, path, bias=True) | {f"{conv}/kernel": kernel, f"{conv}/0": kernel}
    return found


def _infer(shapes: Shapes, name: str) -> dict[str, Any]:
    top = any(of.startswith(("conv_2/", "Conv_2/")) for of in shapes)
    return infer(shapes, family=f"{name}_keras", name=name, ratios=True, padding="asymmetric", penultimate=top)


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        "unit",
        source="names of keras.applications.MobileNetV3Large and MobileNetV3Small; TensorFlow's padding, BatchNorm's epsilon 1e-3, the"
        " rescaling to [-1, 1] that is a layer in Keras's model, 224 pixels and the order of ImageNet's labels are assumed; its BatchNorm"
        " momentum, 0.999, is not taken over",
    )


def _register(name: str) -> None:
    @keymaps.register(f"{name}_keras")
    def keras() -> Keymap:
        """Howard et al. 2019 as in Keras; not the minimalistic ones, nor those above width 1, whose first layer keeps its width there."""
        return Keymap(f"{name}_keras", _rules(name), lambda shapes: _infer(shapes, name), _config)


for _name in VARIANTS:
    _register(_name)
