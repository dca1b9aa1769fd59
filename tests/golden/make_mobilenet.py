"""Writes Keras's and PyTorch's outputs of MobileNetV1 x0.25 beside this script: ``python tests/golden/make_mobilenet.py``.

Needs requirements-parity.txt; Keras runs on torch. ``mobilenet_v1_keras.npz`` and ``mobilenet_v1_torch.npz``: weights follow from their
names (`drawn.draw_keras`, `drawn.draw`, `drawn.unshrunk`), inputs are `drawn.images`; ``eval|<stage>`` and ``train|<stage>`` are samples
(`drawn.sample`) of the outputs of every stage, and the logits; ``mean`` and ``var`` the last BatchNorm's statistics after the call in
training mode, the variance counted as this project does (for torch ``ours = .9 old + (new - .9 old) (n-1)/n`` with n values per channel;
Keras's is biased already).

``keras3.h5``, ``keras3.weights.h5``, ``keras3.keras``: one small Keras 3 model saved in its three ways, and ``keras3.npz`` its weights.
"""

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from drawn import draw, draw_keras, images, sample, unshrunk
from torch import nn

HERE = Path(__file__).parent
LAST_BLOCKS = {"stage1": 1, "stage2": 3, "stage3": 5, "stage4": 11, "stage5": 13}


def kept(stage: str, value: np.ndarray) -> np.ndarray:
    """A sample of a stage's output, all of the logits `[N, classes]`."""
    return value.reshape(len(value), -1) if stage == "logits" else sample(value)


def of_keras() -> dict[str, np.ndarray]:
    """keras.applications.MobileNet."""
    net = keras.applications.MobileNet(alpha=0.25, weights=None, input_shape=(64, 64, 3), classes=10, dropout=0.0)
    for layer in net.layers:
        layer.set_weights([unshrunk(w.name, draw_keras(f"{layer.name}/{w.name}", tuple(w.shape))) for w in layer.weights])
    ends = {"stem": "conv1_relu"} | {stage: f"conv_pw_{n}_relu" for stage, n in LAST_BLOCKS.items()} | {"logits": "conv_preds"}
    staged = keras.Model(net.input, {name: net.get_layer(layer).output for name, layer in ends.items()})
    out = {}
    for mode, count in (("eval", 2), ("train", 4)):
        values = staged(torch.from_numpy(images(count, 64)), training=mode == "train")
        out |= {f"{mode}|{k}": kept(k, v.detach().contiguous().numpy()) for k, v in values.items()}
    norm = net.get_layer("conv_pw_13_bn")
    return out | {"mean": np.asarray(norm.moving_mean.numpy()), "var": np.asarray(norm.moving_variance.numpy())}


def convolution(wide_in: int, wide: int, stride: int, groups: int = 1, size: int = 3) -> list[nn.Module]:
    """Convolution, BatchNorm, LeakyReLU(0.1)."""
    conv = nn.Conv2d(wide_in, wide, size, stride, size // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(wide), nn.LeakyReLU(0.1)]


def separable(wide_in: int, wide: int, stride: int) -> nn.Sequential:
    """Depthwise 3x3, pointwise 1x1."""
    return nn.Sequential(*convolution(wide_in, wide_in, stride, wide_in), *convolution(wide_in, wide, 1, size=1))


class MobileNet(nn.Module):
    """MobileNetV1 x0.25 in three sequences, with the names of the published checkpoint."""

    def __init__(self, classes: int):
        super().__init__()
        first = nn.Sequential(*convolution(3, 8, 2))
        widths = [(8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]
        self.stage1 = nn.Sequential(first, *(separable(*w) for w in widths))
        self.stage2 = nn.Sequential(separable(64, 128, 2), *(separable(128, 128, 1) for _ in range(5)))
        self.stage3 = nn.Sequential(separable(128, 256, 2), separable(256, 256, 1))
        self.fc = nn.Linear(256, classes)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Every stage's output, and the logits."""
        out = {}
        ends = {1: "stem", 2: "stage1", 4: "stage2", 6: "stage3", 12: "stage4", 14: "stage5"}
        for i, part in enumerate([*self.stage1, *self.stage2, *self.stage3], 1):
            x = part(x)
            out |= {ends[i]: x} if i in ends else {}
        return out | {"logits": self.fc(x.mean((2, 3)))}


@torch.no_grad()
def of_torch() -> dict[str, np.ndarray]:
    """The module above."""
    net, out = MobileNet(10), {}
    for name, value in net.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.from_numpy(unshrunk(name, draw(name, tuple(value.shape)))))
    norm = net.stage3[1][4]
    old = 0.9 * norm.running_var.clone()
    for mode, count in (("eval", 2), ("train", 4)):
        values = net.train(mode == "train")(torch.from_numpy(images(count, 64).transpose(0, 3, 1, 2).copy()))
        ours = {k: (v.permute(0, 2, 3, 1) if v.ndim == 4 else v).contiguous().numpy() for k, v in values.items()}
        out |= {f"{mode}|{k}": kept(k, v) for k, v in ours.items()}
    n = 4 * 2 * 2
    return out | {"mean": norm.running_mean.numpy(), "var": (old + (norm.running_var - old) * (n - 1) / n).numpy()}


def small_files() -> None:
    """One Keras 3 model in its three formats."""
    inner = keras.Sequential([keras.layers.Input((4, 4, 2)), keras.layers.DepthwiseConv2D(3, name="depth")], name="inner")
    x = inputs = keras.Input((4, 4, 2))
    for layer in (inner, keras.layers.BatchNormalization(name="norm"), keras.layers.Dropout(0.5), keras.layers.Flatten()):
        x = layer(x)
    net = keras.Model(inputs, keras.layers.Dense(3, name="out")(x))
    net.compile("adam", "mse")
    net.fit(np.ones((1, 4, 4, 2), "float32"), np.ones((1, 3), "float32"), verbose=0)
    net.save(HERE / "keras3.h5")
    net.save(HERE / "keras3.keras")
    net.save_weights(HERE / "keras3.weights.h5")
    layers = {"inner/depth": inner.layers[0], "norm": net.get_layer("norm"), "out": net.get_layer("out")}
    np.savez_compressed(HERE / "keras3.npz", **{f"{name}/{w.name}": w.numpy() for name, layer in layers.items() for w in layer.weights})


def main() -> None:
    """Write the golden files."""
    np.savez_compressed(HERE / "mobilenet_v1_keras.npz", **of_keras())
    np.savez_compressed(HERE / "mobilenet_v1_torch.npz", **of_torch())
    small_files()


if __name__ == "__main__":
    main()
