"""Key tables of SqueezeNet: names of torchvision and of keras-squeezenet."""

from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules import numbered_layers
from tljax.weights.rules.layers import Rules, conv
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.squeezenet.model import VERSIONS

_PARTS = ("squeeze", "expand1x1", "expand3x3")

# torchvision: the two versions have their fire modules at other numbers


def _layout(version: str) -> dict[str, str]:
    """Lists the layers; before the fire modules stand a convolution, its ReLU and its pooling, behind each stage stands a pooling."""
    layout, number = {"features.0": "backbone/stem/conv"}, 3
    for stage, fires in enumerate(VERSIONS[version][2], 1):
        for fire in fires:
            layout |= {f"features.{number}.{part}": f"backbone/stage{stage}/fire{fire}/{part}" for part in _PARTS}
            number += 1
        number += 1
    return layout


_LAYOUTS = {version: _layout(version) for version in VERSIONS}

_RULES: Rules = {
    **conv("backbone/stem/conv", "backbone/stem/conv", bias=True),
    **conv(r"backbone/stage(\d)/fire(\d)/(squeeze|expand1x1|expand3x3)", r"backbone/stage\1/fire\2/\3", bias=True),
    **conv(r"classifier\.1", "head/conv", bias=True),
}


def _infer(shapes: Shapes) -> dict[str, Any]:
    version = numbered_layers.nearest(_LAYOUTS, shapes) or "1.1"
    stem, size = shapes.get("features.0.weight", ()), VERSIONS[version][0]
    if len(stem) != 4 or stem[2:] != (size, size):
        raise ValueError(f"features.0.weight is {stem or 'absent'}, not [width, channels, {size}, {size}] of SqueezeNet {version}")
    squeezes = [f"{layer}.weight" for layer in _LAYOUTS[version] if layer.endswith(".squeeze")]
    if missing := [name for name in squeezes if len(shapes.get(name, ())) != 4]:
        raise ValueError(f"it has no 4-dimensional {', '.join(missing[:5])} of SqueezeNet {version}")
    classes = (shapes.get("classifier.1.weight") or (0,))[0]
    return {
        "model": format_call("squeezenet", version=version, width=shapes[squeezes[0]][0]),
        "num_classes": classes,
        "in_channels": stem[1],
    } | ({"head": "maps"} if classes else {})


@keymaps.register
def squeezenet() -> Keymap:
    """Iandola et al. 2016 in torchvision: SqueezeNet 1.0 and 1.1."""
    source = (
        "names of torchvision's SqueezeNet; its preprocessing (the central 224 of 256, bilinear) and the order of the labels are assumed"
    )
    return Keymap(
        "squeezenet",
        _RULES,
        _infer,
        lambda fields: imagenet_config(fields, "torch", source=source),
        **numbered_layers.renames(_LAYOUTS),
    )


# keras-squeezenet: SqueezeNet 1.1, with or without its top

_FIRES = {fire: f"stage{stage}/fire{fire}" for stage, fires in enumerate(VERSIONS["1.1"][2], 1) for fire in fires}


def _keras_layers() -> dict[str, str]:
    """Returns layer -> our path, in the order in which the layers were built."""
    layers = {"conv1": "backbone/stem/conv"}
    for fire, path in _FIRES.items():
        layers |= {f"fire{fire}/{'squeeze1x1' if part == 'squeeze' else part}": f"backbone/{path}/{part}" for part in _PARTS}
    return layers | {"conv10": "head/conv"}


def _keras_rules() -> Rules:
    rules: Rules = {}
    for number, (layer, path) in enumerate(_keras_layers().items(), 1):
        rules |= keras_rules.conv(layer, path, bias=True)
        # files of Keras 1 name a kernel by its number among the drawn ones, and a bias by its layer
        rules[f"{layer}/uniform{number}"] = (f"params/{path}/kernel", IDENTITY)
        rules[f"{layer}/{layer}_b"] = (f"params/{path}/bias", IDENTITY)
    return rules


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    kernels = {}
    for number, layer in enumerate(_keras_layers(), 1):
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
    """SqueezeNet 1.1 of github.com/rcmalli/keras-squeezenet: the authors' Caffe weights, for BGR images.

    Caffe rounds the sizes of max-pooled maps up, Keras down.
    """
    source = (
        "names of github.com/rcmalli/keras-squeezenet; its preprocessing (BGR from 0 to 255 minus ImageNet's mean, the whole image at 227 "
        "pixels) and the order of the labels are assumed"
    )
    more = {"input_size": (227, 227), "crop_fraction": 1.0, "source": source}
    return Keymap("squeezenet_keras", _keras_rules(), _infer_keras, lambda fields: imagenet_config(fields, "caffe", **more))
