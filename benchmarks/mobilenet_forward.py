"""MobileNetV1 x0.25, forward pass at 224 pixels, batch 32: this project against PyTorch on CPUs.

  python -m benchmarks.mobilenet_forward            (needs requirements.txt and requirements-parity.txt in one environment)

Both hold the same weights, and their outputs are compared first. Then they run by turns, each in a process of its own, because two thread
pools in one process slow each other down. Printed are medians over the turns and the medians of each turn's ratios; PyTorch in its default
memory format, then in channels_last.

Measured four times on 2 cores (AMD EPYC, AVX2), jax 0.12.0.1 and torch 2.13.0: 614 to 726 images/s against 294 to 323 (ratios 2.11, 1.74,
2.23, 2.15) and against 460 to 577 in channels_last (1.55, 1.15, 1.39, 1.14).
"""

import subprocess
import sys
import time
from collections.abc import Callable

import jax
import numpy as np
import torch
from torch import nn

from tljax import models, trees
from tljax.weights.keymap import file_name, keymaps, translate

BATCH, SIZE, TURNS, CALLS = 32, 224, 5, 15
SIDES = ("jax", "torch", "channels_last")
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


def ours() -> tuple[Callable[..., jax.Array], dict, jax.Array]:
    """``(logits, variables, x)`` of this project."""
    model = models.create("mobilenet_v1(width=0.25, activation='leaky_relu')", 1000)
    x = np.random.default_rng(0).normal(size=(BATCH, SIZE, SIZE, 3)).astype(np.float32)
    return jax.jit(lambda v, x: model.apply(v, x).logits), models.init(model, jax.random.key(0)), jax.device_put(x)


def theirs(memory_format: torch.memory_format) -> Callable[[], torch.Tensor]:
    """A call of the PyTorch model on the same input and weights."""
    _, variables, x = ours()
    net = copied(MobileNet(), variables).to(memory_format=memory_format)
    batch = torch.from_numpy(np.asarray(x).transpose(0, 3, 1, 2).copy()).to(memory_format=memory_format)
    return lambda: net(batch)


def side(name: str) -> Callable[[], object]:
    """What one side calls."""
    if name != "jax":
        return theirs(torch.channels_last if name == "channels_last" else torch.contiguous_format)
    logits, variables, x = ours()
    return lambda: logits(variables, x).block_until_ready()


@torch.inference_mode()
def turn(name: str) -> float:
    """Median seconds of a call, after two to warm up."""
    call, times = side(name), []
    for _ in range(2 + CALLS):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return float(np.median(times[2:]))


def main() -> None:
    """Compare the outputs, then the speed."""
    with torch.inference_mode():
        logits, variables, x = ours()
        a, b = np.asarray(logits(variables, x)), theirs(torch.contiguous_format)().numpy()
    print(f"largest difference {np.abs(a - b).max() / np.abs(b).max():.1e} of the largest logit")
    command = [sys.executable, "-m", "benchmarks.mobilenet_forward"]
    turns = [[float(subprocess.check_output([*command, name])) for name in SIDES] for _ in range(TURNS)]
    for name, seconds in zip(SIDES, np.median(turns, axis=0), strict=True):
        ratio = np.median([of[SIDES.index(name)] / of[0] for of in turns])
        print(f"{name}: {BATCH / seconds:.0f} images/s, {ratio:.2f} of the time of jax")
    print(f"medians of {TURNS} turns; jax {jax.__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    print(turn(sys.argv[1])) if len(sys.argv) > 1 else main()
