"""Names that earlier versions used in call expressions, so that their workdirs are still read and resumed."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from tljax import registry
from tljax.weights.renamed import current

STRATEGIES = {
    "probe": ("linear_probe", {}),
    "gradual_unfreezing": ("gradual_unfreezing", {"per": "phase_length"}),
    "layerwise_decay": ("layerwise_decay", {"gamma": "decay"}),
}
"""Earlier factory -> ``(today's factory, {earlier argument: today's})``."""


def strategy(expression: str) -> str:
    """Rewrite the expression of a strategy in today's names: ``layerwise_decay(gamma=0.5)`` -> ``layerwise_decay(decay=0.5)``."""
    return _rewritten(expression, STRATEGIES)


CURRENT: Mapping[str, Callable[[str], str]] = {
    "strategy": strategy,
    "strategy.call": strategy,
    "pretrained.model": functools.partial(current, "backbone"),
    "pretrained.head": functools.partial(current, "head"),
}
"""Entry of a run's description (`spec.spec`) -> the function that rewrites its expression."""


def entries(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A run's stored description in today's names."""
    return {name: CURRENT[name](value) if name in CURRENT and isinstance(value, str) else value for name, value in stored.items()}


def spellings(expression: str) -> list[str]:
    """The expression of a strategy as it stands, then as an earlier version wrote it, where that differs."""
    backwards = {today: (earlier, {new: old for old, new in arguments.items()}) for earlier, (today, arguments) in STRATEGIES.items()}
    return list(dict.fromkeys([expression, _rewritten(expression, backwards)]))


def _rewritten(expression: str, table: Mapping[str, tuple[str, Mapping[str, str]]]) -> str:
    """The expression by a table such as `STRATEGIES`; unchanged where the table does not name it, or where it is no call."""
    try:
        name, args, kwargs = registry.parse(expression)
    except ValueError:
        return expression
    factory, arguments = table.get(name, (name, {}))
    if factory == name and not arguments.keys() & kwargs.keys():
        return expression
    return str(registry.Call(factory, args, tuple((arguments.get(key, key), value) for key, value in kwargs.items())))
