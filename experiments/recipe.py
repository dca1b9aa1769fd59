"""Turns a recipe into a `tljax.Run`."""

from collections.abc import Mapping
from typing import Any

import tljax
from experiments.config import Config
from tljax.runs import splits
from tljax.runs.run import Run


def run_of(config: Config) -> Run:
    """Open the data and the weights of a recipe. Raises ValueError, KeyError or FileNotFoundError that names the file, key or field."""
    d, t = config.data, config.train
    train, val, test = splits.make(d, config.seed)
    labeled = train["source"] if d.streams else train
    built: dict[str, Any] = {"dtype": t.dtype, "remat": t.remat, "in_channels": config.in_channels, "input_size": config.input_size}
    if config.weights:
        start = tljax.open(
            config.weights, labeled, config.task, new_head=config.new_head, head=config.head, seed=config.seed,
            only=config.only, fresh=config.fresh, **built,
        )  # fmt: skip
    elif config.strategy.split("(")[0].strip() != "scratch":
        raise ValueError(f"config.strategy={config.strategy!r} starts from pretrained values: give config.weights, or take scratch")
    else:
        start = tljax.create(
            config.model, labeled, config.task, head=config.head, normalize=config.normalize, seed=config.seed, title=config.title, **built
        )
    names = tuple(train) if d.streams else ()
    sizes = {name: d.stream_batch_size.get(name, d.batch_size) for name in names}
    augment = {name: d.stream_augment.get(name, d.augment) for name in names}
    _check_streams(d.stream_batch_size, names, field="data.stream_batch_size")
    _check_streams(d.stream_augment, names, field="data.stream_augment")
    return Run(
        start, train, val, test,
        objective=config.objective, strategy=config.strategy, metric=config.metric, head_init=config.head_init, bn=config.bn,
        augment=augment or d.augment, batch_size=sizes or d.batch_size, eval_batch_size=d.eval_batch_size, workers=d.workers,
        optim=config.optim, steps=t.steps, accumulate=t.accumulate, ema=t.ema, eval_every=t.eval_every, save_every=t.save_every,
        patience=t.patience, log_every=t.log_every, keep=t.keep, select=t.select, measure_on=config.measure_on, seed=config.seed,
        data_devices=t.data, fsdp=t.fsdp, certificate=t.certificate, compilation_cache=t.compilation_cache, title=config.title,
    )  # fmt: skip


def _check_streams(by_name: Mapping[str, object], names: tuple[str, ...], *, field: str) -> None:
    if unknown := [name for name in by_name if name not in names]:
        raise ValueError(f"config.{field}: there is no stream {unknown[0]!r}; there are {', '.join(names) or 'none (data.streams)'}")
