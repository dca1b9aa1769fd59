"""`open`: a pretrained model from a weight file alone, its family recognised by names and shapes."""

import dataclasses
import inspect
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from tljax import models
from tljax.weights import config
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import keymaps, table, translate
from tljax.weights.load import LoadReport, fill
from tljax.weights.read import StrPath, locate, read_hashed


@dataclass(frozen=True)
class Pretrained:
    """A model with its weights, what its inputs must look like, and how it was loaded."""

    model: models.TransferModel
    variables: dict[str, Any]
    config: PretrainedConfig
    report: LoadReport


def open(path: StrPath, *, key: jax.Array | None = None, sha256: str = "", **overrides: Any) -> Pretrained:
    """Build the model that a weight file was written from, and load it.

    The architecture comes from the config beside the file (``<file>.json``, or ``config.json`` with the marker ``"tljax"``), else from
    the names and shapes in the file, by the first family whose table covers them all; the report says which.

    Args:
      path: as in `weights.read`.
      key: for a new head (default: ``jax.random.key(0)``).
      sha256: the expected hash; default: the one that the config records, if any.
      **overrides: arguments of `models.create` that win over what was found: `num_classes`, `head`, `in_channels`, `dtype`, ... The file is
        adapted as in `weights.load`; the config's mean and std as in `config.adapt_channels`; labels that no longer fit are dropped.

    Returns:
      `Pretrained`; its config describes the model as built and records the file's hash.

    Raises:
      FileNotFoundError, ValueError: as `weights.load`; and for a file of no known family: the nearest one and what
        differs; an unknown override.
    """
    known = [name for name in inspect.signature(models.create).parameters if name != "expression"]
    if unknown := sorted(set(overrides) - set(known)):
        raise ValueError(f"{path}: open does not take {', '.join(unknown)}; what can be overridden: {', '.join(known)}")
    found = config.beside(locate(path))
    arrays, digest = read_hashed(path, sha256 or (found[0].sha256 if found else ""))
    if found:
        base, fields, source = found[0], dataclasses.asdict(found[0]), str(found[1])
    else:
        base, fields, source = _recognise(arrays, str(path), overrides)
    fields = {name: overrides.get(name, fields[name]) for name in ("model", "num_classes", "head", "in_channels", "input_size")}
    arguments = {name: value for name, value in (fields | overrides).items() if name != "model"}
    model = models.create(base.model, **arguments)
    variables, report = fill(arrays, model, key, "auto", str(path), base.input_size)
    return Pretrained(model, variables, _described(base, fields, digest), dataclasses.replace(report, config=source))


def _recognise(arrays: dict[str, np.ndarray], where: str, overrides: dict[str, Any]) -> tuple[PretrainedConfig, dict[str, Any], str]:
    shapes = {name: a.shape for name, a in arrays.items()}
    nearest: list[tuple[float, str]] = []
    for family in keymaps:
        keymap = table(family)
        names = translate(keymap, shapes)
        share = f"{len(names.known)} of {len(shapes)} names fit"
        if names.unknown:
            differs = f"not its names: {', '.join(ascii(n)[1:-1] for n in names.unknown[:5])}{', ...' if len(names.unknown) > 5 else ''}"
        else:
            try:
                fields = keymap.infer(shapes)
                fields["num_classes"] = fields["num_classes"] or overrides.get("num_classes", 0)
                base = keymap.config(fields) if fields["num_classes"] else None
            except ValueError as e:
                differs = str(e)
            else:
                if base is None:
                    raise ValueError(f"{where}: of the family {family}, but it has no head: say num_classes")
                return base, dataclasses.asdict(base), f"table of {family} (no config beside the file)"
        nearest.append((len(names.known) / len(shapes), f"nearest is {family} ({share}), but {differs}"))
    best, text = max(nearest)
    raise ValueError(f"{where}: of no known family ({', '.join(keymaps)}); {text if best else 'no name fits any of them'}")


def _described(base: PretrainedConfig, fields: dict[str, Any], digest: str) -> PretrainedConfig:
    changes = dict(fields, sha256=digest, input_size=tuple(fields["input_size"]))
    if fields["num_classes"] != base.num_classes:
        changes["labels"] = ()
    if fields["in_channels"] != base.in_channels:
        n = fields["in_channels"]
        changes |= {"mean": config.adapt_channels(base.mean, n), "std": config.adapt_channels(base.std, n)}
        if n == 1 or base.channel_order == "L":
            changes["channel_order"] = "L" if n == 1 else "RGB"
    return dataclasses.replace(base, **changes)
