"""CIFAR ResNets with parameter-free shortcuts, named as in github.com/akamaster/pytorch_resnet_cifar10."""

import re
from typing import Any

from tljax.weights.config import PretrainedConfig, adapt_channels
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules.layers import TORCH_IGNORED, batch_norm, conv, linear
from tljax.weights.rules.presets import CIFAR10, MEAN, STD

DEPTHS = (20, 32, 44, 56, 110)

_BLOCK, _PATH = r"layer([123])\.(\d+)\.", r"backbone/stage\1/block\2/"

_RULES = {
    **conv("conv1", "backbone/stem/conv"),
    **batch_norm("bn1", "backbone/stem/bn"),
    **conv(_BLOCK + "conv([12])", _PATH + r"conv\3"),
    **batch_norm(_BLOCK + "bn([12])", _PATH + r"bn\3"),
    **linear("linear", "head"),
}


def _infer(shapes: Shapes) -> dict[str, Any]:
    if len(shapes.get("conv1.weight", ())) != 4:
        raise ValueError("it has no 4-dimensional conv1.weight")
    blocks = [{m[1] for name in shapes if (m := re.match(rf"layer{stage}\.(\d+)\.", name))} for stage in (1, 2, 3)]
    counts = [len(found) for found in blocks]
    depth = 6 * counts[0] + 2
    if len(set(counts)) > 1 or depth not in DEPTHS:
        known = ", ".join(f"{(d - 2) // 6} ({d} layers)" for d in DEPTHS)
        raise ValueError(f"its three stages have {counts} blocks, which is none of the depths {known}")
    width, channels = shapes["conv1.weight"][:2]
    return {
        "model": f"resnet{depth}_cifar" + (f"(width={width})" if width != 16 else ""),
        "num_classes": shapes["linear.weight"][0] if "linear.weight" in shapes else 0,
        "in_channels": channels,
    }


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return PretrainedConfig(
        **fields,
        input_size=(32, 32),
        mean=adapt_channels(MEAN, fields["in_channels"]),
        std=adapt_channels(STD, fields["in_channels"]),
        channel_order="L" if fields["in_channels"] == 1 else "RGB",
        labels=CIFAR10 if fields["num_classes"] == len(CIFAR10) else (),
        source="names of github.com/akamaster/pytorch_resnet_cifar10; its CIFAR-10 preprocessing and labels are assumed",
    )


@keymaps.register
def cifar_resnet() -> Keymap:
    """He et al. 2016, section 4.2; option-A shortcuts."""
    return Keymap("cifar_resnet", _RULES, _infer, _config, ignored=TORCH_IGNORED)
