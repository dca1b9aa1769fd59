"""`open`: a pretrained model from a weight file alone, its family recognized by names and shapes."""

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from tljax import models, registry, trees
from tljax.weights import config
from tljax.weights.config import PretrainedConfig
from tljax.weights.detect_family import detect_family
from tljax.weights.keymap import table
from tljax.weights.load import LoadReport, fill
from tljax.weights.metadata import hub_metadata, sentence_transformers, tokenizer_files
from tljax.weights.metadata.hub_metadata import HubMetadata
from tljax.weights.metadata.task import task_of_file, task_of_head
from tljax.weights.read import StrPath, locate, read_hashed


@dataclass(frozen=True)
class Pretrained:
    """A model with its weights, what its inputs must look like, and how it was loaded."""

    model: models.TransferModel
    variables: dict[str, Any]
    config: PretrainedConfig
    report: LoadReport


def open(
    path: StrPath,
    *,
    key: jax.Array | None = None,
    sha256: str = "",
    family: str = "",
    only: Sequence[str] = (),
    fresh: Sequence[str] = (),
    labels: Sequence[str] = (),
    task: str | None = None,
    **overrides: Any,
) -> Pretrained:
    """Build the model that a weight file was written from, and load it.

    The architecture comes from the config beside the file (``<file>.json``, or ``config.json`` with the marker ``"tljax"``), else from
    the names and shapes in the file, by the first family whose table covers them all; the report says which. What the publisher's JSON
    beside it says (`hub_metadata`) then wins over what the family assumes. A file without a head gives a model whose outputs are its
    features (the head ``"features"``), unless `num_classes` or `labels` asks for a new one.

    Args:
      path: as in `weights.read`.
      key: for leaves newly initialized (default: ``jax.random.key(0)``).
      sha256: the expected hash; default: the one that the config records, if any.
      family: the key table to read a foreign file by, where several would (the image and the text tower of one file); empty: the first.
      only: as in `weights.load`.
      fresh: as in `weights.load`.
      labels: the classes' names, in order: `num_classes` is their number, and the head is new unless the file records the same names.
      task: a call expression that the config records. Default: the file's; of a new head the one that its kind serves (``"features"``,
        ``"spans"``, ``"tagging"``), else "".
      **overrides: arguments of `models.create` that win over what was found: `num_classes`, `head`, `in_channels`, `dtype`, ... The file is
        adapted as in `weights.load`; the config's mean and std as in `config.adapt_channels`; labels that no longer fit are dropped. The
        head ``"features"`` needs no `num_classes`.

    Returns:
      `Pretrained`; its config describes the model as built and records the file's hash.

    Raises:
      FileNotFoundError, ValueError: as `weights.load`; and for a file of no known family: the nearest one and what
        differs; an unknown override; labels that are not distinct texts, or not as many as `num_classes`.
    """
    overrides = _checked(path, overrides, labels)
    file = locate(path)
    ours = config.find_config(file)
    arrays, digest = read_hashed(file, sha256 or (ours[0].sha256 if ours else ""))
    if ours:
        base, source = ours[0], str(ours[1])
    else:
        metadata = hub_metadata.read(file)
        base, family = _detected(arrays, metadata, where=str(path), family=family, overrides=overrides)
        base = _of_texts(base, file.parent) if len(base.input_size) == 1 else base
        source = f"table of {family} ({f'with {metadata.file}' if metadata.config else 'no config beside the file'})"
    relabeled = bool(labels) and tuple(labels) != base.labels
    fields = _fields(base, overrides, relabeled)
    described = _described(base, fields, labels if relabeled else (), task)
    arguments = {name: value for name, value in (fields | overrides).items() if name != "model"}
    model = models.create(base.model, **arguments)
    policy, size = "new" if relabeled else "auto", base.input_size
    variables, report = fill(arrays, model, key=key, head=policy, where=str(path), input_size=size, family=family, only=only, fresh=fresh)
    return Pretrained(model, variables, dataclasses.replace(described, sha256=digest), dataclasses.replace(report, config=source))


def from_leaves(leaves: Mapping[str, np.ndarray], config: PretrainedConfig, where: str) -> Pretrained:
    """The model that a config describes, with these leaves (``params/backbone/...``); others among them are left out.

    Raises:
      ValueError: leaves that the model needs and that are missing, or of another shape.
    """
    model = models.create(
        config.model, num_classes=config.num_classes, head=config.head, in_channels=config.in_channels, input_size=config.input_size
    )
    own = {path: leaf for path, leaf in leaves.items() if path in trees.flatten(models.shapes(model))}
    variables, report = fill(own, model, key=None, head="load", where=where, input_size=config.input_size, family="own")
    return Pretrained(model, variables, config, report)


def _checked(path: StrPath, overrides: dict[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """The overrides, with the number of classes that `labels` names. Raises ValueError as `open`."""
    allowed = [name for name in inspect.signature(models.create).parameters if name != "expression"]
    if unknown := sorted(set(overrides) - set(allowed)):
        allowed += ["labels", "task"]
        raise ValueError(f"{path}: open does not take {', '.join(unknown)}; what can be overridden: {', '.join(allowed)}")
    if isinstance(labels, str) or not all(isinstance(name, str) for name in labels) or len(set(labels)) != len(labels):
        raise ValueError(f"{path}: labels={labels!r}, expected distinct texts, one for each class")
    if labels and overrides.get("num_classes", len(labels)) != len(labels):
        raise ValueError(f"{path}: labels name {len(labels)} classes, but num_classes={overrides['num_classes']}")
    return overrides | ({"num_classes": len(labels)} if labels else {})


def _fields(base: PretrainedConfig, overrides: dict[str, Any], relabeled: bool) -> dict[str, Any]:
    """The fields of the config that say how the model is built: those of the file, and the overrides."""
    fields = {name: overrides.get(name, getattr(base, name)) for name in ("model", "num_classes", "head", "in_channels", "input_size")}
    new = relabeled or fields["num_classes"] != base.num_classes
    if new and "head" not in overrides and registry.parse(base.head)[0] in models.FIXED_HEADS:
        fields["head"] = "linear"
    if "num_classes" not in overrides and _wants_features(overrides):
        fields["num_classes"] = _features(fields)
    return fields | {"input_size": tuple(fields["input_size"])}


def _detected(
    arrays: dict[str, np.ndarray], metadata: HubMetadata, where: str, family: str, overrides: dict[str, Any]
) -> tuple[PretrainedConfig, str]:
    try:
        family, fields = detect_family({name: a.shape for name, a in arrays.items()}, family, metadata.config)
    except ValueError as e:
        raise ValueError(f"{where}: {e}") from None
    headless = not fields["num_classes"]
    if headless and "head" in overrides and "num_classes" not in overrides and not _wants_features(overrides):
        raise ValueError(f"{where}: of the family {family}, but it has no head: say num_classes")
    if headless and "num_classes" not in overrides:
        fields |= {"head": "features", "num_classes": _features(fields)}
    elif headless:
        fields["num_classes"] = overrides["num_classes"]
    base = table(family).config(fields)
    if headless:
        base = dataclasses.replace(base, labels=(), task=task_of_head(base.head))
    else:
        base = dataclasses.replace(base, task=base.task or task_of_file(base))
    return hub_metadata.apply(base, fields, metadata, headless), family


def _of_texts(base: PretrainedConfig, folder: Path) -> PretrainedConfig:
    return sentence_transformers.apply_modules(dataclasses.replace(base, tokenizer=tokenizer_files.find(folder)), folder)


def _wants_features(overrides: dict[str, Any]) -> bool:
    return registry.parse(overrides.get("head", "linear"))[0] == "features"


def _features(fields: dict[str, Any]) -> int:
    """Counts the features of a backbone, the outputs of a model without a head."""
    model = models.create(fields["model"], 1, in_channels=fields["in_channels"], input_size=fields.get("input_size"))
    batch = {name: jax.ShapeDtypeStruct((1, *spec.shape), spec.dtype) for name, spec in model.input_spec.items()}

    def forward(variables: Any, batch: Any) -> Any:
        outputs: Any = model.apply(variables, batch, stop="head")
        return outputs.features

    return int(jax.eval_shape(forward, models.shapes(model), batch).shape[-1])


def _described(base: PretrainedConfig, fields: dict[str, Any], labels: Sequence[str], task: str | None) -> PretrainedConfig:
    """The config of the model as built; `labels` are those of a new head, where they were told."""
    heads = [registry.parse(head)[0] for head in (base.head, fields["head"])]
    other_classes = bool(labels) or fields["num_classes"] != base.num_classes or (heads[0] != heads[1] and "features" in heads)
    changes = dict(fields)
    if other_classes:
        changes["labels"] = tuple(labels)
    if other_classes or heads[0] != heads[1]:
        changes["task"] = task_of_head(fields["head"])
    if task is not None:
        changes["task"] = task
    if fields["in_channels"] != base.in_channels:
        n = fields["in_channels"]
        changes |= {"mean": config.adapt_channels(base.mean, n), "std": config.adapt_channels(base.std, n)}
        if n == 1 or base.channel_order == "L":
            changes["channel_order"] = "L" if n == 1 else "RGB"
    return dataclasses.replace(base, **changes)
