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
    bn_modes,
    groups,
    register,
    spans,
    strategies,
    trained_parts,
    unfrozen_at,
)

registry.import_all(__name__, __path__)
registry.publish(globals(), strategies)


def create(expression: Any, stages: tuple[str, ...]) -> Strategy:
    """The strategy of a call expression, for a model with these stages: ``create("freeze_first(2)", model.stages)``.

    Args:
      expression: a call, a `registry.Call` such as ``freeze_first(2)`` gives where no stages are named, or a `Strategy`, returned as it is.
      stages: of the backbone, from input to output.

    Raises:
      KeyError: unknown name. ValueError: arguments that it does not take or that make no sense for these stages.
    """
    built: Any = strategies.create(expression, stages=tuple(stages))
    return built


__all__ = [
    "FROZEN", "TRAINED", "Group", "Phase", "Span", "Strategy", "at", "bn_modes", "create", "groups", "head_inits", "needs_features",
    "register", "spans", "strategies", "trained_parts", "unfrozen_at",
]  # fmt: skip
