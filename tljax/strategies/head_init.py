"""The first values of a new head: zeros, scaled normal, class-mean imprinting, closed-form ridge.

Each takes features `[N, D]` and integer labels `[N]` (unused by the first two) and gives ``(kernel [D, C], bias [C])`` in float32.
"""

from collections.abc import Callable

import numpy as np

from tljax import registry

HeadInit = Callable[[np.ndarray, np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]
head_inits = registry.Registry("head initialisation")
needs_features = frozenset({"imprint", "ridge"})


@head_inits.register
def zeros() -> HeadInit:
    """All zero: every class starts equally likely, and the first gradient of the backbone is zero."""
    return lambda features, labels, classes, seed: _float32(np.zeros((features.shape[1], classes)), np.zeros(classes))


@head_inits.register
def normal(scale: float = 0.01) -> HeadInit:
    """Kernel drawn from N(0, scale^2), bias zero."""
    return lambda features, labels, classes, seed: _float32(
        np.random.default_rng(seed).normal(0.0, scale, (features.shape[1], classes)), np.zeros(classes)
    )


@head_inits.register
def imprint(scale: float = 1.0) -> HeadInit:
    """``kernel_c = scale * m_c / |m_c|``, where ``m_c`` is the mean of ``f / |f|`` over class c (Qi, Brown and Lowe 2018, section 3.1)."""

    def init(features: np.ndarray, labels: np.ndarray, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        f = _checked(features, labels, classes)
        unit = f / np.maximum(np.linalg.norm(f, axis=1, keepdims=True), 1e-12)
        means = np.stack([unit[labels == c].mean(0) for c in range(classes)], axis=1)
        return _float32(scale * means / np.maximum(np.linalg.norm(means, axis=0), 1e-12), np.zeros(classes))

    return init


@head_inits.register
def ridge(l2: float = 1.0, scale: float = 10.0) -> HeadInit:
    """Ridge regression of the one-hot labels Y on the features X, both centred (Hoerl and Kennard 1970), times `scale`.

    ``kernel = scale (Xc' Xc + l2 n I)^-1 Xc' Yc``, ``bias = scale (mean(Y) - mean(X) (Xc' Xc + l2 n I)^-1 Xc' Yc)``. The regression
    predicts values between 0 and 1; `scale` makes logits of them. Solved in float64; features are standardised by their total variance,
    so `l2` does not depend on their size.
    """

    def init(features: np.ndarray, labels: np.ndarray, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        f = _checked(features, labels, classes)
        onehot = np.eye(classes)[labels]
        centred, mean = f - f.mean(0), f.mean(0)
        penalty = l2 * len(f) * max(centred.var(0).mean(), 1e-12)
        kernel = np.linalg.solve(centred.T @ centred + penalty * np.eye(f.shape[1]), centred.T @ (onehot - onehot.mean(0)))
        return _float32(scale * kernel, scale * (onehot.mean(0) - mean @ kernel))

    return init


def _checked(features: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    empty = [c for c in range(classes) if not (labels == c).any()]
    if empty:
        raise ValueError(f"this head initialisation needs an example of every class; none of class {empty}")
    return features.astype(np.float64)


def _float32(kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return kernel.astype(np.float32), bias.astype(np.float32)
