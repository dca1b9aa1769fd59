"""The first values of a new head: zeros, scaled normal, class-mean imprinting, closed-form ridge.

Each is a function of features `[N, D]`, labels `[N, C]`, the number of outputs C and a seed, and returns ``(kernel [D, C], bias [C])`` in
float32. Labels have the form of the task: distributions, flags or standardized numbers. The first two ignore them.
"""

from collections.abc import Callable

import numpy as np

from tljax import registry

HeadInit = Callable[[np.ndarray, np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]
head_inits = registry.Registry("head initialization")
needs_features = frozenset({"imprint", "ridge"})


@head_inits.register
def zeros() -> HeadInit:
    """All zero: every class starts equally likely, and the first gradient of the backbone is zero."""
    return lambda features, labels, outputs, seed: _float32(np.zeros((features.shape[1], outputs)), np.zeros(outputs))


@head_inits.register
def normal(scale: float = 0.01) -> HeadInit:
    """Kernel drawn from N(0, scale^2), bias zero."""
    return lambda features, labels, outputs, seed: _float32(
        np.random.default_rng(seed).normal(0.0, scale, (features.shape[1], outputs)), np.zeros(outputs)
    )


@head_inits.register
def imprint(scale: float = 1.0) -> HeadInit:
    """``kernel_c = scale * m_c / |m_c|``, m_c the mean of ``f / |f|`` over class c (Qi, Brown and Lowe 2018, section 3.1).

    Of labels that are distributions t: ``m_c = sum_n t_nc f_n / |f_n| / sum_n t_nc``.
    """

    def init(features: np.ndarray, labels: np.ndarray, outputs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        if empty := np.flatnonzero(labels.sum(axis=0) <= 0).tolist():
            raise ValueError(f"head_init imprint needs an example of every class; the training data has none of class {empty}")
        f = features.astype(np.float64)
        unit = f / np.maximum(np.linalg.norm(f, axis=1, keepdims=True), 1e-12)
        means = unit.T @ labels / labels.sum(axis=0)
        return _float32(scale * means / np.maximum(np.linalg.norm(means, axis=0), 1e-12), np.zeros(outputs))

    return init


@head_inits.register
def ridge(l2: float = 1.0, scale: float | None = None, *, link: tuple[float, float] = (10.0, 0.0)) -> HeadInit:
    """Ridge regression of the labels Y on the features X, both centered (Hoerl and Kennard 1970), as outputs of the head.

    ``B = (Xc' Xc + l2 n v I)^-1 Xc' Yc`` with v the mean variance of the features, so that `l2` does not depend on their size;
    ``kernel = scale B``, ``bias = scale (mean(Y) - mean(X) B - center)``. Solved in float64.

    Args:
      l2: the penalty.
      scale: factor from predictions between 0 and 1 to outputs; None: the task's (10 for classes, 1 for numbers).
      link: the task's ``(scale, center)``, filled in by the caller.
    """
    factor, center = link[0] if scale is None else scale, link[1]

    def init(features: np.ndarray, labels: np.ndarray, outputs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        f, y = features.astype(np.float64), labels.astype(np.float64)
        centered, mean = f - f.mean(0), f.mean(0)
        penalty = max(l2 * len(f) * centered.var(0).mean(), 1e-12)
        kernel = np.linalg.solve(centered.T @ centered + penalty * np.eye(f.shape[1]), centered.T @ (y - y.mean(0)))
        return _float32(factor * kernel, factor * (y.mean(0) - mean @ kernel - center))

    return init


def _float32(kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return kernel.astype(np.float32), bias.astype(np.float32)
