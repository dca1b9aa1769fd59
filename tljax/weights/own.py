"""The project's own layout, as `weights.save` writes it: names are paths."""

from typing import Any

from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps


def _infer(shapes: Shapes) -> dict[str, Any]:
    raise ValueError("names of this project's own layout do not say the architecture: its config.json must lie beside the file")


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return PretrainedConfig(**fields)


@keymaps.register
def own() -> Keymap:
    """``params/...`` and ``batch_stats/...``, as they are."""
    return Keymap("own", {r"(params|batch_stats)/(.+)": (r"\1/\2", IDENTITY)}, _infer, _config)
