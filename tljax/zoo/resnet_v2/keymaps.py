"""Key tables of pre-activation ResNets: BiT's of its own ``.npz`` files and timm, and those of keras.applications."""

import re
from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, POINTWISE_HEAD, Keymap, Shapes, Transform, keymaps
from tljax.weights.rules import keras_applications
from tljax.weights.rules.keras import batch_norm
from tljax.weights.rules.keras import conv as keras_conv
from tljax.weights.rules.layers import Rules, conv, layer_norm
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.resnet_v2.model import BIT, DEPTHS

_MOST_BLOCKS = tuple(map(max, zip(*DEPTHS.values(), strict=True)))
"""The most blocks that any depth has in its stages."""

# BiT, in timm and in its own .npz files

_TORCH_HEAD = Transform(
    "1x1 convolution O I 1 1 -> linear [in, out]", 4, lambda a: a.reshape(a.shape[:2]).T, lambda a: a.T[:, :, None, None]
)

_BIT_SOURCE = (
    "BiT's inputs (mean = std = 0.5) at the 224 of 256 pixels that its first training saw are assumed (its fine-tuned files were measured"
    " at 448 to 480), and for 1000 classes the order of ImageNet's labels"
)


def _timm_rules() -> Rules:
    rules = conv(r"stem\.conv", "backbone/stem/conv") | layer_norm("norm", "backbone/norm/norm")
    for stage in range(4):
        name, path = rf"stages\.{stage}\.blocks\.(\d+)", rf"backbone/stage{stage + 1}/block\1"
        rules |= layer_norm(rf"{name}\.norm([123])", rf"{path}/norm\2") | conv(rf"{name}\.conv([123])", rf"{path}/conv\2")
        rules |= conv(rf"{name}\.downsample\.conv", f"{path}/shortcut_conv")
    return rules | {
        r"head\.fc\.weight": ("params/head/kernel", _TORCH_HEAD),
        r"head\.fc\.bias": ("params/head/bias", IDENTITY),
    }


def _npz_rules() -> Rules:
    rules = _npz_conv("resnet/root_block", "backbone/stem/conv") | _npz_norm("resnet", "backbone/norm/norm")
    for stage, count in enumerate(_MOST_BLOCKS, 1):
        for i in range(count):
            unit, path = f"resnet/block{stage}/unit{i + 1:02}", f"backbone/stage{stage}/block{i}"
            for n, part in enumerate("abc", 1):
                rules |= _npz_conv(f"{unit}/{part}", f"{path}/conv{n}") | _npz_norm(f"{unit}/{part}", f"{path}/norm{n}")
            rules |= _npz_conv(f"{unit}/a/proj", f"{path}/shortcut_conv")
    return rules | {
        "resnet/head/conv2d/kernel": ("params/head/kernel", POINTWISE_HEAD),
        "resnet/head/conv2d/bias": ("params/head/bias", IDENTITY),
    }


def _npz_conv(name: str, path: str) -> Rules:
    return {f"{name}/standardized_conv2d/kernel": (f"params/{path}/kernel", IDENTITY)}


def _npz_norm(name: str, path: str) -> Rules:
    leaves = {"gamma": "scale", "beta": "bias"}
    return {f"{name}/group_norm/{theirs}": (f"params/{path}/{ours}", IDENTITY) for theirs, ours in leaves.items()}


def _infer_bit(shapes: Shapes, stem: str, axes: tuple[int, int], block: str, head: tuple[str, int], **more: Any) -> dict[str, Any]:
    """`axes` are those of the stem's outputs and inputs, `block` is the regex of names in a block, stage and number its groups."""
    kernel = shapes.get(stem, ())
    if len(kernel) != 4:
        raise ValueError(f"{stem} is {kernel}, not the 7x7 convolution of a stem")
    found = {(int(m[1]), int(m[2])) for name in shapes if (m := re.match(block, name))}
    counts = tuple(sum(s == stage for s, _ in found) for stage in sorted({s for s, _ in found}))
    width, channels = (kernel[axis] for axis in axes)
    return {
        "model": _bit_model(counts, width, **more),
        "num_classes": (shapes.get(head[0]) or (0,))[head[1]],
        "in_channels": channels,
    }


def _bit_model(counts: tuple[int, ...], width: int, **more: Any) -> str:
    depth = {blocks: depth for depth, blocks in DEPTHS.items()}.get(counts, 50)
    published = [factor for of, factor in BIT if of == depth]
    factor = width // 64 if width // 64 in published else published[0]
    return format_call(f"bit_r{depth}x{factor}", blocks=counts, width=width, **more)


def _infer_timm(shapes: Shapes) -> dict[str, Any]:
    block = r"stages\.(\d+)\.blocks\.(\d+)\."
    return _infer_bit(shapes, stem="stem.conv.weight", axes=(0, 1), block=block, head=("head.fc.weight", 0), standard=1e-8)


def _infer_npz(shapes: Shapes) -> dict[str, Any]:
    block = r"resnet/block(\d+)/unit(\d+)/"
    return _infer_bit(
        shapes, stem="resnet/root_block/standardized_conv2d/kernel", axes=(3, 2), block=block, head=("resnet/head/conv2d/kernel", -1)
    )


def _bit_config(fields: dict[str, Any], names: str) -> PretrainedConfig:
    return imagenet_config(fields, "unit", source=f"{names}; {_BIT_SOURCE}")


@keymaps.register
def bit() -> Keymap:
    """Kolesnikov et al. 2020 in its own npz files (github.com/google-research/big_transfer)."""
    return Keymap("bit", _npz_rules(), _infer_npz, lambda fields: _bit_config(fields, "names of google-research/big_transfer"))


@keymaps.register
def bit_timm() -> Keymap:
    """The same in timm (``resnetv2_50x1_bit``, ...), which standardizes kernels with an epsilon of 1e-8 in place of 1e-10."""
    source = "names of timm's resnetv2_*_bit; their GroupNorm and standardized kernels"
    return Keymap("bit_timm", _timm_rules(), _infer_timm, lambda fields: _bit_config(fields, source))


# keras.applications: ResNet50V2, ResNet101V2, ResNet152V2


def _keras_block(name: str, path: str) -> Rules:
    return {
        **batch_norm(f"{name}_preact_bn", f"{path}/norm1"),
        **keras_conv(f"{name}_0_conv", f"{path}/shortcut_conv", bias=True),
        **keras_conv(f"{name}_1_conv", f"{path}/conv1"),
        **batch_norm(f"{name}_1_bn", f"{path}/norm2"),
        **keras_conv(f"{name}_2_conv", f"{path}/conv2"),
        **batch_norm(f"{name}_2_bn", f"{path}/norm3"),
        **keras_conv(f"{name}_3_conv", f"{path}/conv3", bias=True),
    }


def _keras_rules() -> Rules:
    rules = (
        keras_conv("conv1_conv", "backbone/stem/conv", bias=True)
        | batch_norm("post_bn", "backbone/norm/norm")
        | keras_applications.classifier()
    )
    for stage, count in enumerate(_MOST_BLOCKS, 1):
        for i in range(count):
            rules |= _keras_block(f"conv{stage + 1}_block{i + 1}", f"backbone/stage{stage}/block{i}")
    return rules


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    width, channels = keras_applications.stem(shapes)
    counts = tuple(filter(None, keras_applications.block_counts(shapes)))
    depth = next((depth for depth, blocks in DEPTHS.items() if blocks == counts), 50)
    return {
        "model": format_call(f"resnet{depth}_v2", blocks=counts, width=width),
        "num_classes": keras_applications.num_classes(shapes),
        "in_channels": channels,
    }


def _keras_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        "unit",
        source="names of keras.applications.ResNet50V2/101V2/152V2; their BatchNorm epsilon 1.001e-5, preprocessing (x / 127.5 - 1 at 224"
        " pixels) and the order of ImageNet's labels are assumed; their BatchNorm momentum, 0.99, is not taken over",
    )


@keymaps.register
def resnet_v2_keras() -> Keymap:
    """He et al. 2016b as in Keras: the stride on the last block of a stage, biases where no BatchNorm follows."""
    return Keymap("resnet_v2_keras", _keras_rules(), _infer_keras, _keras_config)
