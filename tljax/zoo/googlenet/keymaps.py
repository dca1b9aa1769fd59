"""GoogLeNet, named as in torchvision."""

from typing import Any

from tljax.models.layers.branches import Conv, Part
from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules.branches import sequential, spots, torch_rules, width
from tljax.weights.rules.layers import TORCH_IGNORED, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.googlenet.model import STAGES


def _names(_: str, name: str, part: Part) -> list[str]:
    if isinstance(part, Conv):
        return [name]
    return [f"{name.replace('mixed', 'inception')}.{inner}" for inner in sequential(part, 1)]


SPOTS = spots(STAGES, _names)


def _infer(shapes: Shapes) -> dict[str, Any]:
    return {
        "model": format_call("googlenet", width=width(SPOTS, shapes, True, "GoogLeNet")),
        "num_classes": (shapes.get("fc.weight") or (0,))[0],
        "in_channels": shapes["conv1.conv.weight"][1],
    }


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    source = (
        "names of torchvision's GoogLeNet; its preprocessing (inputs in [-1, 1], which its `transform_input` makes of others; the central "
        "224 of 256, bilinear) and the order of ImageNet's labels are assumed"
    )
    return imagenet_config(fields, "unit", source=source)


@keymaps.register
def googlenet() -> Keymap:
    """The auxiliary classifiers ``aux1``, ``aux2`` are ignored: they served training only, and in torchvision's file they are untrained."""
    rules = torch_rules(SPOTS) | linear("fc", "head")
    return Keymap("googlenet", rules, _infer, _config, ignored=(*TORCH_IGNORED, r"aux[12]\..*"))
