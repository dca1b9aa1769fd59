"""Inputs and weights that both sides of a parity test draw from seeds and names, so that neither needs to be stored."""

import zlib

import numpy as np


def images(count: int, size: int = 32) -> np.ndarray:
    """Deterministic inputs `[N, size, size, 3]` float32, about normalised: smooth blobs with noise, each with its own contrast."""
    r = np.random.default_rng(20)
    coarse = r.normal(size=(count, 4, 4, 3)).repeat(size // 4, axis=1).repeat(size // 4, axis=2)
    return ((coarse + 0.3 * r.normal(size=(count, size, size, 3))) * r.uniform(0.5, 1.5, (count, 1, 1, 1))).astype(np.float32)


def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Weights from a name alone that keep the signal's variance: fan-in scaled kernels, BatchNorm near the identity."""
    r = np.random.default_rng(zlib.crc32(name.encode()))
    if len(shape) > 1:
        return r.normal(0, (2.0 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)
    if name.endswith("running_var"):
        return r.uniform(0.5, 1.5, shape).astype(np.float32)
    if name.endswith("weight"):
        return r.uniform(0.6, 1.0, shape).astype(np.float32)
    return r.normal(0, 0.1, shape).astype(np.float32)


def sample(value: np.ndarray) -> np.ndarray:
    """Every 61st element per image: 61 is prime to the extents, so all channels, rows and columns occur."""
    return value.reshape(len(value), -1)[:, ::61]
