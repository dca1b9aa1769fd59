"""Layers that several backbones share."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


def batch_norm(bn_train: bool, dtype: Any, name: str, epsilon: float = 1e-5, momentum: float = 0.9) -> nn.BatchNorm:
    """BatchNorm (Ioffe and Szegedy 2015) with statistics in float32.

    With `bn_train` it normalises by the batch's statistics and updates the running ones,
    ``running = momentum * running + (1 - momentum) * batch`` (biased variance; PyTorch stores n / (n - 1) times it, with momentum
    counted the other way round: its 0.1 is 0.9 here). Without, it uses the running statistics and leaves them alone.
    """
    return nn.BatchNorm(use_running_average=not bn_train, momentum=momentum, epsilon=epsilon, dtype=dtype, name=name)


def option_a_shortcut(x: jax.Array, width: int, stride: int) -> jax.Array:
    """The parameter-free shortcut of CIFAR ResNets (He et al. 2016, section 4.2): `[B, H, W, C]` -> `[B, H/stride, W/stride, width]`.

    Every `stride`-th pixel, the new channels filled with zeros, half before and half after the old ones.
    """
    new = width - x.shape[-1]
    return jnp.pad(x[:, ::stride, ::stride], ((0, 0), (0, 0), (0, 0), (new // 2, new - new // 2)))
