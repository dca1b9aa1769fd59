"""CIFAR ResNets in PyTorch, written to the paper, with the names of the checkpoints of github.com/akamaster/pytorch_resnet_cifar10."""

import torch
from torch import nn


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

    def __init__(self, depth: int, classes: int = 10):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        for i, (wide_in, wide) in enumerate([(16, 16), (16, 32), (32, 64)], 1):
            blocks = [Block(wide_in if j == 0 else wide, wide, 2 if i > 1 and j == 0 else 1) for j in range((depth - 2) // 6)]
            setattr(self, f"layer{i}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))
