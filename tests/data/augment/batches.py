"""Batches of small random images, as `train_batches` gives them."""

import numpy as np


def images(n=4, size=(12, 10), channels=3, epoch=0, seed=0):
    """A batch of `n` uint8 images with labels 0, 1, 2, 0, ..."""
    rng = np.random.default_rng(seed)
    return {
        "x": rng.integers(0, 256, (n, *size, channels), np.uint8),
        "label": np.arange(n, dtype=np.int32) % 3,
        "valid": np.ones(n, np.float32),
        "index": np.arange(n, dtype=np.int32) + 5,
        "epoch": np.full(n, epoch, np.int32),
    }


def smooth(height=48, width=48):
    """An image [H, W, 3] uint8 whose neighboring pixels differ little, so that ways of interpolating agree."""
    v, u = np.mgrid[:height, :width] / max(height, width)
    x = np.stack([0.5 + 0.4 * np.sin(4 * u + v), 0.4 + 0.3 * np.cos(3 * v) + 0.2 * u, 0.2 + 0.6 * u * v], -1)
    return np.round(255 * x).astype(np.uint8)
