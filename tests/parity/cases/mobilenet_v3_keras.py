"""MobileNetV3, beside Keras's."""

import functools
from typing import Any

import numpy as np

from tests.parity.case import Case, Spot
from tests.parity.gated import draw_gated

LAST = {"large": (0, 2, 5, 11, 14), "small": (0, 2, 7, 10)}
"""The last block of each stage."""


def keras(kind: str, width: float, size: int, classes: int) -> Any:
    """Keras's model for inputs in [-1, 1], without dropout and without the last softmax; no class: without its top."""
    from keras import applications, layers

    build = {"large": applications.MobileNetV3Large, "small": applications.MobileNetV3Small}[kind]
    top = {"classes": classes, "classifier_activation": None, "dropout_rate": 0.0} if classes else {"include_top": False, "pooling": "avg"}
    net = build((size, size, 3), width, weights=None, include_preprocessing=False, **top)
    for layer in net.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.9  # of 0.999, a thousandth of the batch's statistics, rounding would hide them
    return net


def hard_swish(x: np.ndarray) -> np.ndarray:
    """The activation after a layer: its own layers have no names."""
    return x * np.clip(x + 3, 0, 6) / 6


def _stages(kind: str, width: float, top: bool) -> dict[str, Spot]:
    first = "expanded_conv_add" if kind == "large" and width > 0.7 else "expanded_conv_project_bn"
    ends: dict[str, Spot] = {f"stage{i}": f"expanded_conv_{last}_add" if last else first for i, last in enumerate(LAST[kind], 1)}
    ends |= {"stem": ("conv_bn", hard_swish), "last": ("conv_1_bn", hard_swish)}
    return ends | ({"penultimate": ("conv_2", lambda x: hard_swish(x[:, 0, 0]))} if top else {})


def _case(label: str, kind: str, width: float, size: int, classes: int, live: bool) -> Case:
    return Case(
        label=f"mobilenet_v3_{label}",
        family="mobilenet_v3_keras",
        model=f"mobilenet_v3_{kind}(width={width}, ratios=True, penultimate={classes > 0}, padding='asymmetric')",
        reference=f"keras MobileNetV3{kind.capitalize()}",
        build=functools.partial(keras, kind, width, size, classes),
        stages=_stages(kind, width, classes > 0),
        size=size,
        num_classes=classes,
        draw=draw_gated,
        framework="keras",
        live=live,
    )


CASES = (
    _case("small_keras", "small", 0.5, 64, 10, live=False),
    _case("small_keras_full", "small", 1.0, 224, 1000, live=True),
    _case("large_keras_full", "large", 1.0, 224, 1000, live=True),
    _case("large_keras_075_notop_full", "large", 0.75, 224, 0, live=True),
)
