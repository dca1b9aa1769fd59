"""timm's ``config.json``: the architecture's name tells TensorFlow's conventions from PyTorch's, which no weight does."""

from collections.abc import Mapping
from typing import Any

from tljax import registry
from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig

TENSORFLOW: dict[str, Any] = {"padding": "asymmetric", "epsilon": 1e-3}
"""Arguments of models with TensorFlow's conventions: those of Keras, and those that timm calls ``tf_...``."""


def apply_timm_config(fields: dict[str, Any], timm_config: Mapping[str, Any]) -> dict[str, Any]:
    """Adds TensorFlow's conventions to the fields where timm calls the architecture ``tf_...`` (`Keymap.apply_hf_config`)."""
    if not str(timm_config.get("architecture", "")).startswith("tf_"):
        return fields
    name, _, arguments = registry.parse(fields["model"])
    return fields | {"model": format_call(name, **(arguments | TENSORFLOW))}


def to_timm_config(config: PretrainedConfig, name: str) -> dict[str, dict[str, Any]]:
    """Builds timm's ``config.json`` (`Keymap.to_hf_config`).

    Args:
      config: ours.
      name: the architecture's without ``tf_``; ``{width:03}`` in it stands for the width in hundredths.
    """
    arguments = registry.parse(config.model)[2]
    prefix = "tf_" if arguments.get("padding") == TENSORFLOW["padding"] else ""
    architecture = prefix + name.format(width=round(100 * arguments.get("width", 1.0)))
    return {"config.json": {"architecture": architecture, "num_classes": config.num_classes}}
