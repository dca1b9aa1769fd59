"""AlexNet, beside torchvision's."""

import functools
from typing import Any

from tests.parity.case import Case

STAGES = {"stage1": "features.2", "stage2": "features.5", "stage3": "features.12", "fc6": "classifier.2", "fc7": "classifier.5"}


def torchvision(num_classes: int, width: int = 64, fc: tuple[int, int] = (4096, 4096)) -> Any:
    """torchvision's model, its layers replaced by others of the same kind, as wide as ours."""
    import tests.parity.torchvision_alone  # noqa: F401, I001 - before torchvision
    from torch import nn
    from torchvision import models

    net, wide = models.alexnet(weights=None, num_classes=num_classes, dropout=0.0), 3
    for place, factor in ((0, 1), (3, 3), (6, 6), (8, 4), (10, 4)):
        old = net.features[place]
        net.features[place] = nn.Conv2d(wide, width * factor, old.kernel_size, old.stride, old.padding)
        wide = width * factor
    for place, inputs, outputs in ((1, wide * 6 * 6, fc[0]), (4, *fc), (6, fc[1], num_classes)):
        net.classifier[place] = nn.Linear(inputs, outputs)
    return net


def _case(label: str, model: str, size: int, **more: Any) -> Case:
    return Case(label=label, family="alexnet", model=model, reference="torchvision alexnet", stages=STAGES, size=size, **more)


CASES = (
    # 160 pixels leave a map of 4x4, of which 6x6 overlapping means are taken
    _case("alexnet", "alexnet(width=32, fc=(256, 192))", 160, build=functools.partial(torchvision, 10, 32, (256, 192))),
    _case("alexnet_full", "alexnet", 224, build=functools.partial(torchvision, 1000), num_classes=1000, live=True),
)
