"""ImageNet ResNets, named as in torchvision and timm."""

import re
from typing import Any

from tljax.weights import imagenet
from tljax.weights.config import PretrainedConfig, adapt_channels
from tljax.weights.keymap import CONV, IDENTITY, LINEAR, Keymap, Shapes, Transform, keymaps

BASIC = {(2, 2, 2, 2): 18, (3, 4, 6, 3): 34}
BOTTLENECK = {(3, 4, 6, 3): 50, (3, 4, 23, 3): 101, (3, 8, 36, 3): 152}
"""Blocks of the four stages -> layers."""

_BLOCK, _PATH = r"layer([1234])\.(\d+)\.", r"backbone/stage\1/block\2/"


def _bn(regex: str, path: str) -> dict[str, tuple[str, Transform]]:
    return {
        rf"{regex}\.weight": (f"params/{path}/scale", IDENTITY),
        rf"{regex}\.bias": (f"params/{path}/bias", IDENTITY),
        rf"{regex}\.running_mean": (f"batch_stats/{path}/mean", IDENTITY),
        rf"{regex}\.running_var": (f"batch_stats/{path}/var", IDENTITY),
    }


_RULES = {
    r"conv1\.weight": ("params/backbone/stem/conv/kernel", CONV),
    **_bn("bn1", "backbone/stem/bn"),
    _BLOCK + r"conv([123])\.weight": (f"params/{_PATH}conv\\3/kernel", CONV),
    **_bn(_BLOCK + "bn([123])", _PATH + r"bn\3"),
    _BLOCK + r"downsample\.0\.weight": (f"params/{_PATH}shortcut_conv/kernel", CONV),
    **_bn(_BLOCK + r"downsample\.1", _PATH + "shortcut_bn"),
    r"fc\.weight": ("params/head/kernel", LINEAR),
    r"fc\.bias": ("params/head/bias", IDENTITY),
}


def _infer(shapes: Shapes) -> dict[str, Any]:
    stem = shapes.get("conv1.weight", ())
    if len(stem) != 4:
        raise ValueError("it has no 4-dimensional conv1.weight")
    width, channels = stem[:2]
    depth = _depth(shapes)
    _check_blocks(shapes, width)
    if stem[2:] != (7, 7):
        raise ValueError(f"its first convolution is {stem[2]}x{stem[3]}, not 7x7")
    return {
        "model": f"resnet{depth}" + (f"(width={width})" if width != 64 else ""),
        "num_classes": (shapes.get("fc.weight") or (0,))[0],
        "in_channels": channels,
    }


def _depth(shapes: Shapes) -> int:
    blocks = [{m[1] for name in shapes if (m := re.match(rf"layer{stage}\.(\d+)\.", name))} for stage in (1, 2, 3, 4)]
    counts = tuple(len(found) for found in blocks)
    known, kind = (BOTTLENECK, "bottleneck") if any(re.match(_BLOCK + "conv3", name) for name in shapes) else (BASIC, "basic")
    if counts not in known:
        others = ", ".join(f"{list(c)} ({depth} layers)" for c, depth in known.items())
        raise ValueError(f"its four stages have {list(counts)} {kind} blocks, which is none of the depths {others}")
    return known[counts]


def _check_blocks(shapes: Shapes, width: int) -> None:
    """Refuse wider and grouped relatives: in a ResNet proper the first two convolutions of a block are as wide as its stage."""
    for name, shape in shapes.items():
        match = re.fullmatch(_BLOCK + r"conv([12])\.weight", name)
        if match and len(shape) == 4:
            wanted = width << (int(match[1]) - 1)
            if shape[0] != wanted:
                raise ValueError(f"{name} has {shape[0]} outputs where a ResNet of width {width} has {wanted} (a Wide ResNet or ResNeXt)")
            if match[3] == "2" and shape[1] != wanted:
                raise ValueError(f"{name} has {shape[1]} inputs for {wanted} outputs (a grouped convolution: ResNeXt)")


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return PretrainedConfig(
        **fields,
        input_size=(224, 224),
        mean=adapt_channels((0.485, 0.456, 0.406), fields["in_channels"]),
        std=adapt_channels((0.229, 0.224, 0.225), fields["in_channels"]),
        channel_order="L" if fields["in_channels"] == 1 else "RGB",
        crop_fraction=0.875,
        labels=imagenet.labels() if fields["num_classes"] == len(imagenet.labels()) else (),
        source="names of torchvision and timm; the stride on a bottleneck's 3x3 convolution (v1.5), ImageNet preprocessing (the central "
        "224 of 256, bilinear) and the order of the labels are assumed",
    )


@keymaps.register
def resnet() -> Keymap:
    """He et al. 2016, section 4.1; option-B shortcuts.

    Relatives whose names and shapes are the same open as plain ResNets: v1 (the stride on a bottleneck's first convolution), dilated ones,
    those with blurred pooling.
    """
    return Keymap("resnet", _RULES, _infer, _config, ignored=(r".*\.num_batches_tracked",))
