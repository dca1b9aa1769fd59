"""DenseNets, named as in torchvision and timm."""

import re
from typing import Any

from tljax.models.densenet import DEPTHS
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules import expression
from tljax.weights.rules.layers import TORCH_IGNORED, Rules, batch_norm, conv, linear
from tljax.weights.rules.presets import imagenet_config

_LAYER, _PATH = r"features\.denseblock(\d)\.denselayer(\d+)\.", r"backbone/stage\1/layer\2/"


def _rules() -> Rules:
    rules = conv(r"features\.conv0", "backbone/stem/conv") | batch_norm(r"features\.norm0", "backbone/stem/norm")
    for dot in ("", r"\."):  # torchvision's files of 2017 have norm.1, conv.1: a dot inside what was then a module's name
        rules |= batch_norm(_LAYER + rf"norm{dot}([12])", _PATH + r"norm\3")
        rules |= conv(_LAYER + rf"conv{dot}([12])", _PATH + r"conv\3")
    for i in range(1, 9):  # the transition after block i leads to stage i + 1
        rules |= batch_norm(rf"features\.transition{i}\.norm", f"backbone/stage{i + 1}/transition/norm")
        rules |= conv(rf"features\.transition{i}\.conv", f"backbone/stage{i + 1}/transition/conv")
    return rules | batch_norm(r"features\.norm5", "backbone/norm/norm") | linear("classifier", "head")


def _infer(shapes: Shapes) -> dict[str, Any]:
    stem = shapes.get("features.conv0.weight", ())
    if len(stem) != 4 or stem[2:] != (7, 7):
        raise ValueError(f"its first convolution features.conv0.weight is {stem}, not [width, channels, 7, 7]")
    found = [(int(m[1]), int(m[2])) for name in shapes if (m := re.match(_LAYER, name))]
    first = [re.compile(_LAYER.replace(r"(\d)", "1").replace(r"(\d+)", "1") + rf"conv\.?{i}\.weight") for i in (1, 2)]
    inner, grown = (next((shape[0] for name, shape in shapes.items() if regex.fullmatch(name) and shape), 0) for regex in first)
    return {
        "model": model(layer_counts(found), grown, stem[0], inner),
        "num_classes": (shapes.get("classifier.weight") or (0,))[0],
        "in_channels": stem[1],
    }


def layer_counts(found: list[tuple[int, int]]) -> tuple[int, ...]:
    """Layers of each stage, of (stage, layer) numbers that count from 1. Raises ValueError: a number is left out."""
    counts = tuple(len({layer for of, layer in found if of == stage}) for stage in range(1, 1 + max((s for s, _ in found), default=0)))
    if 0 in counts or not counts or {(s, i) for s, count in enumerate(counts, 1) for i in range(1, count + 1)} != set(found):
        raise ValueError(f"its stages have {list(counts)} dense layers, whose numbers leave some out")
    return counts


def model(layers: tuple[int, ...], growth: int, width: int, inner: int, **more: Any) -> str:
    """The DenseNet's call expression, its first layer having `inner`, then `growth` channels. Raises ValueError: they are no multiple."""
    if growth < 1 or inner < 1 or inner % growth:
        raise ValueError(f"its first dense layer has {inner} and then {growth} channels, which are no multiple of each other")
    depth = next((depth for depth, (counts, _, _) in DEPTHS.items() if counts == layers), 121)
    return expression.of(f"densenet{depth}", layers=layers, growth=growth, width=width, bottleneck=inner // growth, **more)


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        source="names of torchvision and timm; ImageNet preprocessing (the central 224 of 256, bilinear) and the order of the labels are"
        " assumed",
    )


@keymaps.register
def densenet() -> Keymap:
    """Huang et al. 2017; the names inside dense layers with and without a dot (``norm1``, ``norm.1``)."""
    return Keymap("densenet", _rules(), _infer, _config, ignored=TORCH_IGNORED)
