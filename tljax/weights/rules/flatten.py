"""Transforms between a linear layer over a flattened map, as other frameworks store it, and the kernel `[side, side, C, out]` of ours.

Arrays of other shapes are passed on, transposed: the comparison of shapes tells what is wrong with them.
"""

import numpy as np

from tljax.weights.keymap import Transform


def nchw(side: int) -> Transform:
    """PyTorch: `[out, C side side]`, the channels outermost."""

    def forward(a: np.ndarray) -> np.ndarray:
        out, inputs = a.shape
        return a.T if inputs % side**2 else a.reshape(out, inputs // side**2, side, side).transpose(2, 3, 1, 0)

    return Transform(
        f"flattened C x {side} x {side} -> {side} x {side} x C", 2, forward, lambda a: a.transpose(3, 2, 0, 1).reshape(a.shape[3], -1)
    )


def nhwc(side: int) -> Transform:
    """Keras: `[side side C, out]`, the channels innermost."""

    def forward(a: np.ndarray) -> np.ndarray:
        inputs, out = a.shape
        return a if inputs % side**2 else a.reshape(side, side, inputs // side**2, out)

    return Transform(f"flattened {side} x {side} x C -> {side} x {side} x C", 2, forward, lambda a: a.reshape(-1, a.shape[3]))


def _from_pointwise(a: np.ndarray) -> np.ndarray:
    a = a.transpose(2, 3, 1, 0)
    return a[0, 0] if a.shape[:2] == (1, 1) else a


POINTWISE = Transform("1x1 convolution OIHW -> linear", 4, _from_pointwise, lambda a: a.T[:, :, None, None])
"""PyTorch's 1x1 convolution `[out, in, 1, 1]` to our linear layer `[in, out]`."""
