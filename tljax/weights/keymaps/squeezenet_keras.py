"""SqueezeNet 1.1, named as in github.com/rcmalli/keras-squeezenet, with or without its top."""

from typing import Any

from tljax.models.squeezenet import VERSIONS
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.rules import expression
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.layers import Rules
from tljax.weights.rules.presets import imagenet_config

PLACES = {fire: f"stage{stage}/fire{fire}" for stage, fires in enumerate(VERSIONS["1.1"][2], 1) for fire in fires}
PARTS = ("squeeze", "expand1x1", "expand3x3")


def _layers() -> dict[str, str]:
    """Their layer -> our path, in the order in which the layers were made."""
    layers = {"conv1": "backbone/stem/conv"}
    for fire, path in PLACES.items():
        layers |= {f"fire{fire}/{'squeeze1x1' if part == 'squeeze' else part}": f"backbone/{path}/{part}" for part in PARTS}
    return layers | {"conv10": "head/conv"}


def _rules() -> Rules:
    rules: Rules = {}
    for number, (layer, path) in enumerate(_layers().items(), 1):
        rules |= keras_rules.conv(layer, path, bias=True)
        # the files of Keras 1 name a kernel by the how manieth drawn one it was, and a bias by its layer
        rules[f"{layer}/uniform{number}"] = (f"params/{path}/kernel", IDENTITY)
        rules[f"{layer}/{layer}_b"] = (f"params/{path}/bias", IDENTITY)
    return rules


def _infer(shapes: Shapes) -> dict[str, Any]:
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
        "model": expression.of("squeezenet", width=kernels["fire2/squeeze1x1"][3], ceil_mode=False),
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
    return Keymap("squeezenet_keras", _rules(), _infer, lambda fields: imagenet_config(fields, "caffe", **more))
