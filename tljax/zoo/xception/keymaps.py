"""Xception, named as in keras.applications and as in timm."""

from collections.abc import Iterator
from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules import layers as rules
from tljax.weights.rules.branches import leaf
from tljax.weights.rules.layers import TORCH_IGNORED, Rules
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.xception.model import EXIT, blocks

WIDEST = EXIT[-1]


def _blocks() -> Iterator[tuple[int, str, int, bool, bool]]:
    """``(number, our path, separable convolutions, whether a ReLU is first, whether there is a convolution in the shortcut)``."""
    for stage, specs in blocks(8).items():
        for name, widths, first_relu, halved in specs:
            yield int(name.removeprefix("block")), f"backbone/{stage}/{name}", len(widths), first_relu, halved


def _keras_rules() -> Rules:
    table: Rules = {}
    for i in (1, 2):
        table |= keras_rules.conv(f"block1_conv{i}", f"backbone/stem/conv{i}")
        table |= keras_rules.batch_norm(f"block1_conv{i}_bn", f"backbone/stem/bn{i}")
        table |= _keras_separable(f"block14_sepconv{i}", f"backbone/stage4/block14_sepconv{i}")
    shortcuts = 0
    for number, path, count, _, halved in _blocks():
        for i in range(1, count + 1):
            table |= _keras_separable(f"block{number}_sepconv{i}", f"{path}/sepconv{i}")
        if halved:
            table |= keras_rules.conv(keras_rules.counted_name("conv2d", shortcuts), f"{path}/shortcut_conv")
            table |= keras_rules.batch_norm(keras_rules.counted_name("batch_normalization", shortcuts), f"{path}/shortcut_bn")
            shortcuts += 1
    return table | keras_rules.dense("predictions", "head")


def _keras_separable(name: str, path: str) -> Rules:
    return keras_rules.separable(name, f"{path}/depthwise", f"{path}/pointwise") | keras_rules.batch_norm(f"{name}_bn", f"{path}/bn")


def _torch_rules() -> Rules:
    table = rules.conv("conv([12])", r"backbone/stem/conv\1") | rules.batch_norm("bn([12])", r"backbone/stem/bn\1")
    for number, path, count, first_relu, halved in _blocks():
        name = f"block{number - 1}"
        for i in range(count):
            place = 3 * i + first_relu  # ReLU, convolution, BatchNorm; the first block's first ReLU is absent
            table |= _torch_separable(rf"{name}\.rep\.{place}", rf"{name}\.rep\.{place + 1}", f"{path}/sepconv{i + 1}")
        if halved:
            table |= rules.conv(rf"{name}\.skip", f"{path}/shortcut_conv") | rules.batch_norm(rf"{name}\.skipbn", f"{path}/shortcut_bn")
    for i in (1, 2):
        table |= _torch_separable(f"conv{i + 2}", f"bn{i + 2}", f"backbone/stage4/block14_sepconv{i}")
    return table | rules.linear("fc", "head")


def _torch_separable(conv: str, norm: str, path: str) -> Rules:
    convs = rules.conv(rf"{conv}\.conv1", f"{path}/depthwise") | rules.conv(rf"{conv}\.pointwise", f"{path}/pointwise")
    return convs | rules.batch_norm(norm, f"{path}/bn")


def _fields(shapes: Shapes, stem: str, last: str, outputs: tuple[int, int], middle: int, head: int, **arguments: Any) -> dict[str, Any]:
    """`last` is the kernel of the widest layer; `outputs` the axes of a kernel's outputs and inputs."""
    for name in (stem, last):
        if len(shapes.get(name, ())) != 4:
            raise ValueError(f"it has no 4-dimensional {name}")
    width = shapes[last][outputs[0]] / WIDEST
    expected = int(32 * width + 1e-6)
    if shapes[stem][outputs[0]] != expected:
        raise ValueError(f"{stem} has {shapes[stem][outputs[0]]} outputs where an Xception of width {width} has {expected}")
    return {
        "model": format_call("xception", width=width, middle=middle, **arguments),
        "num_classes": head,
        "in_channels": shapes[stem][outputs[1]],
    }


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    stem, last = f"block1_conv1/{leaf(shapes, 'block1_conv1')}", "block14_sepconv2/pointwise_kernel"
    head = (shapes.get(f"predictions/{leaf(shapes, 'predictions')}") or (0,))[-1]
    middle = len({name.partition("_")[0] for name in shapes if name.partition("/")[0].endswith("_sepconv3")})
    return _fields(shapes, stem=stem, last=last if last in shapes else "block14_sepconv2/1", outputs=(3, 2), middle=middle, head=head)


def _infer_torch(shapes: Shapes) -> dict[str, Any]:
    head = (shapes.get("fc.weight") or (0,))[0]
    middle = len({name.partition(".")[0] for name in shapes if ".rep.7." in name})
    return _fields(
        shapes,
        stem="conv1.weight",
        last="conv4.pointwise.weight",
        outputs=(0, 1),
        middle=middle,
        head=head,
        padding="symmetric",
        epsilon=1e-5,
    )


def _config(fields: dict[str, Any], source: str, **more: Any) -> PretrainedConfig:
    return imagenet_config(fields, "unit", input_size=(299, 299), source=source, **more)


@keymaps.register
def xception_keras() -> Keymap:
    """keras.applications.Xception, whose shortcuts have no names but numbers."""
    source = (
        "names of keras.applications.Xception; its preprocessing (x / 127.5 - 1 at 299 pixels) and the order of ImageNet's labels are "
        "assumed, its BatchNorm momentum is not taken over"
    )
    return Keymap("xception_keras", _keras_rules(), _infer_keras, lambda fields: _config(fields, source), rename=keras_rules.counted)


@keymaps.register
def xception_timm() -> Keymap:
    """The names of timm's ``legacy_xception`` (once ``xception``): symmetric maxima, BatchNorm epsilon 1e-5."""
    source = (
        "names of timm's legacy_xception; its preprocessing (inputs in [-1, 1], the central 299 of 333, bicubic) and the order of "
        "ImageNet's labels are assumed"
    )
    config = {"crop_fraction": 0.8975, "interpolation": "bicubic"}
    return Keymap("xception_timm", _torch_rules(), _infer_torch, lambda fields: _config(fields, source, **config), ignored=TORCH_IGNORED)
