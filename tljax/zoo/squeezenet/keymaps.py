"""SqueezeNet, named as in torchvision: one table per version, because its numbers count through the whole network.

SqueezeNet 1.1, named as in github.com/rcmalli/keras-squeezenet, with or without its top.
"""

from collections.abc import Iterator
from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.layers import Rules, conv
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.squeezenet.model import VERSIONS


def fires(version: str) -> Iterator[tuple[int, str]]:
    """``(number in features, our stage/fire)``; before them stand the first convolution, its ReLU and its pooling."""
    number = 3
    for stage, members in enumerate(VERSIONS[version][2], 1):
        for fire in members:
            yield number, f"stage{stage}/fire{fire}"
            number += 1
        number += 1


def _rules(version: str) -> Rules:
    rules = conv(r"features\.0", "backbone/stem/conv", bias=True)
    for number, path in fires(version):
        rules |= conv(rf"features\.{number}\.(squeeze|expand1x1|expand3x3)", rf"backbone/{path}/\1", bias=True)
    return rules | conv(r"classifier\.1", "head/conv", bias=True)


def _infer(shapes: Shapes, version: str) -> dict[str, Any]:
    stem, size = shapes.get("features.0.weight", ()), VERSIONS[version][0]
    if len(stem) != 4 or stem[2:] != (size, size):
        raise ValueError(f"features.0.weight is {stem or 'absent'}, not [width, channels, {size}, {size}] of SqueezeNet {version}")
    squeezes = [f"features.{number}.squeeze.weight" for number, _ in fires(version)]
    if missing := [name for name in squeezes if len(shapes.get(name, ())) != 4]:
        raise ValueError(f"it has no 4-dimensional {', '.join(missing[:5])} of SqueezeNet {version}")
    classes = (shapes.get("classifier.1.weight") or (0,))[0]
    return {
        "model": format_call("squeezenet", version=version, width=shapes[squeezes[0]][0]),
        "num_classes": classes,
        "in_channels": stem[1],
    } | ({"head": "maps"} if classes else {})


def _register(version: str) -> None:
    family = f"squeezenet{version.replace('.', '_')}"
    said = "names of torchvision's SqueezeNet; its preprocessing (the central 224 of 256, bilinear) and the order of the labels are assumed"

    @keymaps.register(family)
    def build() -> Keymap:
        return Keymap(
            family, _rules(version), lambda shapes: _infer(shapes, version), lambda fields: imagenet_config(fields, "torch", source=said)
        )


for _version in VERSIONS:
    _register(_version)


PLACES = {fire: f"stage{stage}/fire{fire}" for stage, fires in enumerate(VERSIONS["1.1"][2], 1) for fire in fires}
PARTS = ("squeeze", "expand1x1", "expand3x3")


def _layers() -> dict[str, str]:
    """Their layer -> our path, in the order in which the layers were made."""
    layers = {"conv1": "backbone/stem/conv"}
    for fire, path in PLACES.items():
        layers |= {f"fire{fire}/{'squeeze1x1' if part == 'squeeze' else part}": f"backbone/{path}/{part}" for part in PARTS}
    return layers | {"conv10": "head/conv"}


def _rules_keras() -> Rules:
    rules: Rules = {}
    for number, (layer, path) in enumerate(_layers().items(), 1):
        rules |= keras_rules.conv(layer, path, bias=True)
        # the files of Keras 1 name a kernel by the how manieth drawn one it was, and a bias by its layer
        rules[f"{layer}/uniform{number}"] = (f"params/{path}/kernel", IDENTITY)
        rules[f"{layer}/{layer}_b"] = (f"params/{path}/bias", IDENTITY)
    return rules


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    kernels = {}
    for number, layer in enumerate(_layers(), 1):
        leaves = (f"{layer}/{leaf}" for leaf in ("kernel", "0", f"uniform{number}"))
        kernels[layer] = next((shapes[name] for name in leaves if name in shapes), ())
    if missing := [layer for layer, shape in kernels.items() if len(shape) != 4 and layer != "conv10"]:
        raise ValueError(f"it has no 4-dimensional kernel of {', '.join(missing[:5])}")
    if kernels["conv1"][:2] != (3, 3):
        raise ValueError(f"its first convolution is {kernels['conv1'][0]}x{kernels['conv1'][1]}, not 3x3 as in SqueezeNet 1.1")
    classes = (kernels["conv10"] or (0,))[-1]
    return {
        "model": format_call("squeezenet", width=kernels["fire2/squeeze1x1"][3], ceil_mode=False),
        "num_classes": classes,
        "in_channels": kernels["conv1"][2],
    } | ({"head": "maps"} if classes else {})


@keymaps.register
def squeezenet_keras() -> Keymap:
    """The Caffe authors' weights, for BGR; unlike Caffe, Keras rounds the sizes of maxima down."""
    said = (
        "names of github.com/rcmalli/keras-squeezenet; its preprocessing (BGR from 0 to 255 minus ImageNet's mean, the whole image at 227 "
        "pixels) and the order of the labels are assumed"
    )
    more = {"input_size": (227, 227), "crop_fraction": 1.0, "source": said}
    return Keymap("squeezenet_keras", _rules_keras(), _infer_keras, lambda fields: imagenet_config(fields, "caffe", **more))
