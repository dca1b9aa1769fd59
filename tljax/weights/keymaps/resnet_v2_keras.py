"""Pre-activation ResNets of Keras (keras.applications.ResNet50V2, ResNet101V2, ResNet152V2)."""

from typing import Any

from tljax.models.resnet_v2 import DEPTHS
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.keymaps.resnet_keras import block_counts, classes, heads, stem
from tljax.weights.keymaps.resnet_v2 import MOST
from tljax.weights.rules import expression
from tljax.weights.rules.keras import batch_norm, conv
from tljax.weights.rules.layers import Rules
from tljax.weights.rules.presets import imagenet_config


def _block(name: str, path: str) -> Rules:
    return {
        **batch_norm(f"{name}_preact_bn", f"{path}/norm1"),
        **conv(f"{name}_0_conv", f"{path}/shortcut_conv", bias=True),
        **conv(f"{name}_1_conv", f"{path}/conv1"),
        **batch_norm(f"{name}_1_bn", f"{path}/norm2"),
        **conv(f"{name}_2_conv", f"{path}/conv2"),
        **batch_norm(f"{name}_2_bn", f"{path}/norm3"),
        **conv(f"{name}_3_conv", f"{path}/conv3", bias=True),
    }


def _rules() -> Rules:
    rules = conv("conv1_conv", "backbone/stem/conv", bias=True) | batch_norm("post_bn", "backbone/norm/norm") | heads()
    for stage, count in enumerate(MOST, 1):
        for i in range(count):
            rules |= _block(f"conv{stage + 1}_block{i + 1}", f"backbone/stage{stage}/block{i}")
    return rules


def _infer(shapes: Shapes) -> dict[str, Any]:
    width, channels = stem(shapes)
    counts = tuple(filter(None, block_counts(shapes)))
    depth = next((depth for depth, blocks in DEPTHS.items() if blocks == counts), 50)
    return {
        "model": expression.of(f"resnet{depth}_v2", blocks=counts, width=width),
        "num_classes": classes(shapes),
        "in_channels": channels,
    }


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        "unit",
        source="names of keras.applications.ResNet50V2/101V2/152V2; their BatchNorm epsilon 1.001e-5, preprocessing (x / 127.5 - 1 at 224"
        " pixels) and the order of ImageNet's labels are assumed; their BatchNorm momentum, 0.99, is not taken over",
    )


@keymaps.register
def resnet_v2_keras() -> Keymap:
    """He et al. 2016b as in Keras: the stride on the last block of a stage, biases where no BatchNorm follows."""
    return Keymap("resnet_v2_keras", _rules(), _infer, _config)
