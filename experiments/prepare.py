"""A run before its first step: what follows from the config, so that a mistake in it costs milliseconds."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

from experiments import task
from experiments.config import Config
from tljax import data, objectives, registry, strategies
from tljax.evaluate import predict
from tljax.train import initialise, plan, sharding

Batch = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Run:
    """A config and all that follows from it; nothing here changes while training.

    Attributes:
      config: the recipe.
      root: workdir.
      task: data, model, pretrained values.
      objective: what is minimised.
      plans: of all phases.
      mesh: of the devices.
      start: the first state.
      augment: ``(training batch, seed) -> batch``; the seed is an argument, so that runs with several share their programs.
      transform: the device half of preprocessing.
      predict: the compiled ``(variables, batch) -> logits``.
      quiet: no progress bar, no text, no pictures.
    """

    config: Config
    root: pathlib.Path
    task: task.Task
    objective: objectives.Objective
    plans: tuple[plan.Plan, ...]
    mesh: Any
    start: initialise.Start
    augment: Callable[[Batch, Any], Batch]
    transform: Callable[[Batch], Batch]
    predict: predict.Predict
    quiet: bool


def prepare(config: Config, root: pathlib.Path, quiet: bool = False) -> Run:
    """Everything before training that moves no large array: shapes, rules, labels. Raises ValueError, KeyError or FileNotFoundError."""
    _cache_programs(config.train.compilation_cache)
    t = task.make(config)
    counts = data.class_counts(t.splits["train"]) if task.is_classification(t.splits["train"]) else ()
    objective = objectives.create(config.objective, class_counts=tuple(int(n) for n in counts))
    _check_labels(config, t.splits["train"])
    if config.head_init:
        strategies.head_inits.create(config.head_init)  # a mistake in it shows now
    strategy = dataclasses.replace(strategies.create(config.strategy, t.model.stages), bn=config.bn)  # type: ignore[arg-type]  # validate() checked it
    mesh = sharding.make_mesh(config.train.data, config.train.fsdp)
    host, device = data.on_host(t.config), data.on_device(t.config)
    train, size = t.splits["train"], config.data.batch_size

    def one_pass() -> Any:
        batches = data.train_batches(train, min(size, len(train)), config.seed, 0, -(-len(train) // size), host)
        return map(device, batches)

    first = initialise.Start(
        model=t.model, objective=objective, strategy=strategy, plans=(), mesh=mesh, seed=config.seed, lr=config.optim.lr,
        one_pass=one_pass, pretrained=None if strategy.init == "scratch" else t.pretrained,
        new_head=t.new_head, head_init="" if strategy.init == "scratch" else config.head_init, ema=config.train.ema > 0,
    )  # fmt: skip
    shapes, _, _ = initialise.start_shapes(first)
    plans = plan.make(plan.with_rules(strategy, objective.rules), shapes, t.model.stages, config.optim, config.train.steps)
    begun = dataclasses.replace(first, plans=plans)
    augment = _augment(config, train, host)
    return Run(config, root, t, objective, plans, mesh, begun, augment, device, predict.make(t.model, device, mesh), quiet)


def _check_labels(config: Config, train: data.Source) -> None:
    """Raises ValueError where labels do not fit a supervised objective: `cross_entropy` would train on any that have the right shape."""
    labels, name = np.asarray(train.labels), registry.parse(config.objective)[0]
    if task.is_classification(train) and name in ("sigmoid_cross_entropy", "mse", "huber"):
        raise ValueError(f"config.objective={config.objective!r}: {config.data.source} has one class per example; cross_entropy fits that")
    if task.is_classification(train) or name != "cross_entropy":
        return
    if labels.ndim != 2 or labels.min() < 0 or np.abs(labels.sum(1) - 1).max() > 1e-3:
        other = "sigmoid_cross_entropy" if np.isin(labels, (0, 1)).all() else "mse or huber"
        raise ValueError(
            f"config.objective={config.objective!r}: the labels of {config.data.source} are {labels.dtype} {list(labels.shape)}, neither "
            f"classes nor distributions over classes; {other} fits them"
        )


def _augment(config: Config, train: data.Source, host: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Batch, Any], Batch]:
    """`Run.augment`, tried on the shapes of one example. Raises KeyError or ValueError: an unknown operation, inputs that do not fit."""

    def augment(batch: Batch, seed: Any) -> Batch:
        return data.augmentation(config.data.augment, task.outputs(train), seed)(batch)

    if config.data.augment:
        jax.eval_shape(augment, next(data.train_batches(train, 1, 0, 0, 1, host)), np.uint32(config.seed))
    return augment


def _cache_programs(folder: str) -> None:
    """Keep compiled programs in `folder`, small ones too; empty: leave JAX's own settings (JAX_COMPILATION_CACHE_DIR) as they are."""
    if not folder:
        return
    if jax.config.jax_compilation_cache_dir not in (None, folder):  # type: ignore[attr-defined]  # jax defines its options when imported
        compilation_cache.reset_cache()  # else the other folder, open already, stays in use
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
