"""NASNet-Mobile, named as in keras.applications."""

import re
from collections.abc import Iterator
from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules.branches import leaf
from tljax.weights.rules.keras import batch_norm, conv, dense, separable, unscoped
from tljax.weights.rules.layers import Rules
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.nasnet_mobile.model import AS_IS, HALVED, stages

REDUCTIONS = {"stage1": "stem_1", "stage2": "stem_2", "stage3": "reduce_4", "stage4": "reduce_8"}
FIRST = {"stage2": 0, "stage3": 5, "stage4": 9}
"""Keras's name of each stage's reduction, and its number of each stage's first normal cell."""


def _cells() -> Iterator[tuple[str, str, str, str]]:
    """``(Keras's name, our path, kind, adjustment)`` of all cells."""
    for stage, specs in stages(44, 4).items():
        for name, kind, _, how in specs:
            number = REDUCTIONS[stage] if kind == "reduction" else str(FIRST[stage] + int(name.removeprefix("cell")))
            yield number, f"backbone/{stage}/{name}", kind, how


def _rules() -> Rules:
    rules = conv("stem_conv1", "backbone/stem/conv") | batch_norm("stem_bn1", "backbone/stem/bn")
    for number, path, kind, how in _cells():
        rules |= conv(f"{kind}_conv_1_{number}", f"{path}/conv") | batch_norm(f"{kind}_bn_1_{number}", f"{path}/bn")
        side = rf"{kind}_(left|right)(\d)_{number}"
        rules |= separable(rf"separable_conv_([12])_{side}", rf"{path}/\2\3/depthwise\1", rf"{path}/\2\3/pointwise\1")
        rules |= batch_norm(rf"separable_conv_([12])_bn_{side}", rf"{path}/\2\3/bn\1")
        if how == HALVED:
            rules |= conv(f"adjust_conv_([12])_{number}", rf"{path}/adjust/conv\1")
        elif how != AS_IS:
            rules |= conv(f"adjust_conv_projection_{number}", f"{path}/adjust/conv")
        if how != AS_IS:
            rules |= batch_norm(f"adjust_bn_{number}", f"{path}/adjust/bn")
    return rules | dense("predictions", "head")


def _infer(scoped: Shapes) -> dict[str, Any]:
    names = unscoped(scoped)
    shapes = {names.get(name, name): shape for name, shape in scoped.items()}
    stem, first = (shapes.get(f"{name}/{leaf(shapes, name)}", ()) for name in ("stem_conv1", "normal_conv_1_0"))
    if len(stem) != 4 or len(first) != 4:
        raise ValueError("it has no 4-dimensional kernels of stem_conv1 and normal_conv_1_0")
    numbers = {int(m[1]) for name in shapes if (m := re.match(r"normal_conv_1_(\d+)/", name))}
    cells = len(numbers & set(range(4)))
    expected = {number + i for number in FIRST.values() for i in range(cells)}
    if numbers != expected:
        raise ValueError(f"its normal cells are {sorted(numbers)}, those of a NASNet-Mobile {sorted(expected)}")
    return {
        "model": format_call("nasnet_mobile", filters=first[-1], cells=cells, stem_width=stem[-1]),
        "num_classes": (shapes.get(f"predictions/{leaf(shapes, 'predictions')}") or (0,))[-1],
        "in_channels": stem[2],
    }


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    source = (
        "names of keras.applications.NASNetMobile; its preprocessing (x / 127.5 - 1 at 224 pixels) and the order of ImageNet's labels are "
        "assumed, its BatchNorm momentum is not taken over"
    )
    return imagenet_config(fields, "unit", source=source)


@keymaps.register
def nasnet_mobile() -> Keymap:
    """keras.applications.NASNetMobile, which builds its layers inside name scopes."""
    return Keymap("nasnet_mobile", _rules(), _infer, _config, rename=unscoped)
