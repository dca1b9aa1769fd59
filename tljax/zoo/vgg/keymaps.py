"""Key tables of VGG: names of torchvision, timm and keras.applications."""

from collections.abc import Iterator, Sequence
from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.keymap import CONV, IDENTITY, LINEAR, Keymap, Shapes, Transform, keymaps
from tljax.weights.rules import flatten, numbered_layers
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.fully_connected import fc_widths
from tljax.weights.rules.layers import TORCH_IGNORED, Rules, batch_norm, conv, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.vgg.model import COUNTS, MAP

# torchvision and timm: the same numbered convolutions below other names of the fully connected layers


def _convolutions(depth: int, norm: bool) -> Iterator[tuple[int, str]]:
    """Yields ``(number in features, our path)``; ReLU, BatchNorm if any, and a block's pooling are numbered too."""
    number = 0
    for stage, count in enumerate(COUNTS[depth], 1):
        for i in range(1, count + 1):
            yield number, f"backbone/stage{stage}/conv{i}"
            number += 3 if norm else 2
        number += 1


def _layout(depth: int, norm: bool) -> dict[str, str]:
    layout = {}
    for number, path in _convolutions(depth, norm):
        layout[f"features.{number}"] = path
        if norm:
            layout[f"features.{number + 1}"] = path.replace("conv", "bn")
    return layout


_LAYOUTS = {(depth, norm): _layout(depth, norm) for depth in COUNTS for norm in (False, True)}

_TOPS = {"torchvision": ("classifier.0", "classifier.3", "classifier.6"), "timm": ("pre_logits.fc1", "pre_logits.fc2", "head.fc")}
"""Publisher -> the names of fc6, fc7 and the head."""


def _rules(publisher: str) -> Rules:
    rules = conv(r"backbone/stage([1-5])/conv([1-4])", r"backbone/stage\1/conv\2", bias=True)
    rules |= batch_norm(r"backbone/stage([1-5])/bn([1-4])", r"backbone/stage\1/bn\2")
    fc6, fc7, head = (name.replace(".", r"\.") for name in _TOPS[publisher])
    kernels = (CONV, flatten.POINTWISE) if publisher == "timm" else (flatten.nchw(MAP), LINEAR)
    for name, path, kernel in zip((fc6, fc7), ("fc6", "fc7"), kernels, strict=True):
        rules[rf"{name}\.weight"] = (f"params/backbone/{path}/linear/kernel", kernel)
        rules[rf"{name}\.bias"] = (f"params/backbone/{path}/linear/bias", IDENTITY)
    return rules | linear(head, "head")


def _infer(shapes: Shapes, publisher: str) -> dict[str, Any]:
    depth, norm = numbered_layers.nearest(_LAYOUTS, shapes) or (11, False)
    names = [f"features.{number}.weight" for number, _ in _convolutions(depth, norm)]
    if missing := [name for name in names if name not in shapes]:
        raise ValueError(f"it has no {', '.join(missing[:5])}")
    stem = shapes[names[0]]
    if len(stem) != 4 or stem[2:] != (3, 3):
        raise ValueError(f"{names[0]} is {stem}, not [width, channels, 3, 3]")
    top = {name: shapes.get(name, ()) for name in (f"{layer}.weight" for layer in _TOPS[publisher])}
    fc = fc_widths(top, 0)
    return {
        "model": format_call(f"vgg{depth}{'_bn' if norm else ''}", width=stem[0], fc=fc, sliding=publisher == "timm" and bool(fc)),
        "num_classes": (list(top.values())[2] or (0,))[0],
        "in_channels": stem[1],
    }


def _keymap(family: str, publisher: str) -> Keymap:
    source = f"names of {publisher}'s VGG; its preprocessing (the central 224 of 256, bilinear) and the order of the labels are assumed"
    return Keymap(
        family,
        _rules(publisher),
        lambda shapes: _infer(shapes, publisher),
        lambda fields: imagenet_config(fields, "torch", source=source),
        ignored=TORCH_IGNORED,
        **numbered_layers.renames(_LAYOUTS),
    )


@keymaps.register
def vgg() -> Keymap:
    """Simonyan and Zisserman 2015 in torchvision: VGG-11, 13, 16 and 19, with or without BatchNorm."""
    return _keymap("vgg", "torchvision")


@keymaps.register
def vgg_timm() -> Keymap:
    """Simonyan and Zisserman 2015 in timm, whose fully connected layers are convolutions."""
    return _keymap("vgg_timm", "timm")


# keras.applications, with or without its top

_DEPTHS = {counts: depth for depth, counts in COUNTS.items()}

_LEAVES = (("kernel", "bias"), ("0", "1"), ("{}_W_1", "{}_b_1"))
"""A layer's kernel and bias in Keras 2 and 3, in Keras 3's numbered files, and in the files that Keras 1 published (2016)."""


def _keras_rules() -> Rules:
    rules = keras_rules.conv(r"block([1-5])_conv([1-4])", r"backbone/stage\1/conv\2", bias=True)
    rules |= _keras_layer("fc1", "backbone/fc6/linear", flatten.nhwc(MAP))
    rules |= _keras_layer("fc2", "backbone/fc7/linear", IDENTITY)
    rules |= _keras_layer("predictions", "head", IDENTITY)
    for block in range(1, 6):
        for i in range(1, 5):
            rules |= _keras_layer(f"block{block}_conv{i}", f"backbone/stage{block}/conv{i}", IDENTITY, _LEAVES[2:])
    return rules


def _keras_layer(layer: str, path: str, transform: Transform, leaves: Sequence[tuple[str, str]] = _LEAVES) -> Rules:
    rules: Rules = {}
    for kernel, bias in leaves:
        rules[f"{layer}/{kernel.format(layer)}"] = (f"params/{path}/kernel", transform)
        rules[f"{layer}/{bias.format(layer)}"] = (f"params/{path}/bias", IDENTITY)
    return rules


def _keras_kernel(shapes: Shapes, layer: str) -> tuple[int, ...]:
    return next((shapes[name] for kernel, _ in _LEAVES if (name := f"{layer}/{kernel.format(layer)}") in shapes), ())


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    counts = tuple(sum(bool(_keras_kernel(shapes, f"block{block}_conv{i}")) for i in range(1, 5)) for block in range(1, 6))
    if counts not in _DEPTHS:
        depths = ", ".join(f"{list(c)} ({depth} layers)" for c, depth in _DEPTHS.items())
        raise ValueError(f"its five blocks have {list(counts)} convolutions, which is none of {depths}")
    stem = _keras_kernel(shapes, "block1_conv1")
    if len(stem) != 4 or stem[:2] != (3, 3):
        raise ValueError(f"the kernel of block1_conv1 is {stem}, not [3, 3, channels, width]")
    top = {layer: _keras_kernel(shapes, layer) for layer in ("fc1", "fc2", "predictions")}
    return {
        "model": format_call(f"vgg{_DEPTHS[counts]}", width=stem[3], fc=fc_widths(top, -1)),
        "num_classes": (top["predictions"] or (0,))[-1],
        "in_channels": stem[2],
    }


@keymaps.register
def vgg_keras() -> Keymap:
    """keras.applications.VGG16 and VGG19: the weights of the paper's authors, for BGR images."""
    source = (
        "names of keras.applications.VGG16 and VGG19; its preprocessing (BGR from 0 to 255 minus ImageNet's mean), the central 224 of 256"
        " (bilinear) and the order of the labels are assumed"
    )
    return Keymap("vgg_keras", _keras_rules(), _infer_keras, lambda fields: imagenet_config(fields, "caffe", source=source))
