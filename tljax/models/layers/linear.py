"""Linear layers."""

from typing import Any

import flax.linen as nn

bert_init = nn.initializers.normal(0.02)
"""Normal with standard deviation 0.02, as BERT draws its kernels (Devlin et al. 2019, as released)."""


def dense(width: int, dtype: Any, name: str) -> nn.Dense:
    """A linear layer with bias, drawn as in BERT."""
    return nn.Dense(width, dtype=dtype, kernel_init=bert_init, name=name)
