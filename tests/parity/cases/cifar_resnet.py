"""CIFAR ResNets, beside the same networks in PyTorch."""

import functools
from typing import Any

from tests.parity.case import Case
from tests.parity.drawn import draw_residual


def torch_model(depth: int) -> Any:
    """The network in PyTorch."""
    from tests.parity.torch_cifar_resnet import ResNet

    return ResNet(depth)


def _case(depth: int, live: bool) -> Case:
    return Case(
        label=f"resnet{depth}_cifar",
        family="cifar_resnet",
        model=f"resnet{depth}_cifar",
        reference="PyTorch, He et al. 2016, section 4.2",
        build=functools.partial(torch_model, depth),
        stages={f"stage{i}": f"layer{i}" for i in (1, 2, 3)},
        size=32,
        draw=functools.partial(draw_residual, last="bn2"),
        live=live,
    )


CASES = (_case(20, live=False), _case(110, live=True))
