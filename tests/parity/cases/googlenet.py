"""GoogLeNet, beside torchvision's."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.parity.case import Case
from tests.parity.drawn import draw, images, unshrunk

MEAN, STD = np.array((0.485, 0.456, 0.406), np.float32), np.array((0.229, 0.224, 0.225), np.float32)
STAGES = {"stem": "conv1", "stage1": "conv3", "stage2": "inception3b", "stage3": "inception4e", "stage4": "inception5b"}


def torchvision(name: str, num_classes: int = 10, auxiliary: bool = False) -> Any:
    """torchvision's model; with `auxiliary` as published: with more classifiers, and inputs normalized by `MEAN`, `STD`."""
    import tests.parity.torchvision_alone  # noqa: F401 - before torchvision
    from torchvision import models  # isort: skip

    rates = {"dropout": 0.0} | ({"dropout_aux": 0.0} if name == "googlenet" else {})
    options = {"aux_logits": auxiliary, "transform_input": auxiliary, "init_weights": False}
    return getattr(models, name)(weights=None, num_classes=num_classes, **options, **rates)


def renormalized(net: Any, batch: dict[str, np.ndarray]) -> Any:
    """Its output for inputs that were made for a mean and deviation of 0.5 each, which it makes of others by itself."""
    import torch

    x = (batch["x"] * 0.5 + 0.5 - MEAN) / STD
    return net(torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))))


def many(size: int) -> Callable[[int], dict[str, np.ndarray]]:
    """Eight examples for training mode: with fewer, BatchNorm of 2x2 maps magnifies rounding errors to the order of the tolerance."""
    return lambda count: {"x": images(8 if count > 2 else count, size)}


def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """As there are no shortcuts, the signal must not shrink."""
    return unshrunk(name, draw(name, shape))


CASES = (
    Case(
        label="googlenet",
        family="googlenet",
        model="googlenet",
        reference="torchvision googlenet",
        build=lambda: torchvision("googlenet"),
        stages={stage: spot for stage, spot in STAGES.items() if stage != "stem"},
        size=48,
        inputs=many(48),
        draw=drawn,
    ),
    Case(
        label="googlenet_full",
        family="googlenet",
        model="googlenet",
        reference="torchvision googlenet",
        build=lambda: torchvision("googlenet", 1000, auxiliary=True),
        stages=STAGES,
        size=224,
        num_classes=1000,
        call=renormalized,
        draw=drawn,
        training=False,
        live=True,
    ),
)
