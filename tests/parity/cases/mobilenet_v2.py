"""MobileNetV2, beside torchvision's, timm's and Keras's."""

import functools
from typing import Any

from tests.parity.case import Case

TORCHVISION = {"stem": "features.0"} | {f"stage{i}": f"features.{n}" for i, n in enumerate((1, 3, 6, 13, 17), 1)} | {"last": "features.18"}
TIMM = {"stem": "bn1"} | {f"stage{i}": f"blocks.{n}" for i, n in enumerate((0, 1, 2, 4, 6), 1)} | {"last": "bn2"}
KERAS = {"stem": "Conv1_relu", "stage1": "expanded_conv_project_BN", "stage5": "block_16_project_BN", "last": "out_relu"}
KERAS |= {f"stage{i}": f"block_{n}_add" for i, n in ((2, 2), (3, 5), (4, 12))}
TF = "padding='asymmetric', epsilon=0.001"


def torchvision(classes: int, width: float) -> Any:
    """torchvision's model."""
    import tests.parity.torchvision_alone  # noqa: F401 - before torchvision  # isort: skip
    from torchvision import models

    return models.mobilenet_v2(weights=None, num_classes=classes, width_mult=width, dropout=0.0)


def timm(classes: int, width: float, depth: float = 1.0, fixed: bool = False) -> Any:
    """timm's model."""
    import tests.parity.torchvision_alone  # noqa: F401 - before timm, which imports torchvision  # isort: skip
    from timm.models import efficientnet

    return efficientnet._gen_mobilenet_v2("mobilenetv2_100", width, depth, fix_stem_head=fixed, num_classes=classes)


def keras(size: int, classes: int, width: float) -> Any:
    """Keras's model, without the last softmax."""
    from keras import applications

    return applications.MobileNetV2((size, size, 3), alpha=width, weights=None, classes=classes, classifier_activation=None)


_full = functools.partial(Case, size=224, num_classes=1000, live=True)

CASES = (
    Case(
        label="mobilenet_v2", family="mobilenet_v2", model="mobilenet_v2(width=0.25)", reference="torchvision mobilenet_v2",
        build=functools.partial(torchvision, 10, 0.25), stages=TORCHVISION,
    ),
    Case(
        label="mobilenet_v2_timm", family="mobilenet_v2_timm", model="mobilenet_v2(width=0.25, depth=0.6, fixed_ends=True)",
        reference="timm mobilenetv2", build=functools.partial(timm, 10, 0.25, 0.6, fixed=True), stages=TIMM,
    ),
    Case(
        label="mobilenet_v2_keras", family="mobilenet_v2_keras", model=f"mobilenet_v2(width=0.25, {TF})", reference="keras MobileNetV2",
        build=functools.partial(keras, 64, 10, 0.25), stages=KERAS | {"stage1": "expanded_conv_add"}, framework="keras",
    ),
    _full(
        label="mobilenet_v2_full", family="mobilenet_v2", model="mobilenet_v2", reference="torchvision mobilenet_v2",
        build=functools.partial(torchvision, 1000, 1.0), stages=TORCHVISION, double=True,
    ),
    _full(
        label="mobilenet_v2_120d_timm_full", family="mobilenet_v2_timm", model="mobilenet_v2(width=1.2, depth=1.4, fixed_ends=True)",
        reference="timm mobilenetv2_120d", build=functools.partial(timm, 1000, 1.2, 1.4, fixed=True), stages=TIMM, double=True,
    ),
    _full(
        label="mobilenet_v2_035_keras_full", family="mobilenet_v2_keras", model=f"mobilenet_v2(width=0.35, {TF})",
        reference="keras MobileNetV2 0.35", build=functools.partial(keras, 224, 1000, 0.35), stages=KERAS, framework="keras",
        training=False,  # with its momentum of 0.999, float32 keeps three digits fewer of the batch's statistics
    ),
)  # fmt: skip
