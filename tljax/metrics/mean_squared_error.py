"""Mean squared error: each example has one or several numbers."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn import metrics as sk

from tljax.metrics.checks import check_finite, check_shapes, statistics_of
from tljax.metrics.metric import Metric, register


@register
def mean_squared_error(*, mean: tuple[float, ...] = (), std: tuple[float, ...] = ()) -> Metric:
    """Errors of outputs `[B, D]` against labels `[B, D]`, both standardized, measured in the targets' own units.

    With the prediction ``p = output * std + mean`` and the target ``t = label * std + mean``, averaged over D:

    - `mse`: mean of ``(p - t)^2``; `rmse`: its root; `mae`: mean of ``|p - t|``;
    - `r2`: ``1 - sum (p - t)^2 / sum (t - mean t)^2``, None if a target does not vary.

    Args:
      mean: of each of the D targets; empty: 0.
      std: the same; empty: 1.

    Raises:
      ValueError: when traced, other shapes, or `mean` or `std` for another D; from `host`, no examples.
      NotFinite: from `host`, a prediction or a target that is not finite (names the index).
    """

    def rows(forward: Callable[..., Any], batch: Mapping[str, Any]) -> dict[str, jax.Array]:
        outputs, labels = forward(batch).logits, batch["label"]
        check_shapes(outputs, labels, "[B, D]")
        for name, values in (("mean", mean), ("std", std)):
            if values and len(values) != labels.shape[1]:
                raise ValueError(f"mean_squared_error: expected {labels.shape[1]} values for {name}, one per target, found {len(values)}")
        return {"outputs": outputs.astype(jnp.float32), "labels": labels.astype(jnp.float32)}

    def host(streams: Mapping[str, Any]) -> dict[str, Any]:
        statistics = statistics_of(streams)
        scale, shift = np.asarray(std or 1.0, np.float64), np.asarray(mean or 0.0, np.float64)
        # In float64, as float32 loses digits if the mean is large relative to the deviation.
        predictions, targets = (np.asarray(statistics[name], np.float64) * scale + shift for name in ("outputs", "labels"))
        return _numbers(predictions, targets)

    return Metric(rows, host, ("mse", -1.0))


def _numbers(predictions: np.ndarray, targets: np.ndarray) -> dict[str, float | None]:
    check_finite(np.isfinite(predictions).all(axis=1), "predictions")
    check_finite(np.isfinite(targets).all(axis=1), "targets")
    mse = float(sk.mean_squared_error(targets, predictions))
    return {
        "mse": mse,
        "rmse": float(np.sqrt(mse)),
        "mae": float(sk.mean_absolute_error(targets, predictions)),
        "r2": float(sk.r2_score(targets, predictions)) if np.all(np.ptp(targets, axis=0) > 0) else None,
    }
