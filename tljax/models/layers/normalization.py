"""BatchNorm and LayerNorm, with the conventions that pretrained weights rely on."""

from typing import Any

import flax.linen as nn


def batch_norm(
    batch_stats_in: bool, dtype: Any, name: str, epsilon: float = 1e-5, momentum: float = 0.9, scale_init: Any = nn.initializers.ones
) -> nn.BatchNorm:
    """BatchNorm (Ioffe and Szegedy 2015) with statistics in float32.

    With `batch_stats_in` it normalizes by the batch's statistics and updates the running ones,
    ``running = momentum * running + (1 - momentum) * batch`` (biased variance; PyTorch stores n / (n - 1) times it, with momentum
    counted the other way: its 0.1 is 0.9 here). Without, it uses the running statistics and leaves them alone.
    """
    return nn.BatchNorm(
        use_running_average=not batch_stats_in, momentum=momentum, epsilon=epsilon, dtype=dtype, scale_init=scale_init, name=name
    )


def layer_norm(epsilon: float, dtype: Any, name: str | None = None) -> nn.LayerNorm:
    """LayerNorm (Ba et al. 2016) of the last axis.

    The variance is that of the centered values: ``E[x^2] - E[x]^2`` cancels on the large means that trained residual streams have.
    """
    return nn.LayerNorm(epsilon, dtype, use_fast_variance=False, name=name)
