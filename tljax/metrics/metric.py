"""The metric: statistics of each example on the device, numbers of a split on the host, the score that selects."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tljax import registry

metrics = registry.Registry("metric")
register = metrics.register

Statistics = Any
"""A tree of arrays: rows of all examples `[N, ...]`, or their sums if the metric has `sums`."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """A measure of a model on a split.

    Attributes:
      device: ``(forward, batch) -> tree of [B, ...]``: statistics of each example, traced. The caller masks padding examples.
      host: ``{stream: statistics} -> {name: number, list or None}``, in float64, of the streams that `streams` names.
      score: ``(name, sign)``: the number that selection compares, larger is better after the sign.
      sums: sum the statistics over the examples, batch by batch on the device, so that memory does not grow with the split. Otherwise the
        rows of all examples are gathered on the host.
      streams: the validation streams that `host` reads together; empty: each stream is measured alone.
      labels: `device` reads ``batch["label"]``.
      call: the expression that makes it, set by the registry; empty for an object made by hand, and after `dataclasses.replace`.
    """

    device: Callable[[Callable[..., Any], Mapping[str, Any]], Statistics]
    host: Callable[[Mapping[str, Statistics]], dict[str, Any]]
    score: tuple[str, float]
    sums: bool = False
    streams: tuple[str, ...] = ()
    labels: bool = True
    call: str = dataclasses.field(default="", init=False)

    def signed(self, numbers: Mapping[str, Any]) -> float:
        """The score of measured numbers; larger is better."""
        name, sign = self.score
        return sign * float(numbers[name])


def batch_statistics(metric: Metric, forward: Callable[..., Any], batch: Mapping[str, Any]) -> Statistics:
    """The statistics of one batch: `[B, ...]`, or summed over its valid examples if `metric.sums`. For use inside `jax.jit`."""
    rows = metric.device(forward, batch)
    if not metric.sums:
        return rows
    valid = batch["valid"] > 0
    return jax.tree.map(lambda x: jnp.where(valid.reshape(-1, *(1,) * (x.ndim - 1)), x, 0).sum(0), rows)


def join_batches(metric: Metric, batches: Iterable[Statistics], size: int) -> Statistics:
    """The statistics of a split of `size` examples from those of its batches, in order, as host arrays.

    Rows are concatenated, and the padding at the end is cut off. Sums are added in float64 while `batches` is read, so with a generator
    memory does not grow with their number.

    Raises:
      ValueError: no batches.
    """
    batches = iter(batches)
    first = next(batches, None)
    if first is None:
        raise ValueError("there are no batches to measure; the split is empty")
    if metric.sums:
        total = jax.tree.map(lambda x: np.asarray(x, np.float64), first)
        return functools.reduce(lambda total, part: jax.tree.map(lambda x, y: x + np.asarray(y), total, part), batches, total)
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:size], first, *batches)
