"""Xception, beside Keras's and timm's."""

from typing import Any

from tests.parity.case import Case
from tests.parity.cases.inception_v3 import keras

KERAS = {"stem": "block1_conv2_act", "stage1": "add", "stage2": "add_1", "stage3": "add_10", "stage4": "block14_sepconv2_act"}
TIMM = {"stem": "act2", "stage1": "block1", "stage2": "block2", "stage3": "block11", "stage4": "act4"}


def timm(middle: int, num_classes: int = 10) -> Any:
    """timm's model with the first `middle` of its eight blocks in the middle flow."""
    import tests.parity.torchvision_alone  # noqa: F401 - before timm, which imports torchvision
    import timm  # isort: skip
    from torch import nn

    net = timm.create_model("legacy_xception", num_classes=num_classes)
    for number in range(4 + middle, 12):
        setattr(net, f"block{number}", nn.Identity())
    return net


CASES = (
    Case(
        label="xception_keras",
        family="xception_keras",
        model="xception",
        reference="keras Xception",
        build=lambda: keras("Xception", 84),
        stages={stage: KERAS[stage] for stage in ("stage2", "stage3", "stage4")},
        size=84,
        framework="keras",
    ),
    Case(
        label="xception_timm",
        family="xception_timm",
        model="xception(middle=1, padding='symmetric', epsilon=1e-05)",
        reference="timm legacy_xception, 1 middle block",
        build=lambda: timm(1),
        stages={stage: TIMM[stage] for stage in ("stage1", "stage2", "stage3", "stage4")},
        size=64,
    ),
    Case(
        label="xception_keras_full",
        family="xception_keras",
        model="xception",
        reference="keras Xception",
        build=lambda: keras("Xception", 299, 1000),
        stages=KERAS,
        size=299,
        num_classes=1000,
        framework="keras",
        live=True,
    ),
    Case(
        label="xception_timm_full",
        family="xception_timm",
        model="xception(padding='symmetric', epsilon=1e-05)",
        reference="timm legacy_xception",
        build=lambda: timm(8, 1000),
        stages=TIMM,
        size=299,
        num_classes=1000,
        live=True,
    ),
)
