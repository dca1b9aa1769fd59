"""What a config's data and weights come to: sources, model, preprocessing."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from experiments.config import Config
from tljax import data, models, weights

MEASURED = 1000
"""How many training examples the mean and standard deviation of a model without pretrained weights are taken from."""


@dataclasses.dataclass(frozen=True)
class Task:
    """Everything that a run learns from.

    Attributes:
      splits: the sources ``train``, ``val``, ``test``.
      model: a `TransferModel`.
      config: how inputs are prepared, and what is saved with the weights.
      pretrained: variables, or None.
      new_head: whether the head is new.
      report: what the load did, as text.
    """

    splits: dict[str, data.Source]
    model: models.TransferModel
    config: weights.PretrainedConfig
    pretrained: dict[str, Any] | None
    new_head: bool
    report: str

    @property
    def classes(self) -> tuple[str, ...]:
        """The task's class names, in the order of the logits."""
        return tuple(self.splits["train"].classes)


def make(config: Config) -> Task:
    """Open the data and the weights of a config. Raises ValueError or FileNotFoundError, naming file, key or field."""
    splits = make_splits(config)
    if not config.weights:
        if config.strategy.split("(")[0].strip() != "scratch":
            raise ValueError(f"config.strategy={config.strategy!r} starts from pretrained values: give config.weights, or take scratch")
        described = _described(config, splits["train"])
        return Task(splits, _model(config, described), described, None, True, "starting from random parameters")
    opened = weights.open(config.weights)
    classes = tuple(splits["train"].classes)
    new_head = config.new_head == "always" or (config.new_head == "auto" and classes != opened.config.labels)
    size = tuple(config.input_size) or opened.config.input_size
    described = dataclasses.replace(
        opened.config,
        num_classes=outputs(splits["train"]),
        labels=classes,
        input_size=size,
        head=config.head if new_head else opened.config.head,
        source=f"fine-tuned from {opened.config.source or config.weights}",
        sha256="",
    )
    if config.in_channels and config.in_channels != described.in_channels:
        n = config.in_channels
        adapted = weights.open(config.weights, in_channels=n).config
        described = dataclasses.replace(described, in_channels=n, mean=adapted.mean, std=adapted.std, channel_order=adapted.channel_order)
    model = _model(config, described)
    key = jax.random.fold_in(jax.random.key(config.seed), 0)
    variables, report = weights.load(config.weights, model, key, head="new" if new_head else "load")
    return Task(splits, model, described, variables, new_head, str(report))


def make_splits(config: Config) -> dict[str, data.Source]:
    """``train``, ``val`` and ``test`` of a config, disjoint where they come from one source.

    The test part does not depend on the seed. Raises ValueError as the sources do; an empty split by its name.
    """
    d = config.data
    rest: Any = _source(config, d.source)
    even = is_classification(rest)
    if d.test:
        test: Any = _like(rest, _source(config, d.test), d.test)
    else:
        size = int(d.test_size) if d.test_size >= 1 else float(d.test_size)
        test, rest = data.split(rest, [size, None], seed=0, stratified=even)
    if d.val:
        val: Any = _like(rest, _source(config, d.val), d.val)
        train = data.k_per_class(rest, d.per_class, config.seed) if d.per_class else rest
    elif d.val_per_class:
        val, train = data.split(rest, [d.val_per_class, d.per_class or None], config.seed, per_class=True)
    else:
        val, train = data.split(rest, [float(d.val_share), None], config.seed, stratified=even)
        train = data.k_per_class(train, d.per_class, config.seed) if d.per_class else train
    splits = {"train": train, "val": val, "test": test}
    for name, source in splits.items():
        if not len(source):
            raise ValueError(f"the {name} split of {d.source} is empty; look at config.data")
    return splits


def is_classification(source: data.Source) -> bool:
    """Whether every example has one class; else the labels are several classes at once, or numbers."""
    labels = np.asarray(source.labels)
    return labels.ndim == 1 and labels.dtype.kind in "iu"


def outputs(source: data.Source) -> int:
    """How many outputs the head needs: one per class, or per column of the labels, or one."""
    labels = np.asarray(source.labels)
    return len(source.classes) if is_classification(source) else (labels.shape[1] if labels.ndim == 2 else 1)


def aligned(source: data.Source, labels: Sequence[str], by_order: bool = False) -> data.Source:
    """`source` with its labels numbered as in `labels`, matched by name.

    Raises:
      ValueError: class names that `labels` lacks, unless `by_order` says that both lists have the same order.
    """
    names = tuple(source.classes)
    if by_order or names == tuple(labels):
        if len(names) != len(labels):
            raise ValueError(f"{len(names)} classes in the data, {len(labels)} in the model")
        return source
    unknown = [name for name in names if name not in labels]
    if unknown:
        raise ValueError(
            f"the model does not know the classes {unknown[:5]}; it knows {list(labels)[:10]} (--classes_by_order matches by order)"
        )
    ids = np.array([list(labels).index(name) for name in names])
    return _Renumbered(source, ids[np.asarray(source.labels)], tuple(labels))


@dataclasses.dataclass(frozen=True, eq=False)
class _Renumbered:
    source: data.Source
    labels: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self.source[index], "label": np.int32(self.labels[index])}

    def name(self, index: int) -> str:
        return data.name_of(self.source, index)


def _source(config: Config, expression: str) -> data.Source:
    d = config.data
    source = data.create(expression)
    if d.classes:
        source = data.only_classes(source, d.classes)
    if d.parts:
        if not 0 <= d.part < len(d.parts):
            raise ValueError(f"config.data.part={d.part}: there are {len(d.parts)} parts")
        source = data.split(source, list(d.parts), seed=0, stratified=is_classification(source))[d.part]
    if d.invert or d.noise or d.rotate:
        source = data.distort(source, d.invert, d.noise, d.rotate)
    return source


def _like(source: data.Source, other: data.Source, expression: str) -> data.Source:
    """`other` with its labels numbered as in `source`."""
    try:
        return aligned(other, tuple(source.classes))
    except ValueError as e:
        raise ValueError(f"{expression}: {e}") from None


def _model(config: Config, described: weights.PretrainedConfig) -> models.TransferModel:
    t = config.train
    return models.create(
        described.model, described.num_classes, described.head, described.in_channels, described.input_size, t.dtype, t.remat
    )


def _described(config: Config, source: data.Source) -> weights.PretrainedConfig:
    """The config of a model without pretrained weights: size and channels of the first example, statistics of up to `MEASURED`."""
    first = np.asarray(source[0]["x"])
    if first.dtype.kind == "U":
        raise ValueError(f"{config.data.source} gives texts: config.weights says how they become tokens (the strategy scratch draws anew)")
    size = tuple(config.input_size) or (first.shape[:2] if first.ndim == 3 else ())
    channels = config.in_channels or first.shape[-1]
    bare = weights.PretrainedConfig(
        config.model, outputs(source), channels, size, labels=tuple(source.classes), head=config.head, source=config.task
    )
    if not size or config.normalise == "none":
        return bare
    host = data.on_host(bare)
    step = -(-len(source) // MEASURED)
    x = np.stack([host(source[i])["x"] for i in range(0, len(source), step)])
    x = x.astype(np.float64) / (255 if x.dtype == np.uint8 else 1)
    mean, std = x.mean((0, 1, 2)), np.maximum(x.std((0, 1, 2)), 1e-3)
    return dataclasses.replace(
        bare,
        mean=tuple(float(round(v, 4)) for v in mean),
        std=tuple(float(round(v, 4)) for v in std),
        channel_order="L" if channels == 1 else "RGB",
    )
