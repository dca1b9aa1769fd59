"""VGG, named as in keras.applications, with or without its top."""

from collections.abc import Sequence
from typing import Any

from tljax.models.vgg import COUNTS, MAP
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, Transform, keymaps
from tljax.weights.keymaps.alexnet import fc_widths
from tljax.weights.rules import expression, flatten
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.layers import Rules
from tljax.weights.rules.presets import imagenet_config

DEPTHS = {counts: depth for depth, counts in COUNTS.items()}

LEAVES = (("kernel", "bias"), ("0", "1"), ("{}_W_1", "{}_b_1"))
"""A layer's kernel and bias in Keras 2 and 3, in Keras 3's numbered files, and in the files that Keras 1 published (2016)."""


def _rules() -> Rules:
    rules = keras_rules.conv(r"block([1-5])_conv([1-4])", r"backbone/stage\1/conv\2", bias=True)
    rules |= _layer("fc1", "backbone/fc6/linear", flatten.nhwc(MAP))
    rules |= _layer("fc2", "backbone/fc7/linear", IDENTITY)
    rules |= _layer("predictions", "head", IDENTITY)
    for block in range(1, 6):
        for i in range(1, 5):
            rules |= _layer(f"block{block}_conv{i}", f"backbone/stage{block}/conv{i}", IDENTITY, LEAVES[2:])
    return rules


def _layer(layer: str, path: str, transform: Transform, leaves: Sequence[tuple[str, str]] = LEAVES) -> Rules:
    rules: Rules = {}
    for kernel, bias in leaves:
        rules[f"{layer}/{kernel.format(layer)}"] = (f"params/{path}/kernel", transform)
        rules[f"{layer}/{bias.format(layer)}"] = (f"params/{path}/bias", IDENTITY)
    return rules


def _kernel(shapes: Shapes, layer: str) -> tuple[int, ...]:
    return next((shapes[name] for kernel, _ in LEAVES if (name := f"{layer}/{kernel.format(layer)}") in shapes), ())


def _infer(shapes: Shapes) -> dict[str, Any]:
    counts = tuple(sum(bool(_kernel(shapes, f"block{block}_conv{i}")) for i in range(1, 5)) for block in range(1, 6))
    if counts not in DEPTHS:
        known = ", ".join(f"{list(c)} ({depth} layers)" for c, depth in DEPTHS.items())
        raise ValueError(f"its five blocks have {list(counts)} convolutions, which is none of {known}")
    stem = _kernel(shapes, "block1_conv1")
    if len(stem) != 4 or stem[:2] != (3, 3):
        raise ValueError(f"the kernel of block1_conv1 is {stem}, not [3, 3, channels, width]")
    top = {layer: _kernel(shapes, layer) for layer in ("fc1", "fc2", "predictions")}
    return {
        "model": expression.of(f"vgg{DEPTHS[counts]}", width=stem[3], fc=fc_widths(top, -1)),
        "num_classes": (top["predictions"] or (0,))[-1],
        "in_channels": stem[2],
    }


@keymaps.register
def vgg_keras() -> Keymap:
    """keras.applications.VGG16 and VGG19: the weights of the paper's authors, which want BGR."""
    said = (
        "names of keras.applications.VGG16 and VGG19; its preprocessing (BGR from 0 to 255 minus ImageNet's mean), the central 224 of 256"
        " (bilinear) and the order of the labels are assumed"
    )
    return Keymap("vgg_keras", _rules(), _infer, lambda fields: imagenet_config(fields, "caffe", source=said))
