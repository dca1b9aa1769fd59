"""SqueezeNet, beside torchvision's; and Keras layers put together as github.com/rcmalli/keras-squeezenet describes it."""

import functools
import re
from typing import Any

import numpy as np

from tests.parity.case import Case
from tests.parity.drawn import draw_keras

STAGES = {
    "1_0": {"stem": "features.2", "stage1": "features.6", "stage2": "features.11", "stage3": "features.12"},
    "1_1": {"stem": "features.2", "stage1": "features.5", "stage2": "features.8", "stage3": "features.12"},
}
KERAS_STAGES = {"stem": "pool1", "stage1": "pool3", "stage2": "pool5", "stage3": "fire9_concat"}


def torchvision(version: str, num_classes: int) -> Any:
    """torchvision's model."""
    import tests.parity.torchvision_alone  # noqa: F401, I001 - before torchvision
    from torchvision import models

    return getattr(models, f"squeezenet{version}")(weights=None, num_classes=num_classes, dropout=0.0)


def keras(num_classes: int, width: int, size: int) -> Any:
    """SqueezeNet 1.1 of Keras's layers; Keras 3 allows no slash in their names, so ``fire2/squeeze1x1`` is ``fire2_squeeze1x1``."""
    from keras import Input, Model, layers

    def conv(x: Any, filters: int, name: str, kernel: int = 1, **more: Any) -> Any:
        return layers.Conv2D(filters, kernel, activation="relu", name=name, **more)(x)

    def fire(x: Any, number: int) -> Any:
        name, filters = f"fire{number}", width * (number // 2)
        x = conv(x, filters, f"{name}_squeeze1x1")
        sides = [conv(x, 4 * filters, f"{name}_expand1x1"), conv(x, 4 * filters, f"{name}_expand3x3", 3, padding="same")]
        return layers.Concatenate(name=f"{name}_concat")(sides)

    inputs = Input((size, size, 3))
    x = conv(inputs, 4 * width, "conv1", 3, strides=2, padding="valid")
    for number in range(1, 10):
        x = fire(x, number) if number > 1 else x
        if number in (1, 3, 5):
            x = layers.MaxPooling2D(3, 2, name=f"pool{number}")(x)
    x = layers.GlobalAveragePooling2D()(conv(x, num_classes, "conv10"))
    return Model(inputs, x)


def without_slash(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The weights of `keras`, by their names here and in the published file."""
    return draw_keras(re.sub(r"(fire\d)/", r"\1_", name), shape)


def _case(version: str, size: int, classes: int, live: bool) -> Case:
    return Case(
        label=f"squeezenet{version}{'_full' if live else ''}",
        family="squeezenet",
        model="squeezenet(version='1.0')" if version == "1_0" else "squeezenet",
        reference=f"torchvision squeezenet{version}",
        build=functools.partial(torchvision, version, classes),
        stages=STAGES[version],
        size=size,
        num_classes=classes,
        head="maps",
        training=False,  # without BatchNorm and dropout, training mode computes the same
        live=live,
    )


CASES = (
    # of these sizes some maxima round up
    _case("1_0", 72, 10, False),
    _case("1_1", 68, 10, False),
    _case("1_0", 224, 1000, True),
    _case("1_1", 224, 1000, True),
    Case(
        label="squeezenet1_1_keras",
        family="squeezenet_keras",
        model="squeezenet(width=4, ceil_mode=False)",
        reference="Keras layers, SqueezeNet 1.1",
        framework="keras",
        build=functools.partial(keras, 10, 4, 68),
        stages=KERAS_STAGES,
        size=68,
        head="maps",
        draw=without_slash,
        training=False,
    ),
)
