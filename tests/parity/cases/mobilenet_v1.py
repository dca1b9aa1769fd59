"""MobileNetV1, beside Keras's and beside the layers of PyTorch that the published file x0.25 describes."""

import functools
from typing import Any

import numpy as np

from tests.parity.case import Case
from tests.parity.drawn import draw, draw_keras, unshrunk

TORCH = {"stem": "stage1.0"} | {
    "stage1": "stage1.1",
    "stage2": "stage1.3",
    "stage3": "stage1.5",
    "stage4": "stage2.5",
    "stage5": "stage3.1",
}
KERAS = {"stem": "conv1_relu"} | {f"stage{i}": f"conv_pw_{last}_relu" for i, last in enumerate((1, 3, 5, 11, 13), 1)}


def keras_mobilenet(width: float, size: int, classes: int) -> Any:
    """keras.applications.MobileNet without dropout and without the last softmax."""
    import keras

    return keras.applications.MobileNet(
        alpha=width, dropout=0.0, weights=None, input_shape=(size, size, 3), classes=classes, classifier_activation=None
    )


def torch_mobilenet(classes: int) -> Any:
    """MobileNetV1 x0.25 with LeakyReLU(0.1), in three sequences as the published file has them."""
    import torch
    from torch import nn

    def conv(inputs: int, outputs: int, stride: int, groups: int = 1, size: int = 3) -> list[nn.Module]:
        layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
        return [layer, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1)]

    def separable(inputs: int, outputs: int, stride: int) -> nn.Sequential:
        return nn.Sequential(*conv(inputs, inputs, stride, inputs), *conv(inputs, outputs, 1, size=1))

    class MobileNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = [(8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]
            self.stage1 = nn.Sequential(nn.Sequential(*conv(3, 8, 2)), *(separable(*w) for w in widths))
            self.stage2 = nn.Sequential(separable(64, 128, 2), *(separable(128, 128, 1) for _ in range(5)))
            self.stage3 = nn.Sequential(separable(128, 256, 2), separable(256, 256, 1))
            self.fc = nn.Linear(256, classes)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.stage3(self.stage2(self.stage1(x))).mean((2, 3)))

    return MobileNet()


def _keras_draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return unshrunk(name, draw_keras(name, shape))


def _torch_draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return unshrunk(name, draw(name, shape))


def _keras(label: str, width: float, size: int, classes: int, live: bool) -> Case:
    return Case(
        label=label,
        family="mobilenet_v1_keras",
        model=f"mobilenet_v1(width={width}, activation='relu6', padding='asymmetric', epsilon=0.001)",
        reference=f"keras MobileNet x{width}",
        build=functools.partial(keras_mobilenet, width, size, classes),
        stages=KERAS,
        size=size,
        num_classes=classes,
        draw=_keras_draw,
        framework="keras",
        live=live,
    )


def _torch(label: str, size: int, classes: int, live: bool) -> Case:
    return Case(
        label=label,
        family="mobilenet_v1_torch",
        model="mobilenet_v1(width=0.25, activation='leaky_relu')",
        reference="PyTorch MobileNetV1 x0.25",
        build=functools.partial(torch_mobilenet, classes),
        stages=TORCH,
        size=size,
        num_classes=classes,
        draw=_torch_draw,
        live=live,
    )


CASES = (
    _keras("mobilenet_v1_keras", 0.25, 64, 10, live=False),
    _torch("mobilenet_v1_torch", 64, 10, live=False),
    _keras("mobilenet_v1_keras_full", 1.0, 224, 1000, live=True),
    _torch("mobilenet_v1_torch_full", 224, 1000, live=True),
)
