"""VGG, named as in torchvision and as in timm: one table per depth, because their numbers of layers count through the whole network.

VGG, named as in keras.applications, with or without its top.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.keymap import CONV, IDENTITY, LINEAR, Keymap, Shapes, Transform, keymaps
from tljax.weights.rules import flatten
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.layers import TORCH_IGNORED, Rules, batch_norm, conv, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.alexnet.keymaps import fc_widths
from tljax.zoo.vgg.model import COUNTS, MAP

TOPS = {"torchvision": ("classifier.0", "classifier.3", "classifier.6"), "timm": ("pre_logits.fc1", "pre_logits.fc2", "head.fc")}
"""Publisher -> the names of fc6, fc7 and the head."""


def convolutions(depth: int, norm: bool) -> Iterator[tuple[int, str]]:
    """``(number in features, our stage/conv)``; between two convolutions stand ReLU, BatchNorm if any, and a block's pooling."""
    number = 0
    for stage, count in enumerate(COUNTS[depth], 1):
        for i in range(1, count + 1):
            yield number, f"stage{stage}/conv{i}"
            number += 3 if norm else 2
        number += 1


def _rules(depth: int, norm: bool, publisher: str) -> Rules:
    rules: Rules = {}
    for number, path in convolutions(depth, norm):
        rules |= conv(rf"features\.{number}", f"backbone/{path}", bias=True)
        if norm:
            rules |= batch_norm(rf"features\.{number + 1}", f"backbone/{path}".replace("conv", "bn"))
    fc6, fc7, head = (name.replace(".", r"\.") for name in TOPS[publisher])
    kernels = (CONV, flatten.POINTWISE) if publisher == "timm" else (flatten.nchw(MAP), LINEAR)
    for name, path, kernel in zip((fc6, fc7), ("fc6", "fc7"), kernels, strict=True):
        rules[rf"{name}\.weight"] = (f"params/backbone/{path}/linear/kernel", kernel)
        rules[rf"{name}\.bias"] = (f"params/backbone/{path}/linear/bias", IDENTITY)
    return rules | linear(head, "head")


def _infer(shapes: Shapes, depth: int, norm: bool, publisher: str) -> dict[str, Any]:
    names = [f"features.{number}.weight" for number, _ in convolutions(depth, norm)]
    if missing := [name for name in names if name not in shapes]:
        raise ValueError(f"it has no {', '.join(missing[:5])}")
    stem = shapes[names[0]]
    if len(stem) != 4 or stem[2:] != (3, 3):
        raise ValueError(f"{names[0]} is {stem}, not [width, channels, 3, 3]")
    top = {name: shapes.get(name, ()) for name in (f"{layer}.weight" for layer in TOPS[publisher])}
    fc, name = fc_widths(top, 0), f"vgg{depth}_bn" if norm else f"vgg{depth}"
    return {
        "model": format_call(name, width=stem[0], fc=fc, sliding=publisher == "timm" and bool(fc)),
        "num_classes": (list(top.values())[2] or (0,))[0],
        "in_channels": stem[1],
    }


def _register(depth: int, norm: bool, publisher: str) -> None:
    family = f"vgg{depth}{'_bn' if norm else ''}{'_timm' if publisher == 'timm' else ''}"
    said = f"names of {publisher}'s VGG; its preprocessing (the central 224 of 256, bilinear) and the order of the labels are assumed"

    @keymaps.register(family)
    def build() -> Keymap:
        return Keymap(
            family,
            _rules(depth, norm, publisher),
            lambda shapes: _infer(shapes, depth, norm, publisher),
            lambda fields: imagenet_config(fields, "torch", source=said),
            ignored=TORCH_IGNORED if norm else (),
        )


for _depth in COUNTS:
    for _norm in (False, True):
        for _publisher in TOPS:
            _register(_depth, _norm, _publisher)


DEPTHS = {counts: depth for depth, counts in COUNTS.items()}

LEAVES = (("kernel", "bias"), ("0", "1"), ("{}_W_1", "{}_b_1"))
"""A layer's kernel and bias in Keras 2 and 3, in Keras 3's numbered files, and in the files that Keras 1 published (2016)."""


def _rules_keras() -> Rules:
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


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    counts = tuple(sum(bool(_kernel(shapes, f"block{block}_conv{i}")) for i in range(1, 5)) for block in range(1, 6))
    if counts not in DEPTHS:
        known = ", ".join(f"{list(c)} ({depth} layers)" for c, depth in DEPTHS.items())
        raise ValueError(f"its five blocks have {list(counts)} convolutions, which is none of {known}")
    stem = _kernel(shapes, "block1_conv1")
    if len(stem) != 4 or stem[:2] != (3, 3):
        raise ValueError(f"the kernel of block1_conv1 is {stem}, not [3, 3, channels, width]")
    top = {layer: _kernel(shapes, layer) for layer in ("fc1", "fc2", "predictions")}
    return {
        "model": format_call(f"vgg{DEPTHS[counts]}", width=stem[3], fc=fc_widths(top, -1)),
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
    return Keymap("vgg_keras", _rules_keras(), _infer_keras, lambda fields: imagenet_config(fields, "caffe", source=said))
