"""ResNets and their grouped and wide relatives, beside torchvision's and Keras's."""

import functools
from typing import Any

import numpy as np

from tests.parity.case import Case
from tests.parity.drawn import draw_keras, draw_residual


def torchvision(name: str, num_classes: int = 10) -> Any:
    """torchvision's model."""
    from torchvision import models

    import tests.parity.torchvision_alone  # noqa: F401 - before torchvision

    return getattr(models, name)(weights=None, num_classes=num_classes)


def narrow_resnext() -> Any:
    """torchvision's ResNet-50 with 4 groups, an eighth as wide."""
    from torch import nn
    from torchvision.models.resnet import Bottleneck, ResNet

    import tests.parity.torchvision_alone  # noqa: F401 - before torchvision

    class Narrow(ResNet):
        def _make_layer(self, block: Any, planes: int, *args: Any, **kwargs: Any) -> nn.Sequential:
            self.inplanes = 8 if planes == 64 else self.inplanes
            return super()._make_layer(block, planes // 8, *args, **kwargs)

    net = Narrow(Bottleneck, [3, 4, 6, 3], groups=4, width_per_group=16)
    net.conv1, net.bn1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8)
    net.fc = nn.Linear(256, 10)
    return net


def keras_model(name: str, size: int, classes: int) -> Any:
    """One of keras.applications, without the last softmax."""
    import keras

    return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=classes, classifier_activation=None)


def draw_keras_residual(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """As `draw_residual`, by Keras's names."""
    return draw_keras(name, shape) * np.float32(0.35 if name.endswith("_3_bn/gamma") else 1)


STAGES = {"stem": "maxpool"} | {f"stage{i}": f"layer{i}" for i in (1, 2, 3, 4)}


def _case(name: str, last: str, size: int, classes: int, live: bool) -> Case:
    return Case(
        label=f"{name}_full" if live else name,
        family="resnet",
        model=name,
        reference=f"torchvision {name}",
        build=functools.partial(torchvision, name, classes),
        stages=STAGES,
        size=size,
        num_classes=classes,
        draw=functools.partial(draw_residual, last=last),
        live=live,
    )


def _keras(name: str, size: int, classes: int, live: bool) -> Case:
    return Case(
        label=f"{name.lower()}_keras_full" if live else f"{name.lower()}_keras",
        family="resnet_keras",
        model=f"{name.lower()}(stride_first=True, bias=True, epsilon=1.001e-05)",
        reference=f"keras {name}",
        build=functools.partial(keras_model, name, size, classes),
        stages={"stem": "pool1_pool"} | {f"stage{i}": f"conv{i + 1}_block{n}_out" for i, n in enumerate((3, 4, 6, 3), 1)},
        size=size,
        num_classes=classes,
        draw=draw_keras_residual,
        framework="keras",
        live=live,
    )


CASES = (
    _case("resnet18", "bn2", 64, 10, False),
    _case("resnet50", "bn3", 64, 10, False),
    *(_case(name, "bn2", 224, 1000, True) for name in ("resnet18", "resnet34")),
    *(_case(name, "bn3", 224, 1000, True) for name in ("resnet50", "resnet101", "resnet152")),
    *(_case(name, "bn3", 224, 1000, True) for name in ("resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2")),
    Case(
        label="resnext",
        family="resnet",
        model="resnet50(width=8, groups=4, base_width=16)",
        reference="torchvision ResNet, 4 groups",
        build=narrow_resnext,
        stages=STAGES,
        draw=functools.partial(draw_residual, last="bn3"),
    ),
    _keras("ResNet50", 48, 10, False),
    _keras("ResNet50", 224, 1000, True),
)
