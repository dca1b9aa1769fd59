"""Objectives: what is minimised."""

from typing import Any

from tljax import registry
from tljax.objectives.objective import Aux, Forward, Objective, objectives, register, weighted_mean, weights

registry.import_all(__name__, __path__)


def create(expression: str, **defaults: Any) -> Objective:
    """The objective named by a call expression, such as ``cross_entropy(label_smoothing=0.1)``.

    Args:
      expression: name or call.
      **defaults: facts of the data that a factory may take (`class_counts`).

    Raises:
      KeyError: unknown name. ValueError: arguments that it does not take.
    """
    built: Objective = objectives.create(expression, **defaults)
    return built


__all__ = ["Aux", "Forward", "Objective", "create", "objectives", "register", "weighted_mean", "weights"]
