"""SqueezeNet, named as in torchvision: one table per version, because its numbers count through the whole network."""

from collections.abc import Iterator
from typing import Any

from tljax.models.squeezenet import VERSIONS
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules import expression
from tljax.weights.rules.layers import Rules, conv
from tljax.weights.rules.presets import imagenet_config


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
        "model": expression.of("squeezenet", version=version, width=shapes[squeezes[0]][0]),
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
