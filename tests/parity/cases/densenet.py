"""DenseNets, beside torchvision's and Keras's."""

import functools
from typing import Any

from tests.parity.case import Case
from tests.parity.cases.resnet import keras_model, torchvision

TORCH = {"stem": "features.pool0"} | {f"stage{i}": f"features.denseblock{i}" for i in (1, 2, 3, 4)}


def narrow() -> Any:
    """torchvision's DenseNet, narrow and of few layers."""
    from torchvision.models import DenseNet

    import tests.parity.torchvision_alone  # noqa: F401 - before torchvision

    return DenseNet(growth_rate=4, block_config=(2, 3, 2, 1), num_init_features=8, bn_size=2, num_classes=10)


def few_layers() -> Any:
    """Keras's DenseNet, of few layers."""
    from keras.src.applications.densenet import DenseNet

    return DenseNet([2, 1, 2, 1], weights=None, input_shape=(32, 32, 3), classes=10, classifier_activation=None)


def _ends(layers: tuple[int, ...]) -> dict[str, str]:
    return {"stem": "pool1", "norm": "relu"} | {f"stage{i}": f"conv{i + 1}_block{n}_concat" for i, n in enumerate(layers, 1)}


def _full(depth: int) -> Case:
    name = f"densenet{depth}"
    build = functools.partial(torchvision, name, 1000)
    return Case(f"{name}_full", "densenet", name, f"torchvision {name}", build, TORCH, 224, 1000, live=True)


CASES = (
    Case(
        label="densenet",
        family="densenet",
        model="densenet121(layers=(2, 3, 2, 1), growth=4, width=8, bottleneck=2)",
        reference="torchvision DenseNet",
        build=narrow,
        stages=TORCH,
    ),
    Case(
        label="densenet_keras",
        family="densenet_keras",
        model="densenet121(layers=(2, 1, 2, 1), epsilon=1.001e-5)",
        reference="keras DenseNet",
        build=few_layers,
        stages=_ends((2, 1, 2, 1)),
        size=32,
        framework="keras",
    ),
    *(_full(depth) for depth in (121, 161, 169, 201)),
    Case(
        label="densenet121_keras_full",
        family="densenet_keras",
        model="densenet121(epsilon=1.001e-5)",
        reference="keras DenseNet121",
        build=functools.partial(keras_model, "DenseNet121", 224, 1000),
        stages=_ends((6, 12, 24, 16)),
        size=224,
        num_classes=1000,
        framework="keras",
        live=True,
    ),
)
