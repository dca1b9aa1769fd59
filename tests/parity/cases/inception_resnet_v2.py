"""Inception-ResNet-v2, beside timm's and Keras's."""

from typing import Any

from tests.parity.case import Case
from tests.parity.cases.googlenet import drawn
from tests.parity.cases.inception_v3 import keras

TIMM = {"stem": "conv2d_2b", "stage1": "conv2d_4a", "stage2": "repeat", "stage3": "repeat_1", "stage4": "conv2d_7b"}
KERAS = {"stem": "activation_2", "stage1": "activation_4", "stage2": "block35_10_ac", "stage3": "block17_20_ac", "stage4": "conv_7b_ac"}


def timm(blocks: int, num_classes: int = 10) -> Any:
    """timm's model with at most so many blocks in each of its three repetitions."""
    import tests.parity.torchvision_alone  # noqa: F401 - before timm, which imports torchvision
    import timm  # isort: skip

    net = timm.create_model("inception_resnet_v2", num_classes=num_classes)
    net.repeat, net.repeat_1, net.repeat_2 = net.repeat[:blocks], net.repeat_1[:blocks], net.repeat_2[:blocks]
    return net


CASES = (
    Case(
        label="inception_resnet_v2",
        family="inception_resnet_v2",
        model="inception_resnet_v2(blocks=(2, 2, 2))",
        reference="timm inception_resnet_v2, 2 blocks each",
        build=lambda: timm(2),
        stages={stage: TIMM[stage] for stage in ("stage2", "stage3", "stage4")},
        size=108,
        draw=drawn,
    ),
    Case(
        label="inception_resnet_v2_full",
        family="inception_resnet_v2",
        model="inception_resnet_v2",
        reference="timm inception_resnet_v2",
        build=lambda: timm(20, 1000),
        stages=TIMM,
        size=299,
        num_classes=1000,
        draw=drawn,
        live=True,
    ),
    Case(
        label="inception_resnet_v2_keras_full",
        family="inception_resnet_v2_keras",
        model="inception_resnet_v2(norm_scale=False)",
        reference="keras InceptionResNetV2",
        build=lambda: keras("InceptionResNetV2", 299, 1000),
        stages=KERAS,
        size=299,
        num_classes=1000,
        framework="keras",
        live=True,
    ),
)
