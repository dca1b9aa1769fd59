"""Key tables of ImageNet ResNets, ResNeXts and Wide ResNets: names of torchvision, which are timm's, and keras.applications."""

import re
from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules import keras_applications
from tljax.weights.rules.keras import batch_norm as keras_batch_norm
from tljax.weights.rules.keras import conv as keras_conv
from tljax.weights.rules.layers import TORCH_IGNORED, Rules, batch_norm, conv, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.resnet.model import BASIC, BOTTLENECK, DEPTHS, NAMED

# torchvision and timm

_BLOCK, _PATH = r"layer([1234])\.(\d+)\.", r"backbone/stage\1/block\2/"

_TORCH: Rules = {
    **conv("conv1", "backbone/stem/conv"),
    **batch_norm("bn1", "backbone/stem/bn"),
    **conv(_BLOCK + "conv([123])", _PATH + r"conv\3"),
    **batch_norm(_BLOCK + "bn([123])", _PATH + r"bn\3"),
    **conv(_BLOCK + r"downsample\.0", _PATH + "shortcut_conv"),
    **batch_norm(_BLOCK + r"downsample\.1", _PATH + "shortcut_bn"),
    **linear("fc", "head"),
}


def _infer_torch(shapes: Shapes) -> dict[str, Any]:
    stem = shapes.get("conv1.weight", ())
    if len(stem) != 4:
        raise ValueError("it has no 4-dimensional conv1.weight")
    width, channels = stem[:2]
    kind = BOTTLENECK if any(re.match(_BLOCK + "conv3", name) for name in shapes) else BASIC
    blocks = [{m[1] for name in shapes if (m := re.match(rf"layer{stage}\.(\d+)\.", name))} for stage in (1, 2, 3, 4)]
    depth = _depth(kind, tuple(len(found) for found in blocks))
    groups, base_width = _groups(shapes, width) if kind == BOTTLENECK else (1, 64)
    _check_blocks(shapes, kind, width=width, groups=groups, base_width=base_width)
    if stem[2:] != (7, 7):
        raise ValueError(f"its first convolution is {stem[2]}x{stem[3]}, not 7x7")
    return {
        "model": _model(depth, width, groups, base_width),
        "num_classes": (shapes.get("fc.weight") or (0,))[0],
        "in_channels": channels,
    }


def _depth(kind: str, counts: tuple[int, ...]) -> int:
    """The layers of a ResNet with `counts` blocks of a kind in its stages. Raises ValueError: none has them."""
    known = {blocks: depth for depth, (made_of, blocks) in DEPTHS.items() if made_of == kind}
    if counts not in known:
        others = ", ".join(f"{list(c)} ({depth} layers)" for c, depth in known.items())
        raise ValueError(f"its four stages have {list(counts)} {kind} blocks, which is none of the depths {others}")
    return known[counts]


def _model(depth: int, width: int, groups: int = 1, base_width: int = 64, **more: Any) -> str:
    """The model's call expression, by the name in `NAMED` that fits, else as a plain ResNet with other `groups` and `base_width`."""
    names = {variant: name for name, variant in NAMED.items()}
    name = names.get((depth, groups, base_width), f"resnet{depth}")
    return format_call(name, width=width, groups=groups, base_width=base_width, **more)


def _groups(shapes: Shapes, width: int) -> tuple[int, int]:
    """Groups and base width, as the first block's 3x3 convolution tells them."""
    name = "layer1.0.conv2.weight"
    kernel = shapes.get(name, ())
    if len(kernel) != 4 or 0 in kernel or width == 0 or kernel[0] % kernel[1] or kernel[1] * 64 % width:
        raise ValueError(f"{name} is {kernel}: no convolution whose groups are a whole multiple of {width} / 64 channels wide")
    return kernel[0] // kernel[1], kernel[1] * 64 // width


def _check_blocks(shapes: Shapes, kind: str, width: int, groups: int, base_width: int) -> None:
    """Refuse relatives: every block's first two convolutions are as wide as the first block and the stage say."""
    for name, shape in shapes.items():
        match = re.fullmatch(_BLOCK + r"conv([12])\.weight", name)
        if match and len(shape) == 4:
            stage_width = width << (int(match[1]) - 1)
            wanted = stage_width * base_width // 64 * groups
            if shape[0] != wanted:
                raise ValueError(f"{name} has {shape[0]} outputs where its other blocks and width {width} ask for {wanted}")
            inputs = wanted // groups
            if match[3] == "2" and shape[1] != inputs:
                raise ValueError(f"{name} has {shape[1]} inputs a group where {groups} groups for {wanted} outputs ask for {inputs}")


def _torch_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        source="names of torchvision and timm; the stride on a bottleneck's 3x3 convolution (v1.5), ImageNet preprocessing (the central "
        "224 of 256, bilinear) and the order of the labels are assumed",
    )


@keymaps.register
def resnet() -> Keymap:
    """He et al. 2016, section 4.1, option-B shortcuts; Xie et al. 2017; Zagoruyko and Komodakis 2016.

    Relatives whose names and shapes are the same open as plain ResNets: v1 (the stride on a bottleneck's first convolution), dilated ones,
    those with blurred pooling.
    """
    return Keymap("resnet", _TORCH, _infer_torch, _torch_config, ignored=TORCH_IGNORED)


# keras.applications: ResNet50, ResNet101, ResNet152

_MOST_BLOCKS = tuple(map(max, zip(*(counts for kind, counts in DEPTHS.values() if kind == BOTTLENECK), strict=True)))
"""The most blocks that any depth has in its stages."""


def _keras_block(name: str, path: str) -> Rules:
    rules: Rules = {}
    for i, (conv_path, bn_path) in enumerate((("shortcut_conv", "shortcut_bn"), *((f"conv{n}", f"bn{n}") for n in (1, 2, 3)))):
        rules |= keras_conv(f"{name}_{i}_conv", f"{path}/{conv_path}", bias=True) | keras_batch_norm(f"{name}_{i}_bn", f"{path}/{bn_path}")
    return rules


def _keras_rules() -> Rules:
    rules = (
        keras_conv("conv1_conv", "backbone/stem/conv", bias=True)
        | keras_batch_norm("conv1_bn", "backbone/stem/bn")
        | keras_applications.classifier()
    )
    for stage, count in enumerate(_MOST_BLOCKS, 1):
        for i in range(count):
            rules |= _keras_block(f"conv{stage + 1}_block{i + 1}", f"backbone/stage{stage}/block{i}")
    return rules


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    width, channels = keras_applications.stem(shapes)
    depth = _depth(BOTTLENECK, keras_applications.block_counts(shapes))
    return {
        "model": _model(depth, width, stride_first=True, bias=True, epsilon=1.001e-5),
        "num_classes": keras_applications.num_classes(shapes),
        "in_channels": channels,
    }


def _keras_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        "caffe",
        source="names of keras.applications.ResNet50/101/152; their stride on a bottleneck's first convolution, BatchNorm epsilon 1.001e-5,"
        " preprocessing (BGR in [0, 255] minus the mean, at 224 pixels) and the order of ImageNet's labels are assumed; their BatchNorm"
        " momentum, 0.99, is not taken over",
    )


@keymaps.register
def resnet_keras() -> Keymap:
    """He et al. 2016 as in Keras: v1 (the stride on the first 1x1 convolution), biases, BatchNorm epsilon 1.001e-5."""
    return Keymap("resnet_keras", _keras_rules(), _infer_keras, _keras_config)
