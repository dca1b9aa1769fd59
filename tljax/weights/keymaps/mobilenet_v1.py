"""MobileNetV1 from Keras (keras.applications) and from PyTorch (three sequences ``stage1`` to ``stage3``, as face detectors use it)."""

import re
from collections.abc import Mapping
from typing import Any

from tljax.models.mobilenet_v1 import STAGES
from tljax.weights import imagenet
from tljax.weights.config import PretrainedConfig, adapt_channels
from tljax.weights.keymap import CONV, DEPTHWISE_KERAS, IDENTITY, LINEAR, POINTWISE_HEAD, Keymap, Shapes, Target, Transform, keymaps

_NORM = {"scale": "params", "bias": "params", "mean": "batch_stats", "var": "batch_stats"}
_TORCH_NORM = ("weight", "bias", "running_mean", "running_var")
_KERAS_NORM = (("gamma", "beta", "moving_mean", "moving_variance"), ("0", "1", "2", "3"))
_PLACE = {block: f"backbone/stage{stage}/block{block}" for stage, blocks in enumerate(STAGES, 1) for block in blocks}


def _norm(prefix: str, names: tuple[str, ...], place: str) -> dict[str, Target]:
    return {prefix + name: (f"{tree}/{place}/{leaf}", IDENTITY) for name, (leaf, tree) in zip(names, _NORM.items(), strict=True)}


def _kernel(name: str, place: str, transform: Transform = IDENTITY) -> dict[str, Target]:
    return {name: (f"params/{place}/kernel", transform)}


def _keras_rules() -> dict[str, Target]:
    rules: dict[str, Target] = {}
    for norm, first, second in ((_KERAS_NORM[0], "kernel", "bias"), (_KERAS_NORM[1], "0", "1")):
        rules |= _kernel(f"conv1/{first}", "backbone/stem/conv") | _norm("conv1_bn/", norm, "backbone/stem/bn")
        for block, place in _PLACE.items():
            rules |= _kernel(f"conv_dw_{block}/{first}", f"{place}/depthwise", DEPTHWISE_KERAS)
            rules |= _norm(f"conv_dw_{block}_bn/", norm, f"{place}/depthwise_bn")
            rules |= _kernel(f"conv_pw_{block}/{first}", f"{place}/pointwise") | _norm(
                f"conv_pw_{block}_bn/", norm, f"{place}/pointwise_bn"
            )
        rules |= _kernel(f"conv_preds/{first}", "head", POINTWISE_HEAD) | {f"conv_preds/{second}": ("params/head/bias", IDENTITY)}
    # Keras 1 and 2 name the depthwise kernel otherwise than Keras 3
    old = {f"conv_dw_{block}/depthwise_kernel": rules[f"conv_dw_{block}/kernel"] for block in _PLACE}
    return {re.escape(name): target for name, target in (old | rules).items()}


def _torch_rules() -> dict[str, Target]:
    names = [f"stage1.{i}" for i in range(1, 6)] + [f"stage2.{i}" for i in range(6)] + ["stage3.0", "stage3.1"]
    rules = _kernel("stage1.0.0.weight", "backbone/stem/conv", CONV) | _norm("stage1.0.1.", _TORCH_NORM, "backbone/stem/bn")
    for name, place in zip(names, _PLACE.values(), strict=True):
        rules |= _kernel(f"{name}.0.weight", f"{place}/depthwise", CONV) | _norm(f"{name}.1.", _TORCH_NORM, f"{place}/depthwise_bn")
        rules |= _kernel(f"{name}.3.weight", f"{place}/pointwise", CONV) | _norm(f"{name}.4.", _TORCH_NORM, f"{place}/pointwise_bn")
    rules |= _kernel("fc.weight", "head", LINEAR) | {"fc.bias": ("params/head/bias", IDENTITY)}
    return {re.escape(name): target for name, target in rules.items()}


def _infer(shapes: Shapes, stem: str, last: str, channels: tuple[int, int], heads: Mapping[str, int], arguments: str) -> dict[str, Any]:
    """`last` is the kernel of block 13, whose 1024-fold width tells the multiplier finely enough for all other layers to follow."""
    if len(shapes.get(stem, ())) != 4 or len(shapes.get(last, ())) != 4:
        raise ValueError(f"it has no 4-dimensional {stem} or {last}")
    head = next((name for name in heads if name in shapes), None)
    return {
        "model": f"mobilenet_v1(width={shapes[last][channels[1]] / 1024!r}, {arguments})",
        "num_classes": shapes[head][heads[head]] if head else 0,
        "in_channels": shapes[stem][channels[0]],
    }


def _infer_keras(shapes: Shapes) -> dict[str, Any]:
    leaf = "kernel" if "conv1/kernel" in shapes else "0"
    heads = {f"conv_preds/{leaf}": -1}
    return _infer(shapes, f"conv1/{leaf}", f"conv_pw_13/{leaf}", (2, 3), heads, "activation='relu6', padding='asymmetric', epsilon=0.001")


def _infer_torch(shapes: Shapes) -> dict[str, Any]:
    return _infer(shapes, "stage1.0.0.weight", "stage3.1.3.weight", (1, 0), {"fc.weight": 0}, "activation='leaky_relu'")


def _config(fields: dict[str, Any], mean: tuple[float, ...], std: tuple[float, ...], source: str) -> PretrainedConfig:
    channels = fields["in_channels"]
    return PretrainedConfig(
        **fields,
        input_size=(224, 224),
        mean=adapt_channels(mean, channels),
        std=adapt_channels(std, channels),
        channel_order="L" if channels == 1 else "RGB",
        crop_fraction=0.875,
        labels=imagenet.labels() if fields["num_classes"] == 1000 else (),
        source=source,
    )


@keymaps.register
def mobilenet_v1_keras() -> Keymap:
    """keras.applications.MobileNet: ReLU6, BatchNorm epsilon 1e-3, stride-2 padding at the bottom and right, inputs in [-1, 1].

    Keras's BatchNorm momentum, 0.99, is for long training and is not taken over: with the model's 0.9 the statistics follow a new task.
    """
    said = (
        "names of keras.applications.MobileNet; its preprocessing (x / 127.5 - 1 at 224 pixels) and ImageNet-1k labels are assumed, its "
        "BatchNorm momentum is not taken over"
    )
    return Keymap("mobilenet_v1_keras", _keras_rules(), _infer_keras, lambda fields: _config(fields, (0.5,) * 3, (0.5,) * 3, said))


@keymaps.register
def mobilenet_v1_torch() -> Keymap:
    """The PyTorch MobileNetV1 of github.com/biubug6/Pytorch_Retinaface: LeakyReLU(0.1), symmetric padding, ImageNet mean and deviation."""
    said = (
        "names of MobileNetV1 in github.com/biubug6/Pytorch_Retinaface; its LeakyReLU(0.1) and symmetric padding, torchvision's "
        "preprocessing at 224 pixels and ImageNet-1k labels are assumed"
    )
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    ignored = (r".*\.num_batches_tracked",)
    return Keymap("mobilenet_v1_torch", _torch_rules(), _infer_torch, lambda fields: _config(fields, mean, std, said), ignored)
