"""Key tables of MobileNetV3: names of torchvision, timm and keras.applications.

All three number the blocks through the network, and the large network has other blocks than the small one.
"""

import functools
from collections.abc import Iterator
from typing import Any

from tljax import registry
from tljax.models.layers.inverted_residual import Network
from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, POINTWISE_HEAD, Keymap, Shapes, keymaps
from tljax.weights.metadata.timm_config import TENSORFLOW, apply_timm_config, to_timm_config
from tljax.weights.rules import inverted, numbered_layers
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules import layers as torch_rules
from tljax.weights.rules.flatten import POINTWISE
from tljax.weights.rules.inverted import LAYERS, WIDTHS
from tljax.weights.rules.layers import TORCH_IGNORED, Rules, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.mobilenet_v3.model import VARIANTS, plan

_PENULTIMATE = "backbone/penultimate/fc"


def _blocks(name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields each block's path without the tree, and those of `LAYERS` that it has."""
    network = plan(name, 1.0, ratios=False)
    inputs = network.stem
    for stage, specs in network.stages.items():
        for spec in specs:
            absent = ("expand",) * (spec.expanded == inputs) + ("se/",) * (not spec.squeeze)
            yield f"backbone/{stage}/{spec.name}", tuple(layer for layer in LAYERS if not layer.startswith(absent))
            inputs = spec.width


def _candidates(blocks: frozenset[str], **arguments: Any) -> Iterator[tuple[str, Network]]:
    """Yields the networks of all widths: of the size that has these blocks, of both where none has."""
    names = [name for name in VARIANTS if {path.rpartition("/")[2] for path, _ in _blocks(name)} == blocks]
    for name in names or VARIANTS:
        for width in WIDTHS:
            network = plan(name, width, arguments.get("ratios", False), arguments.get("penultimate", True))
            yield format_call(name, width=width, **arguments), network


def _infer(shapes: Shapes, family: str, **arguments: Any) -> dict[str, Any]:
    return inverted.infer(family, shapes, functools.partial(_candidates, **arguments))


# torchvision

_SQUEEZE = {"se/reduce": "fc1", "se/expand": "fc2"}


def _part(layer: str) -> str:
    """Returns the part of a block that torchvision numbers: a convolution with its BatchNorm, or squeeze-and-excitation."""
    return layer.removesuffix("_bn").partition("/")[0]


def _torchvision_layout(name: str) -> dict[str, str]:
    layout, number = {"features.0.0": "backbone/stem/conv", "features.0.1": "backbone/stem/bn"}, 0
    for number, (path, names) in enumerate(_blocks(name), 1):
        parts = list(dict.fromkeys(map(_part, names)))
        for layer in names:
            leaf = _SQUEEZE.get(layer, int(layer.endswith("bn")))
            layout[f"features.{number}.block.{parts.index(_part(layer))}.{leaf}"] = f"{path}/{layer}"
    return layout | {f"features.{number + 1}.0": "backbone/last/conv", f"features.{number + 1}.1": "backbone/last/bn"}


def _torchvision_config(fields: dict[str, Any]) -> PretrainedConfig:
    resized = 232 if fields["model"].startswith("mobilenet_v3_large") else 256
    return imagenet_config(
        fields,
        crop_fraction=224 / resized,
        source=f"names of torchvision's MobileNetV3; BatchNorm's epsilon 1e-3, its preprocessing (the central 224 of {resized},"
        " bilinear) and the order of the labels are assumed; its BatchNorm momentum, 0.01, is not taken over",
    )


@keymaps.register
def mobilenet_v3() -> Keymap:
    """Howard et al. 2019; not those with a reduced tail. Dilated ones, whose names and shapes are the same, open as plain ones."""
    rules = inverted.path_rules(torch_rules) | linear(r"classifier\.0", _PENULTIMATE) | linear(r"classifier\.3", "head")
    return Keymap(
        "mobilenet_v3",
        rules,
        functools.partial(_infer, family="mobilenet_v3"),
        _torchvision_config,
        ignored=TORCH_IGNORED,
        **numbered_layers.renames({name: _torchvision_layout(name) for name in VARIANTS}),
    )


# timm

_WIDE = ("conv_pw", "bn1", "conv_dw", "bn2", "se.conv_reduce", "se.conv_expand", "conv_pwl", "bn3")
_NARROW = ("", "", "conv_dw", "bn1", "se.conv_reduce", "se.conv_expand", "conv_pw", "bn2")
"""timm's names of `LAYERS` in a block with and without the convolution that widens it."""


def _timm_layout(name: str) -> dict[str, str]:
    layout = {"conv_stem": "backbone/stem/conv", "bn1": "backbone/stem/bn"}
    for path, names in _blocks(name):
        row, _, i = path.rpartition("/block")[2].partition("_")
        leaves = dict(zip(LAYERS, _WIDE if "expand" in names else _NARROW, strict=True))
        layout |= {f"blocks.{int(row) - 1}.{i}.{leaves[layer]}": f"{path}/{layer}" for layer in names}
    last = f"blocks.{len(VARIANTS[name].rows)}.0"
    return layout | {f"{last}.conv": "backbone/last/conv", f"{last}.bn1": "backbone/last/bn"}


def _timm_rules() -> Rules:
    return {
        **inverted.path_rules(torch_rules),
        r"conv_head\.weight": (f"params/{_PENULTIMATE}/kernel", POINTWISE),
        r"conv_head\.bias": (f"params/{_PENULTIMATE}/bias", IDENTITY),
        **linear("classifier", "head"),
    }


def _timm_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        interpolation="bicubic",
        source="names of timm's mobilenetv3; symmetric padding and BatchNorm's epsilon 1e-5 are assumed, of the same names TensorFlow's"
        " padding and 1e-3 where a config.json calls them tf_mobilenetv3; so are the central 224 of 256, bicubic, ImageNet's mean and"
        " deviation and the order of the labels",
    )


def _to_timm_config(config: PretrainedConfig, _: Shapes) -> dict[str, dict[str, Any]]:
    name = registry.parse(config.model)[0]
    return to_timm_config(config, name.replace("_v3", "v3") + "_{width:03}")


@keymaps.register
def mobilenet_v3_timm() -> Keymap:
    """Howard et al. 2019; not the minimal ones, nor ``mobilenetv3_rw``."""
    return Keymap(
        "mobilenet_v3_timm",
        _timm_rules(),
        functools.partial(_infer, family="mobilenet_v3_timm", ratios=True, epsilon=1e-5),
        _timm_config,
        ignored=TORCH_IGNORED,
        apply_hf_config=apply_timm_config,
        to_hf_config=_to_timm_config,
        **numbered_layers.renames({name: _timm_layout(name) for name in VARIANTS}),
    )


# keras.applications, with or without its top

_ENDS = {"stem": "conv", "last": "conv_1"}
"""Our stages of one convolution and its BatchNorm -> its name in Keras 3."""

_KERAS = ("expand", "expand_bn", "depthwise", "depthwise_bn", "squeeze_excite_conv", "squeeze_excite_conv_1", "project", "project_bn")
"""The names of `LAYERS` in Keras 3."""


def _keras_2(name: str) -> str:
    """Spells a name of Keras 3 as Keras 2, and so the published files, do: ``expand_bn`` as ``expand/BatchNorm``."""
    name = name.replace("squeeze_excite_c", "squeeze_excite/C").replace("_bn", "/BatchNorm")
    return name if name.startswith(_KERAS) or "/C" in name else name[0].upper() + name[1:]


def _keras_layout(name: str, version: int) -> dict[str, str]:
    spell, dash = (_keras_2, "/") if version == 2 else (str, "_")
    layout: dict[str, str] = {}
    for stage, conv in _ENDS.items():
        layout |= {spell(conv): f"backbone/{stage}/conv", spell(f"{conv}_bn"): f"backbone/{stage}/bn"}
    for i, (path, names) in enumerate(_blocks(name)):
        block = f"expanded_conv_{i}{dash}" if i else f"expanded_conv{dash}"
        layout |= {block + spell(leaf): f"{path}/{layer}" for layer, leaf in zip(LAYERS, _KERAS, strict=True) if layer in names}
    return layout


def _keras_rules() -> Rules:
    rules = inverted.path_rules(keras_rules)
    for spell in (str, _keras_2):
        for conv, path in ((spell("conv_2"), _PENULTIMATE), (spell("logits"), "head")):
            kernel = (f"params/{path}/kernel", POINTWISE_HEAD)
            rules |= keras_rules.conv(conv, path, bias=True) | {f"{conv}/kernel": kernel, f"{conv}/0": kernel}
    return rules


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    top = any(name.startswith(("conv_2/", "Conv_2/")) for name in shapes)
    return _infer(shapes, "mobilenet_v3_keras", ratios=True, padding=TENSORFLOW["padding"], penultimate=top)


def _keras_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        "unit",
        source="names of keras.applications.MobileNetV3Large and MobileNetV3Small; TensorFlow's padding, BatchNorm's epsilon 1e-3, the"
        " rescaling to [-1, 1] that is a layer in Keras's model, 224 pixels and the order of ImageNet's labels are assumed; its BatchNorm"
        " momentum, 0.999, is not taken over",
    )


@keymaps.register
def mobilenet_v3_keras() -> Keymap:
    """Howard et al. 2019 as in Keras; not the minimalistic ones, nor those above width 1, whose first layer keeps its width there."""
    layouts = {(name, version): _keras_layout(name, version) for version in (3, 2) for name in VARIANTS}
    return Keymap("mobilenet_v3_keras", _keras_rules(), _infer_keras, _keras_config, **numbered_layers.renames(layouts))
