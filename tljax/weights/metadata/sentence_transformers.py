"""Pooling, length and normalization of a folder of sentence-transformers, which makes one vector of a text."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from tljax import registry
from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig, json_object
from tljax.weights.json_values import Values

POOLS = {"cls": "cls", "mean": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
"""Its names of pools -> ours."""


def apply_modules(base: PretrainedConfig, folder: Path) -> PretrainedConfig:
    """Corrects an encoder's config `base` by the folder's ``modules.json`` and the files that it names; unchanged where there is none.

    A module that is not taken over is named in `source`.

    Raises:
      ValueError: a pool that no model of ours has, values of another kind; names the file.
    """
    modules = _modules(folder / "modules.json")
    if "Pooling" not in modules:
        return base
    name, _, arguments = registry.parse(base.model)
    changes: dict[str, Any] = {"model": format_call(name, **(arguments | {"pool": _pool(folder / modules["Pooling"] / "config.json")}))}
    limit = _limit(folder / "sentence_bert_config.json")
    changes["input_size"] = (min(limit or base.input_size[0], base.input_size[0]),)
    if "Normalize" in modules and base.head == "features":
        changes["head"] = "features(normalize=True)"
    more = sorted(set(modules) - {"Transformer", "Pooling", "Normalize"})
    note = f"; pooling and length as modules.json beside it says{f', but not its {chr(44).join(more)}' if more else ''}"
    return dataclasses.replace(base, **changes, source=base.source + note)


def _modules(file: Path) -> dict[str, str]:
    """Kind of module -> its folder."""
    if not file.is_file():
        return {}
    try:
        return {str(m["type"]).rpartition(".")[2]: str(m["path"]) for m in json.loads(file.read_text(encoding="utf-8"))}
    except (ValueError, TypeError, LookupError, OSError) as e:
        raise ValueError(f"{file}: no list of modules with type and path: {e}") from None


def _pool(file: Path) -> str:
    content = json_object(file)
    named = content.get("pooling_mode")
    pools = [named] if isinstance(named, str) else [key for key, on in content.items() if key.startswith("pooling_mode_") and on is True]
    if len(pools) != 1 or pools[0] not in POOLS:
        raise ValueError(f"{file}: pools by {', '.join(pools) or 'nothing'}; there are cls and mean")
    return POOLS[pools[0]]


def _limit(file: Path) -> int:
    try:
        limit = Values(json_object(file)).get("max_seq_length", int)
    except ValueError as e:
        raise ValueError(f"{file}: {e}") from None
    return max(limit or 0, 0)
