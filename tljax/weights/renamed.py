"""Arguments that backbones and heads took by other names in earlier versions, whose checkpoints and workdirs still open."""

import inspect
from typing import Any

from tljax import registry
from tljax.models.create import backbones, heads

ARGUMENTS = {
    "backbone": {"hidden": "mlp_dim", "inner": "mlp_dim", "in_channels": "vocab_size"},
    "head": {"hidden": "mlp_dim", "normalise": "normalize"},
}
"""Kind of a factory -> its old argument -> its new one. Applied where the factory takes the new name and not the old: ``in_channels``
became ``vocab_size`` in text encoders alone."""

FIELDS = {"licence": "license"}
"""Old field of `PretrainedConfig` -> its new name."""

_REGISTRIES = {"backbone": backbones, "head": heads}


def current(kind: str, expression: str) -> str:
    """Rewrites a call expression of an earlier version: ``vit_tiny(hidden=96)`` -> ``vit_tiny(mlp_dim=96)``.

    Any other text comes back unchanged: a call by today's names, a call of an unknown factory, text that is no call.

    Args:
      kind: ``"backbone"`` or ``"head"``.
      expression: as stored in a config file.
    """
    try:
        name, args, kwargs = registry.parse(expression)
    except ValueError:
        return expression
    names = ARGUMENTS[kind]
    if not names.keys() & kwargs.keys() or name not in _REGISTRIES[kind]:
        return expression
    parameters = inspect.signature(_REGISTRIES[kind][name]).parameters
    renamed: dict[str, Any] = {}
    for argument, value in kwargs.items():
        new = names.get(argument, argument)
        applies = argument not in parameters and new in parameters and new not in kwargs
        renamed[new if applies else argument] = value
    return expression if renamed.keys() == kwargs.keys() else str(registry.Call(name, args, tuple(renamed.items())))
