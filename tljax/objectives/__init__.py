"""Objectives: what a run minimizes. A new one is one file here."""

from tljax import registry
from tljax.objectives.compose import add, create
from tljax.objectives.objective import Aux, Context, Forward, Objective, model_params, objectives, register, weighted_mean, weights

registry.import_all(__name__, list(__path__))
registry.publish(globals(), objectives)

__all__ = [
    "Aux", "Context", "Forward", "Objective", "add", "create", "model_params", "objectives", "register", "weighted_mean", "weights",
]  # fmt: skip
