"""The key table of AlexNet: names of torchvision."""

from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.rules import flatten
from tljax.weights.rules.fully_connected import fc_widths
from tljax.weights.rules.layers import Rules, conv, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.alexnet.model import MAP

_CONVS = {0: "stage1/conv1", 3: "stage2/conv2", 6: "stage3/conv3", 8: "stage3/conv4", 10: "stage3/conv5"}
"""Number in ``features`` -> our path."""

_RULES: Rules = {
    **{name: rule for i, path in _CONVS.items() for name, rule in conv(rf"features\.{i}", f"backbone/{path}", bias=True).items()},
    r"classifier\.1\.weight": ("params/backbone/fc6/linear/kernel", flatten.nchw(MAP)),
    r"classifier\.1\.bias": ("params/backbone/fc6/linear/bias", IDENTITY),
    **linear(r"classifier\.4", "backbone/fc7/linear"),
    **linear(r"classifier\.6", "head"),
}


def _infer(shapes: Shapes) -> dict[str, Any]:
    stem = shapes.get("features.0.weight", ())
    if len(stem) != 4 or stem[2:] != (11, 11):
        raise ValueError(f"features.0.weight is {stem or 'absent'}, not [width, channels, 11, 11]")
    if missing := [name for i in _CONVS if (name := f"features.{i}.weight") not in shapes]:
        raise ValueError(f"it has no {', '.join(missing)}")
    top = {name: shapes.get(name, ()) for name in (f"classifier.{i}.weight" for i in (1, 4, 6))}
    return {
        "model": format_call("alexnet", width=stem[0], fc=fc_widths(top, 0)),
        "num_classes": (top["classifier.6.weight"] or (0,))[0],
        "in_channels": stem[1],
    }


@keymaps.register
def alexnet() -> Keymap:
    """Krizhevsky 2014 as torchvision builds it: no local response normalization, one column."""
    source = "names of torchvision's AlexNet; its preprocessing (the central 224 of 256, bilinear) and the order of the labels are assumed"
    return Keymap("alexnet", _RULES, _infer, lambda fields: imagenet_config(fields, "torch", source=source))
