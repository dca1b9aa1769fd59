"""Strategies: which parameters move, at which rate, in which phase. Pure functions of the stages' names; no arrays, no model."""

from typing import Any

from tljax import registry
from tljax.strategies.head_init import head_inits, needs_features
from tljax.strategies.strategy import (
    FROZEN,
    TRAINED,
    Group,
    Phase,
    Span,
    Strategy,
    at,
    births,
    groups,
    register,
    spans,
    strategies,
    trained_parts,
)

registry.import_all(__name__, __path__)


def create(expression: str, stages: tuple[str, ...]) -> Strategy:
    """The strategy named by a call expression, for a model with these stages: ``create("freeze_first(2)", model.stages)``.

    Raises:
      KeyError: unknown name. ValueError: arguments that it does not take or that make no sense for these stages.
    """
    built: Any = strategies.create(expression, stages=tuple(stages))
    return built


__all__ = [
    "FROZEN", "TRAINED", "Group", "Phase", "Span", "Strategy", "at", "births", "create", "groups",
    "head_inits", "needs_features", "register", "spans", "strategies", "trained_parts",
]  # fmt: skip
