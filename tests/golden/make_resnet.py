"""Writes torchvision's outputs of ResNet-18 and -50 beside this script: ``python tests/golden/make_resnet.py``.

Needs requirements-parity.txt. ``resnet<depth>.npz``: weights and statistics follow from their names (`drawn.draw_residual`), inputs are
`drawn.images`, outputs sampled (`drawn.sample`). ``eval|<stage>`` are those of `EVAL`; ``train|<stage>`` of `TRAIN`, in training mode;
``running_mean|layer1``, ... the samples of a stage's running statistics after that call, one layer after the other, by name. A running
variance is stored as this project counts it: with n values per channel, torch moves it towards the batch's unbiased variance,
``new = .9 old + .1 n/(n-1) var``, ours towards the biased one, so ``ours = .9 old + (new - .9 old) (n-1)/n``.

``resnet_manifest.txt``: names and shapes of the state dicts of all depths; timm's are asserted to be the same.
"""

from pathlib import Path

import numpy as np
import timm
import torch
import torchvision_alone  # noqa: F401 - before torchvision
from drawn import draw_residual, images, sample
from torch import nn
from torchvision import models

HERE = Path(__file__).parent
EVAL, TRAIN = (2, 64), (4, 64)
"""Number and side of the images."""


def filled(depth: int) -> nn.Module:
    """torchvision's model with drawn weights and statistics."""
    net = getattr(models, f"resnet{depth}")(weights=None)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.from_numpy(draw_residual(name, tuple(value.shape), f"bn{3 if depth >= 50 else 2}")))
    return net


@torch.no_grad()
def run(net: nn.Module, x: np.ndarray) -> dict[str, np.ndarray]:
    """Samples of every stage's output and of the logits; stages `[N, H, W, C]`, as ours."""
    out = {}
    for ours, theirs in (("stem", "maxpool"), *((f"stage{i}", f"layer{i}") for i in (1, 2, 3, 4)), ("logits", "fc")):
        getattr(net, theirs).register_forward_hook(lambda _m, _i, y, ours=ours: out.__setitem__(ours, y))
    net(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    return {k: sample((v.permute(0, 2, 3, 1) if v.ndim == 4 else v).contiguous().numpy()) for k, v in out.items()}


def trained(net: nn.Module) -> dict[str, np.ndarray]:
    """One call in training mode: outputs, and samples of the running statistics with the variance as ours."""
    counts = {}
    norms = {name: module for name, module in net.named_modules() if isinstance(module, nn.BatchNorm2d)}
    for name, module in norms.items():
        module.register_forward_hook(lambda _m, _i, y, name=name: counts.__setitem__(name, y.numel() // y.shape[1]))
    before = {name: module.running_var.clone() for name, module in norms.items()}
    out = {f"train|{k}": v for k, v in run(net.train(), images(*TRAIN)).items()}
    stats: dict[str, list[np.ndarray]] = {}
    for name, module in sorted(norms.items()):
        n, old = counts[name], 0.9 * before[name]
        variance = old + (module.running_var - old) * (n - 1) / n
        for leaf, value in (("running_mean", module.running_mean), ("running_var", variance)):
            stats.setdefault(f"{leaf}|{name.split('.')[0]}", []).append(sample(value[None].numpy())[0])
    return out | {name: np.concatenate(values) for name, values in stats.items()}


def manifest(depth: int) -> list[str]:
    """``resnet18 layer1.0.conv1.weight 64 64 3 3``, ... in the state dict's order."""
    state = getattr(models, f"resnet{depth}")(weights=None).state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes == {name: tuple(value.shape) for name, value in timm.create_model(f"resnet{depth}").state_dict().items()}
    return [" ".join(map(str, (f"resnet{depth}", name, *shape))) for name, shape in shapes.items()]


def main() -> None:
    """Write the golden files."""
    for depth in (18, 50):
        out = {f"eval|{k}": v for k, v in run(filled(depth).eval(), images(*EVAL)).items()}
        np.savez_compressed(HERE / f"resnet{depth}.npz", **out, **trained(filled(depth)))
    lines = [line for depth in (18, 34, 50, 101, 152) for line in manifest(depth)]
    (HERE / "resnet_manifest.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
