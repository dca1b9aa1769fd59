"""What the key tables of ConvNeXt share: they differ in the names of the same layers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.keymap import IDENTITY, Shapes, Transform
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear
from tljax.zoo.convnext.model import SIZES

SCALE = Transform("[D, 1, 1] -> [D]", 3, lambda a: a[:, 0, 0], lambda a: a[:, None, None])

LEAVES = ("depthwise", "norm", "fc1", "fc2", "scale")


@dataclass(frozen=True)
class Names:
    r"""How a publisher calls the layers; in `stage` and `downsample` ``{i}`` stands for what `numbers` says of the stage.

    Attributes:
      stem: the first convolution and its LayerNorm.
      stage: before a block's number.
      downsample: before the number of the LayerNorm (0) and of the convolution (1).
      numbers: stage 1 to 4 -> (``{i}`` in `stage`, ``{i}`` in `downsample`).
      block: our names of a block's layers, see `LEAVES` -> those behind the block's number.
      norm: the last LayerNorm.
      head: the classifier.
      scale: the layout of layer scale.
    """

    stem: tuple[str, str]
    stage: str
    downsample: str
    numbers: Mapping[int, tuple[int, int]]
    block: Mapping[str, str]
    norm: str
    head: str
    scale: Transform = IDENTITY


def rules(names: Names) -> Rules:
    """A key table."""
    found = {
        **conv(re.escape(names.stem[0]), "backbone/stem/conv", bias=True),
        **layer_norm(re.escape(names.stem[1]), "backbone/stem/norm"),
        **layer_norm(re.escape(names.norm), "backbone/norm"),
        **linear(re.escape(names.head), "head"),
    }
    for stage, (own, between) in names.numbers.items():
        block, down = re.escape(names.stage.format(i=own)) + r"\.(\d+)\.", re.escape(names.downsample.format(i=between))
        path, leaves = rf"backbone/stage{stage}/block\1", {ours: block + re.escape(theirs) for ours, theirs in names.block.items()}
        found |= conv(leaves["depthwise"], f"{path}/depthwise", bias=True) | layer_norm(leaves["norm"], f"{path}/norm")
        found |= linear(leaves["fc1"], f"{path}/fc1") | linear(leaves["fc2"], f"{path}/fc2")
        found |= {leaves["scale"]: (f"params/{path}/scale", names.scale)}
        if stage > 1:
            found |= layer_norm(rf"{down}\.0", f"backbone/stage{stage}/downsample_norm")
            found |= conv(rf"{down}\.1", f"backbone/stage{stage}/downsample", bias=True)
    return found


def infer(names: Names, shapes: Shapes) -> dict[str, Any]:
    """What `Keymap.infer` gives.

    Raises:
      ValueError: another first convolution, stages that do not double in width, MLPs of 1x1 convolutions or of another width.
    """
    kernel = shapes.get(f"{names.stem[0]}.weight", ())
    if len(kernel) != 4 or kernel[2:] != (4, 4):
        raise ValueError(f"{names.stem[0]}.weight is {kernel or 'absent'}, not [width, channels, 4, 4]")
    width, channels = kernel[:2]
    depths = []
    for stage, (own, _) in names.numbers.items():
        prefix = names.stage.format(i=own)
        depths.append(len({m[1] for name in shapes if (m := re.match(rf"{re.escape(prefix)}\.(\d+)\.", name))}))
        inner, wide = f"{prefix}.0.{names.block['fc1']}.weight", width << (stage - 1)
        if shapes.get(inner) != (4 * wide, wide):
            raise ValueError(f"{inner} is {shapes.get(inner, 'absent')}, where a ConvNeXt of width {width} has {(4 * wide, wide)}")
    scaled = f"{names.stage.format(i=names.numbers[1][0])}.0.{names.block['scale']}" in shapes
    name = next((n for n, size in SIZES.items() if size == (width, tuple(depths))), "convnext_tiny")
    return {
        "model": format_call(name, width=width, depths=tuple(depths), **({} if scaled else {"layer_scale": 0.0})),
        "num_classes": (shapes.get(f"{names.head}.weight") or (0,))[0],
        "in_channels": channels,
    }
