"""`open`: a pretrained model from a weight file alone, its family recognised by names and shapes."""

import dataclasses
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from tljax import models, registry
from tljax.weights import config
from tljax.weights.beside import foreign_config, sentence_transformers, tokenizer_files
from tljax.weights.beside.foreign_config import Foreign
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import table
from tljax.weights.load import LoadReport, fill
from tljax.weights.read import StrPath, locate, read_hashed
from tljax.weights.recognise import recognise


@dataclass(frozen=True)
class Pretrained:
    """A model with its weights, what its inputs must look like, and how it was loaded."""

    model: models.TransferModel
    variables: dict[str, Any]
    config: PretrainedConfig
    report: LoadReport


def open(path: StrPath, *, key: jax.Array | None = None, sha256: str = "", family: str = "", **overrides: Any) -> Pretrained:
    """Build the model that a weight file was written from, and load it.

    The architecture comes from the config beside the file (``<file>.json``, or ``config.json`` with the marker ``"tljax"``), else from
    the names and shapes in the file, by the first family whose table covers them all; the report says which. What the publisher's JSON
    beside it says (`foreign_config`) then wins over what the family assumes. A file without a head gives a model whose outputs are its
    features (the head ``"features"``), unless `num_classes` asks for a new one.

    Args:
      path: as in `weights.read`.
      key: for a new head (default: ``jax.random.key(0)``).
      sha256: the expected hash; default: the one that the config records, if any.
      family: the key table to read a foreign file by, where several would (the image and the text tower of one file); empty: the first.
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
    file = locate(path)
    found = config.beside(file)
    arrays, digest = read_hashed(file, sha256 or (found[0].sha256 if found else ""))
    if found:
        base, source = found[0], str(found[1])
    else:
        foreign = foreign_config.beside(file)
        base, family = _recognised(arrays, foreign, str(path), family, overrides)
        base = _of_texts(base, file.parent) if len(base.input_size) == 1 else base
        source = f"table of {family} ({f'with {foreign.file}' if foreign.config else 'no config beside the file'})"
    fields = dataclasses.asdict(base)
    fields = {name: overrides.get(name, fields[name]) for name in ("model", "num_classes", "head", "in_channels", "input_size")}
    if fields["num_classes"] != base.num_classes and "head" not in overrides and registry.parse(base.head)[0] in models.FIXED_HEADS:
        fields["head"] = "linear"
    arguments = {name: value for name, value in (fields | overrides).items() if name != "model"}
    model = models.create(base.model, **arguments)
    variables, report = fill(arrays, model, key, "auto", str(path), base.input_size, family)
    return Pretrained(model, variables, _described(base, fields, digest), dataclasses.replace(report, config=source))


def _recognised(
    arrays: dict[str, np.ndarray], foreign: Foreign, where: str, family: str, overrides: dict[str, Any]
) -> tuple[PretrainedConfig, str]:
    try:
        family, fields = recognise({name: a.shape for name, a in arrays.items()}, family, foreign.config)
    except ValueError as e:
        raise ValueError(f"{where}: {e}") from None
    headless = not fields["num_classes"]
    if headless and "head" in overrides and "num_classes" not in overrides:
        raise ValueError(f"{where}: of the family {family}, but it has no head: say num_classes")
    if headless and "num_classes" not in overrides:
        fields |= {"head": "features", "num_classes": _features(fields)}
    elif headless:
        fields["num_classes"] = overrides["num_classes"]
    base = table(family).config(fields)
    return foreign_config.correct(dataclasses.replace(base, labels=()) if headless else base, fields, foreign, headless), family


def _of_texts(base: PretrainedConfig, folder: Path) -> PretrainedConfig:
    return sentence_transformers.completed(dataclasses.replace(base, tokenizer=tokenizer_files.find(folder)), folder)


def _features(fields: dict[str, Any]) -> int:
    """How many features a backbone gives: the outputs of a model without a head."""
    model = models.create(fields["model"], 1, in_channels=fields["in_channels"], input_size=fields.get("input_size"))
    batch = {name: jax.ShapeDtypeStruct((1, *spec.shape), spec.dtype) for name, spec in model.input_spec.items()}

    def forward(variables: Any, batch: Any) -> Any:
        outputs: Any = model.apply(variables, batch, stop="head")
        return outputs.features

    return int(jax.eval_shape(forward, models.shapes(model), batch).shape[-1])


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
