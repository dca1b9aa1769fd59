"""MobileNetV1 x0.25, forward pass at 224 pixels, batch 32: this project against PyTorch, by turns in one process.

  python -m benchmarks.mobilenet_forward            (needs requirements.txt and requirements-parity.txt in one environment)

Both sides hold the same weights; their outputs are compared first. Printed are the median images/s of both, and the median ratio
of neighbouring measurements.
"""

import os
import time
from collections.abc import Callable

import jax
import numpy as np
import torch
from torch import nn

from tljax import models, trees
from tljax.weights.keymap import file_name, keymaps, translate

BATCH, SIZE, REPEATS = 32, 224, 15
WIDTHS = ((8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2), *[(128, 128, 1)] * 5, (128, 256, 2), (256, 256, 1))
"""``(channels in, out, stride)`` of the 13 blocks."""


def convolution(wide_in: int, wide: int, stride: int, groups: int = 1, size: int = 3) -> list[nn.Module]:
    """Convolution, BatchNorm, LeakyReLU(0.1)."""
    conv = nn.Conv2d(wide_in, wide, size, stride, size // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(wide), nn.LeakyReLU(0.1, inplace=True)]


class MobileNet(nn.Module):
    """The PyTorch model whose names the key table `mobilenet_v1_torch` reads."""

    def __init__(self) -> None:
        super().__init__()
        blocks = [nn.Sequential(*convolution(i, i, s, i), *convolution(i, o, 1, size=1)) for i, o, s in WIDTHS]
        self.stage1 = nn.Sequential(nn.Sequential(*convolution(3, 8, 2)), *blocks[:5])
        self.stage2, self.stage3 = nn.Sequential(*blocks[5:11]), nn.Sequential(*blocks[11:])
        self.fc = nn.Linear(256, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits `[B, 1000]` of `[B, 3, H, W]`."""
        return self.fc(self.stage3(self.stage2(self.stage1(x))).mean((2, 3)))


def copied(net: nn.Module, variables: dict) -> nn.Module:
    """`net` with this project's weights."""
    keymap, state = keymaps["mobilenet_v1_torch"](), {}
    for path, leaf in trees.flatten(variables).items():
        name = file_name(keymap, path)
        state[name] = torch.from_numpy(np.array(translate(keymap, [name]).known[name][0][1].backward(np.asarray(leaf))))
    net.load_state_dict(state, strict=False)
    return net.eval()


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def main() -> None:
    """Compare the outputs, then the speed."""
    jax.config.update("jax_platforms", "cpu")
    model = models.create("mobilenet_v1(width=0.25, activation='leaky_relu')", 1000)
    variables = models.init(model, jax.random.key(0))
    x = np.random.default_rng(0).normal(size=(BATCH, SIZE, SIZE, 3)).astype(np.float32)
    ours, on_device = jax.jit(lambda v, x: model.apply(v, x).features), jax.device_put(x)
    net, theirs_x = copied(MobileNet(), variables), torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    features = nn.Sequential(net.stage1, net.stage2, net.stage3)
    with torch.inference_mode():
        a, b = np.asarray(ours(variables, on_device)), features(theirs_x).mean((2, 3)).numpy()
        print(f"largest difference {np.abs(a - b).max() / np.abs(b).max():.1e} of the largest feature")
        times = []
        for _ in range(REPEATS):
            times.append((seconds(lambda: ours(variables, on_device).block_until_ready()), seconds(lambda: features(theirs_x))))
    jax_s, torch_s = np.median(times, axis=0)
    ratio = np.median([t / j for j, t in times])
    print(f"jax {jax.__version__}: {BATCH / jax_s:.0f} images/s; torch {torch.__version__}: {BATCH / torch_s:.0f} images/s, "
          f"{torch.get_num_threads()} threads of {os.cpu_count()} cores; ratio {ratio:.2f} (median of {REPEATS})")  # fmt: skip


if __name__ == "__main__":
    main()
