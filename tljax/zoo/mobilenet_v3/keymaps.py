"""MobileNetV3, named as in torchvision and as in timm: the two sizes, whose layers have other numbers, each in a table of its own.

MobileNetV3 of Keras (keras.applications.MobileNetV3Large, MobileNetV3Small), with or without its top.
"""

import functools
from collections.abc import Iterator
from typing import Any

from tljax.models.layers.inverted_residual import Plan
from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, POINTWISE_HEAD, Keymap, Shapes, keymaps
from tljax.weights.rules import inverted as inverted_rules
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules import layers as rules
from tljax.weights.rules.flatten import POINTWISE
from tljax.weights.rules.inverted import LAYERS, WIDTHS, block, layers
from tljax.weights.rules.layers import TORCH_IGNORED, Rules, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.efficientnet.keymaps import apply_timm_config, to_timm_config
from tljax.zoo.mobilenet_v3.model import VARIANTS, plan

PENULTIMATE = "backbone/penultimate/fc"


def blocks(name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """In their order, the blocks' paths without the tree, and which of `LAYERS` each has."""
    network = plan(name, 1.0, ratios=False)
    inputs = network.stem
    for stage, specs in network.stages.items():
        for spec in specs:
            absent = ("expand",) * (spec.inner == inputs) + ("se/",) * (not spec.squeeze)
            yield f"backbone/{stage}/{spec.name}", tuple(layer for layer in LAYERS if not layer.startswith(absent))
            inputs = spec.width


_LEAF = {"se/reduce": "fc1", "se/expand": "fc2"}


def _part(layer: str) -> str:
    """The part of a block that torchvision numbers: a convolution with its BatchNorm, or squeeze-and-excitation."""
    return layer.removesuffix("_bn").partition("/")[0]


def _torchvision_rules(name: str) -> Rules:
    found = layers(rules, {"backbone/stem/conv": r"features\.0\.0", "backbone/stem/bn": r"features\.0\.1"})
    number = 0
    for number, (path, has) in enumerate(blocks(name), 1):
        places = list(dict.fromkeys(map(_part, has)))
        leaves = {layer: rf"{places.index(_part(layer))}\.{_LEAF.get(layer, int(layer.endswith('bn')))}" for layer in has}
        found |= block(rules, path, rf"features\.{number}\.block\.", leaves)
    found |= layers(rules, {"backbone/last/conv": rf"features\.{number + 1}\.0", "backbone/last/bn": rf"features\.{number + 1}\.1"})
    return found | linear(r"classifier\.0", PENULTIMATE) | linear(r"classifier\.3", "head")


def _timm_rules(name: str) -> Rules:
    found = layers(rules, {"backbone/stem/conv": "conv_stem", "backbone/stem/bn": "bn1"})
    wide = ("conv_pw", "bn1", "conv_dw", "bn2", r"se\.conv_reduce", r"se\.conv_expand", "conv_pwl", "bn3")
    narrow = ("", "", "conv_dw", "bn1", r"se\.conv_reduce", r"se\.conv_expand", "conv_pw", "bn2")
    for path, has in blocks(name):
        row, _, i = path.rpartition("/block")[2].partition("_")
        names = dict(zip(LAYERS, wide if "expand" in has else narrow, strict=True))
        found |= block(rules, path, rf"blocks\.{int(row) - 1}\.{i}\.", {layer: names[layer] for layer in has})
    last = rf"blocks\.{len(VARIANTS[name].rows)}\.0\."
    found |= layers(rules, {"backbone/last/conv": f"{last}conv", "backbone/last/bn": f"{last}bn1"})
    found |= {
        r"conv_head\.weight": (f"params/{PENULTIMATE}/kernel", POINTWISE),
        r"conv_head\.bias": (f"params/{PENULTIMATE}/bias", IDENTITY),
    }
    return found | linear("classifier", "head")


def candidates(_: frozenset[str], name: str, **more: Any) -> Iterator[tuple[str, Plan]]:
    """The networks of all widths."""
    for width in WIDTHS:
        yield format_call(name, width=width, **more), plan(name, width, more.get("ratios", False), more.get("penultimate", True))


def infer(shapes: Shapes, family: str, name: str, **more: Any) -> dict[str, Any]:
    """What `Keymap.infer` gives, for models with these further arguments."""
    return inverted_rules.infer(family, shapes, functools.partial(candidates, name=name, **more))


def _torchvision_config(fields: dict[str, Any]) -> PretrainedConfig:
    resized = 232 if fields["model"].startswith("mobilenet_v3_large") else 256
    return imagenet_config(
        fields,
        crop_fraction=224 / resized,
        source=f"names of torchvision's MobileNetV3; BatchNorm's epsilon 1e-3, its preprocessing (the central 224 of {resized},"
        " bilinear) and the order of the labels are assumed; its BatchNorm momentum, 0.01, is not taken over",
    )


def _timm_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        interpolation="bicubic",
        source="names of timm's mobilenetv3; symmetric padding and BatchNorm's epsilon 1e-5 are assumed, of the same names TensorFlow's"
        " padding and 1e-3 where a config.json calls them tf_mobilenetv3; so are the central 224 of 256, bicubic, ImageNet's mean and"
        " deviation and the order of the labels",
    )


def _register(name: str) -> None:
    @keymaps.register(name)
    def torchvision() -> Keymap:
        """Howard et al. 2019; not those with a reduced tail. Dilated ones, whose names and shapes are the same, open as plain ones."""
        read = functools.partial(infer, family=name, name=name)
        return Keymap(name, _torchvision_rules(name), read, _torchvision_config, ignored=TORCH_IGNORED)

    @keymaps.register(f"{name}_timm")
    def timm() -> Keymap:
        """Howard et al. 2019; not the minimal ones, nor ``mobilenetv3_rw``."""
        read = functools.partial(infer, family=f"{name}_timm", name=name, ratios=True, epsilon=1e-5)
        return Keymap(
            f"{name}_timm", _timm_rules(name), read, _timm_config, ignored=TORCH_IGNORED, apply_hf_config=apply_timm_config,
            to_hf_config=lambda config, _: to_timm_config(config, name.replace("_v3", "v3") + "_{width:03}"),
        )  # fmt: skip


for _name in VARIANTS:
    _register(_name)


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


def _register_keras(name: str) -> None:
    @keymaps.register(f"{name}_keras")
    def keras() -> Keymap:
        """Howard et al. 2019 as in Keras; not the minimalistic ones, nor those above width 1, whose first layer keeps its width there."""
        return Keymap(f"{name}_keras", _rules(name), lambda shapes: _infer(shapes, name), _config)


for _name in VARIANTS:
    _register_keras(_name)
