"""Key tables of ConvNeXt: names of torchvision, timm, the original and Hugging Face, which call the same layers otherwise."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tljax import registry
from tljax.weights.calls import call_arguments, format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, Transform, keymaps
from tljax.weights.metadata import hf_config
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.convnext.model import SIZES

_SCALE = Transform("[D, 1, 1] -> [D]", 3, lambda a: a[:, 0, 0], lambda a: a[:, None, None])

_LEAVES = ("depthwise", "norm", "fc1", "fc2", "scale")


@dataclass(frozen=True)
class _Names:
    """A publisher's names of the layers; in `stage` and `downsample` ``{i}`` stands for the stage's number in the file.

    Attributes:
      stem: the first convolution and its LayerNorm.
      stage: before a block's number.
      downsample: before the number of the LayerNorm (0) and of the convolution (1).
      numbers: our stage -> ``{i}`` in `stage`, ``{i}`` in `downsample`.
      block: our names of a block's layers, `_LEAVES` -> the publisher's.
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


def _rules(names: _Names) -> Rules:
    """Builds the key table of a publisher."""
    table = {
        **conv(re.escape(names.stem[0]), "backbone/stem/conv", bias=True),
        **layer_norm(re.escape(names.stem[1]), "backbone/stem/norm"),
        **layer_norm(re.escape(names.norm), "backbone/norm"),
        **linear(re.escape(names.head), "head"),
    }
    for stage, (own, between) in names.numbers.items():
        block, down = re.escape(names.stage.format(i=own)) + r"\.(\d+)\.", re.escape(names.downsample.format(i=between))
        path, leaves = rf"backbone/stage{stage}/block\1", {ours: block + re.escape(theirs) for ours, theirs in names.block.items()}
        table |= conv(leaves["depthwise"], f"{path}/depthwise", bias=True) | layer_norm(leaves["norm"], f"{path}/norm")
        table |= linear(leaves["fc1"], f"{path}/fc1") | linear(leaves["fc2"], f"{path}/fc2")
        table |= {leaves["scale"]: (f"params/{path}/scale", names.scale)}
        if stage > 1:
            table |= layer_norm(rf"{down}\.0", f"backbone/stage{stage}/downsample_norm")
            table |= conv(rf"{down}\.1", f"backbone/stage{stage}/downsample", bias=True)
    return table


def _infer(names: _Names, shapes: Shapes) -> dict[str, Any]:
    """Infers the architecture (`Keymap.infer`).

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


def _leaves(*theirs: str) -> dict[str, str]:
    return dict(zip(_LEAVES, theirs, strict=True))


# the publishers' names

_TORCHVISION = _Names(
    stem=("features.0.0", "features.0.1"),
    stage="features.{i}",
    downsample="features.{i}",
    numbers={stage: (2 * stage - 1, 2 * stage - 2) for stage in (1, 2, 3, 4)},
    block=_leaves("block.0", "block.2", "block.3", "block.5", "layer_scale"),
    norm="classifier.0",
    head="classifier.2",
    scale=_SCALE,
)
_FROM_0 = {stage: (stage - 1, stage - 1) for stage in (1, 2, 3, 4)}
_TIMM = _Names(
    stem=("stem.0", "stem.1"),
    stage="stages.{i}.blocks",
    downsample="stages.{i}.downsample",
    numbers=_FROM_0,
    block=_leaves("conv_dw", "norm", "mlp.fc1", "mlp.fc2", "gamma"),
    norm="head.norm",
    head="head.fc",
)
_ORIGINAL = _Names(
    stem=("downsample_layers.0.0", "downsample_layers.0.1"),
    stage="stages.{i}",
    downsample="downsample_layers.{i}",
    numbers=_FROM_0,
    block=_leaves("dwconv", "norm", "pwconv1", "pwconv2", "gamma"),
    norm="norm",
    head="head",
)
_HUGGING_FACE = _Names(
    stem=("convnext.embeddings.patch_embeddings", "convnext.embeddings.layernorm"),
    stage="convnext.encoder.stages.{i}.layers",
    downsample="convnext.encoder.stages.{i}.downsampling_layer",
    numbers=_FROM_0,
    block=_leaves("dwconv", "layernorm", "pwconv1", "pwconv2", "layer_scale_parameter"),
    norm="convnext.layernorm",
    head="classifier",
)

_RESIZED = {"convnext_tiny": 236, "convnext_small": 230, "convnext_base": 232, "convnext_large": 232}
"""The shorter side of the images whose central 224 pixels torchvision's models take."""


def _torchvision_config(fields: dict[str, Any]) -> PretrainedConfig:
    source = "names of torchvision's ConvNeXt; its preprocessing (the central 224 of {}, bilinear) and the order of the labels are assumed"
    side = _RESIZED[registry.parse(fields["model"])[0]]
    return imagenet_config(fields, crop_fraction=224 / side, source=source.format(side))


def _config(fields: dict[str, Any], names: str) -> PretrainedConfig:
    source = f"names of {names} ConvNeXt; its preprocessing (the central 224 of 256, bicubic) and the order of the labels are assumed"
    return imagenet_config(fields, interpolation="bicubic", source=source)


@keymaps.register
def convnext() -> Keymap:
    """Liu et al. 2022."""
    return Keymap("convnext", _rules(_TORCHVISION), functools.partial(_infer, _TORCHVISION), _torchvision_config)


@keymaps.register
def convnext_timm() -> Keymap:
    """Liu et al. 2022; not the variants whose MLPs are stored as 1x1 convolutions."""
    return Keymap("convnext_timm", _rules(_TIMM), functools.partial(_infer, _TIMM), lambda fields: _config(fields, "timm's"))


@keymaps.register
def convnext_original() -> Keymap:
    """Liu et al. 2022, github.com/facebookresearch/ConvNeXt."""
    return Keymap(
        "convnext_original", _rules(_ORIGINAL), functools.partial(_infer, _ORIGINAL), lambda fields: _config(fields, "the original")
    )


def _to_hf_config(config: PretrainedConfig, shapes: Shapes) -> hf_config.Files:
    arguments = call_arguments(config.model)
    content = {"model_type": "convnext", "patch_size": 4, "hidden_act": "gelu", "image_size": min(config.input_size)}
    sizes = {"depths": list(arguments["depths"]), "hidden_sizes": [arguments["width"] << i for i in range(len(arguments["depths"]))]}
    return hf_config.classifier_files(config, "ConvNext", content | sizes)


@keymaps.register
def convnext_hf() -> Keymap:
    """Liu et al. 2022; its last LayerNorm has an eps of 1e-12, here as the others 1e-6: without effect on features of this size."""
    config = functools.partial(_config, names="Hugging Face's")
    return Keymap("convnext_hf", _rules(_HUGGING_FACE), functools.partial(_infer, _HUGGING_FACE), config, to_hf_config=_to_hf_config)
