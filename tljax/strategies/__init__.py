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
    """Make the strategy of a call expression for a model with these stages: ``create("freeze_first(2)", model.stages)``.

    Args:
      expression: text; or a `registry.Call`, which ``strategies.freeze_first(2)`` returns as it knows no stages; or a `Strategy`, which is
        returned as it is.
      stages: of the backbone, from input to output.

    Raises:
      KeyError: unknown name.
      ValueError: arguments that the strategy does not take, or that do not fit these stages; a function that returns no `Strategy`.
    """
    built = strategies.create(expression, stages=tuple(stages))
    if not isinstance(built, Strategy):
        verb = "returned" if isinstance(expression, str | registry.Call) else "is of type"
        raise ValueError(f"strategy {str(expression)!r} {verb} {type(built).__name__}, expected a Strategy: Strategy((Phase(...),))")
    return built


__all__ = [
    "FROZEN", "TRAINED", "Group", "Phase", "Span", "Strategy", "at", "bn_modes", "create", "groups", "head_inits", "needs_features",
    "register", "spans", "strategies", "trained_parts", "unfrozen_at",
]  # fmt: skip
