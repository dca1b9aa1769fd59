"""Writes PyTorch's logits of published CIFAR ResNets: ``python -m tests.parity.make_cifar_logits FOLDER``.

Needs requirements-parity.txt. ``cifar_real_logits.npz``: ResNet-20 and ResNet-32, of the files in FOLDER, on `drawn.images`.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from tests.parity.drawn import images
from tests.parity.torch_cifar_resnet import ResNet


@torch.no_grad()
def main(folder: str) -> None:
    """Write the golden file."""
    logits, x = {}, torch.from_numpy(images(64).transpose(0, 3, 1, 2).copy())
    for depth in (20, 32):
        file = torch.load(Path(folder) / f"cifar10_resnet{depth}_akamaster.th", map_location="cpu", weights_only=True)
        net = ResNet(depth).eval()
        net.load_state_dict({k.removeprefix("module."): v for k, v in file["state_dict"].items()}, strict=False)
        logits[f"resnet{depth}"] = net(x).numpy()
    np.savez_compressed(Path(__file__).parent / "cifar_real_logits.npz", **logits)


if __name__ == "__main__":
    main(sys.argv[1])
