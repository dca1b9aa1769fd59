"""MobileNetV1 from Keras (keras.applications) and from PyTorch (three sequences ``stage1`` to ``stage3``, as face detectors use it)."""

from typing import Any

from tljax.weights.keymap import POINTWISE_HEAD, Keymap, Shapes, keymaps
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules import layers as rules
from tljax.weights.rules.layers import TORCH_IGNORED, Rules
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.mobilenet_v1.model import STAGES

_PLACE = {block: f"backbone/stage{stage}/block{block}" for stage, blocks in enumerate(STAGES, 1) for block in blocks}


def _keras_rules() -> Rules:
    table = keras_rules.conv("conv1", "backbone/stem/conv") | keras_rules.batch_norm("conv1_bn", "backbone/stem/bn")
    for block, place in _PLACE.items():
        for name, layer, conv in (("dw", "depthwise", keras_rules.depthwise), ("pw", "pointwise", keras_rules.conv)):
            table |= conv(f"conv_{name}_{block}", f"{place}/{layer}")
            table |= keras_rules.batch_norm(f"conv_{name}_{block}_bn", f"{place}/{layer}_bn")
    head = ("params/head/kernel", POINTWISE_HEAD)
    return table | keras_rules.dense("conv_preds", "head") | {"conv_preds/kernel": head, "conv_preds/0": head}


def _torch_rules() -> Rules:
    names = [rf"stage1\.{i}" for i in range(1, 6)] + [rf"stage2\.{i}" for i in range(6)] + [r"stage3\.0", r"stage3\.1"]
    table = rules.conv(r"stage1\.0\.0", "backbone/stem/conv") | rules.batch_norm(r"stage1\.0\.1", "backbone/stem/bn")
    for name, place in zip(names, _PLACE.values(), strict=True):
        for i, layer in ((0, "depthwise"), (3, "pointwise")):
            table |= rules.conv(rf"{name}\.{i}", f"{place}/{layer}") | rules.batch_norm(rf"{name}\.{i + 1}", f"{place}/{layer}_bn")
    return table | rules.linear("fc", "head")


def _infer(shapes: Shapes, stem: str, last: str, channels: tuple[int, int], head: tuple[str, int], arguments: str) -> dict[str, Any]:
    """`last` is the kernel of block 13, whose 1024-fold width tells the multiplier finely enough for all other layers to follow."""
    if len(shapes.get(stem, ())) != 4 or len(shapes.get(last, ())) != 4:
        raise ValueError(f"it has no 4-dimensional {stem} or {last}")
    classifier, outputs = head
    return {
        "model": f"mobilenet_v1(width={shapes[last][channels[1]] / 1024!r}, {arguments})",
        "num_classes": shapes[classifier][outputs] if classifier in shapes else 0,
        "in_channels": shapes[stem][channels[0]],
    }


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    leaf = "kernel" if "conv1/kernel" in shapes else "0"
    head = (f"conv_preds/{leaf}", -1)
    return _infer(
        shapes,
        stem=f"conv1/{leaf}",
        last=f"conv_pw_13/{leaf}",
        channels=(2, 3),
        head=head,
        arguments="activation='relu6', padding='asymmetric', epsilon=0.001",
    )


def _infer_torch(shapes: Shapes) -> dict[str, Any]:
    return _infer(
        shapes,
        stem="stage1.0.0.weight",
        last="stage3.1.3.weight",
        channels=(1, 0),
        head=("fc.weight", 0),
        arguments="activation='leaky_relu'",
    )


@keymaps.register
def mobilenet_v1_keras() -> Keymap:
    """keras.applications.MobileNet: ReLU6, BatchNorm epsilon 1e-3, stride-2 padding at the bottom and right, inputs in [-1, 1].

    Keras's BatchNorm momentum, 0.99, is for long training and is not taken over: with the model's 0.9 the statistics follow a new task.
    """
    source = (
        "names of keras.applications.MobileNet; its preprocessing (x / 127.5 - 1 at 224 pixels) and ImageNet-1k labels are assumed, its "
        "BatchNorm momentum is not taken over"
    )
    return Keymap("mobilenet_v1_keras", _keras_rules(), _infer_keras, lambda fields: imagenet_config(fields, "unit", source=source))


@keymaps.register
def mobilenet_v1_torch() -> Keymap:
    """The PyTorch MobileNetV1 of github.com/biubug6/Pytorch_Retinaface: LeakyReLU(0.1), symmetric padding, ImageNet mean and deviation."""
    source = (
        "names of MobileNetV1 in github.com/biubug6/Pytorch_Retinaface; its LeakyReLU(0.1) and symmetric padding, torchvision's "
        "preprocessing at 224 pixels and ImageNet-1k labels are assumed"
    )
    return Keymap(
        "mobilenet_v1_torch", _torch_rules(), _infer_torch, lambda fields: imagenet_config(fields, source=source), ignored=TORCH_IGNORED
    )
