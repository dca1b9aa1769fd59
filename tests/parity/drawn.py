"""Inputs and weights that both sides of a parity test draw from seeds and names, so that neither needs to be stored."""

import zlib

import numpy as np


def images(count: int, size: int = 32) -> np.ndarray:
    """Deterministic inputs `[N, size, size, 3]` float32, about normalised: smooth blobs with noise, each with its own contrast."""
    r = np.random.default_rng(20)
    coarse = r.normal(size=(count, 4, 4, 3)).repeat(-(-size // 4), axis=1).repeat(-(-size // 4), axis=2)[:, :size, :size]
    return ((coarse + 0.3 * r.normal(size=(count, size, size, 3))) * r.uniform(0.5, 1.5, (count, 1, 1, 1))).astype(np.float32)


def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Weights from a name alone that keep the signal's variance: fan-in scaled kernels, BatchNorm near the identity."""
    r = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith(("cls_token", "pos_embed")):
        return r.normal(0, 0.5, shape).astype(np.float32)
    if len(shape) > 1:
        return r.normal(0, (2.0 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)
    if name.endswith("running_var"):
        return r.uniform(0.5, 1.5, shape).astype(np.float32)
    if name.endswith("weight"):
        return r.uniform(0.6, 1.0, shape).astype(np.float32)
    return r.normal(0, 0.1, shape).astype(np.float32)


def draw_residual(name: str, shape: tuple[int, ...], last: str) -> np.ndarray:
    """As `draw`, but the scale of each block's `last` BatchNorm (``"bn2"``) is a third, or the residual sums would grow block by block."""
    branch = name.startswith("layer") and name.endswith(f"{last}.weight")
    return draw(name, shape) * np.float32(0.35 if branch else 1)


def draw_keras(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """As `draw`, for Keras's names and its layout: a depthwise kernel is `[H, W, C, 1]`, any other kernel `[..., in, out]`."""
    name = name.replace("gamma", "weight").replace("moving_variance", "running_var")
    if len(shape) == 4 and shape[-1] == 1:
        return draw(name, (shape[2], 1, *shape[:2])).transpose(2, 3, 0, 1)
    return np.moveaxis(draw(name, (shape[-1], *shape[:-1])), 0, -1) if len(shape) > 1 else draw(name, shape)


def unshrunk(name: str, value: np.ndarray) -> np.ndarray:
    """A drawn array, BatchNorm's scales 1.3-fold: without shortcuts the signal would shrink by a fifth in every layer."""
    return value * np.float32(1.3 if value.ndim == 1 and name.endswith(("weight", "gamma")) else 1)


def sample(value: np.ndarray) -> np.ndarray:
    """Every 61st element per image: 61 is prime to the extents, so all channels, rows and columns occur."""
    return value.reshape(len(value), -1)[:, ::61]
