"""Writes PyTorch's outputs of CIFAR ResNets beside this script: ``python tests/golden/make_cifar_logits.py [folder of real weights]``.

Needs requirements-parity.txt. ``cifar_resnet20_drawn.npz``: a ResNet-20 whose weights follow from their names (`drawn.draw`), so that none
need be stored. ``cifar_real_logits.npz`` (only where the folder is given): the published ResNet-20 and ResNet-32 on `drawn.images`.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from drawn import draw, images, sample
from torch import nn

HERE = Path(__file__).parent


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters."""

    def __init__(self, wide_in: int, wide: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(wide_in, wide, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide)
        self.conv2 = nn.Conv2d(wide, wide, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(wide)
        self.stride, self.extra = stride, (wide - wide_in) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        short = x[:, :, :: self.stride, :: self.stride]
        return torch.relu(y + nn.functional.pad(short, (0, 0, 0, 0, self.extra, self.extra)))


class ResNet(nn.Module):
    """He et al. 2016, section 4.2, with the names of the published checkpoints."""

    def __init__(self, depth: int):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        for i, (wide_in, wide) in enumerate([(16, 16), (16, 32), (32, 64)], 1):
            blocks = [Block(wide_in if j == 0 else wide, wide, 2 if i > 1 and j == 0 else 1) for j in range((depth - 2) // 6)]
            setattr(self, f"layer{i}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Every stage's output, and the logits."""
        out = {"stem": torch.relu(self.bn1(self.conv1(x)))}
        for before, stage in (("stem", 1), ("stage1", 2), ("stage2", 3)):
            out[f"stage{stage}"] = getattr(self, f"layer{stage}")(out[before])
        return out | {"logits": self.linear(out["stage3"].mean((2, 3)))}


@torch.no_grad()
def run(net: nn.Module, x: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs in our layout: stages `[N, H, W, C]`, logits `[N, classes]`."""
    out = net.eval()(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    return {k: (v.permute(0, 2, 3, 1) if v.ndim == 4 else v).contiguous().numpy() for k, v in out.items()}


def main() -> None:
    """Write the golden files."""
    net = ResNet(20)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.from_numpy(draw(name, tuple(value.shape))))
    out = run(net, images(4))
    np.savez_compressed(HERE / "cifar_resnet20_drawn.npz", **{k: v if k == "logits" else sample(v) for k, v in out.items()})
    if len(sys.argv) > 1:
        logits = {}
        for depth in (20, 32):
            file = torch.load(Path(sys.argv[1]) / f"cifar10_resnet{depth}_akamaster.th", map_location="cpu", weights_only=True)
            net = ResNet(depth)
            net.load_state_dict({k.removeprefix("module."): v for k, v in file["state_dict"].items()}, strict=False)
            logits[f"resnet{depth}"] = run(net, images(64))["logits"]
        np.savez_compressed(HERE / "cifar_real_logits.npz", **logits)


if __name__ == "__main__":
    main()
