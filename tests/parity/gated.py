"""Weights drawn for networks with squeeze-and-excitation, whose gates would otherwise halve the signal in every block."""

import re

import numpy as np

from tests.parity.drawn import draw, draw_keras

GATE = re.compile(r".*(?:se\.conv_expand|\.fc2)\.bias|.*(?:se_expand|squeeze_excite_conv_1)/bias")
"""The biases that the gates are about: torchvision's, timm's and Keras's names."""

WIDER, OPEN = 1.2, np.float32(2)
"""Factor of BatchNorm's scales, against the shrinking of the activations; what is added to the gates' biases."""


def draw_gated(name: str, shape: tuple[int, ...], wider: float = WIDER) -> np.ndarray:
    """As `drawn.draw`, or `draw_keras` for names with a slash; the gates open, BatchNorm's scales larger.

    Keras's layer that normalises the inputs leaves them as they are.
    """
    if name.startswith("normalization"):
        return np.full(shape, name.endswith("variance"), np.float32)
    value = (draw_keras if "/" in name else draw)(name, shape)
    if value.ndim == 1 and name.endswith(("weight", "gamma")):
        return value * np.float32(wider)
    return value + OPEN if GATE.fullmatch(name) else value
