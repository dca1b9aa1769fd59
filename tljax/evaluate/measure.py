"""Runs a metric over sources: statistics on the device, folded batch by batch, numbers on the host."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
import tqdm
from jax.sharding import Mesh

from tljax import data, metrics
from tljax.train import forward, sharding

Compiled = Callable[[Mapping[str, Any], Mapping[str, Any]], Any]


def compile_metric(
    metric: metrics.Metric, model: Any, *, transform: forward.DeviceTransform, labeled: forward.DeviceTransform, mesh: Mesh
) -> Compiled:
    """A compiled ``(variables, batch) -> statistics`` with dropout off and stored batch statistics, replicated on all devices.

    Args:
      metric: what is measured.
      model: a `TransferModel`.
      transform: the device half of preprocessing.
      labeled: ``batch -> batch`` with the label in the task's form.
      mesh: of the devices.
    """

    def statistics(variables: Mapping[str, Any], batch: Mapping[str, Any]) -> Any:
        return metrics.batch_statistics(metric, forward.for_evaluation(model, transform, variables), labeled(batch))

    return jax.jit(statistics, out_shardings=sharding.replicated(mesh))


def over(
    run: Compiled,
    variables: Mapping[str, Any],
    source: data.Source,
    *,
    batch_size: int,
    host: data.Transform,
    mesh: Mesh,
    workers: int = 0,
    title: str = "",
) -> Iterator[Any]:
    """The outputs of `run` for each batch of `source`, in order, as host arrays; examples of ``valid`` 0 fill up the last batch.

    Args:
      run: ``(variables, batch) -> a tree of arrays``, replicated on all devices.
      variables: placed.
      source: N examples.
      batch_size: global; rounded up to a multiple of the devices.
      host: the host half of preprocessing.
      mesh: of the devices.
      workers: processes that read; 0: threads.
      title: of the progress bar; empty: none.
    """
    size = -(-min(batch_size, max(len(source), 1)) // mesh.size) * mesh.size
    batches = data.eval_batches(source, size, host, process_index=jax.process_index(), process_count=jax.process_count(), workers=workers)
    hidden = not title or jax.process_index() > 0
    for batch in tqdm.tqdm(batches, total=-(-len(source) // size), desc=title, unit="batch", disable=hidden, leave=False):
        arrays = {k: v for k, v in batch.items() if isinstance(v, np.ndarray) and v.dtype.kind in "fiub"}
        yield jax.tree.map(np.asarray, run(variables, sharding.shard_batch(arrays, mesh)))


def statistics(metric: metrics.Metric, run: Compiled, variables: Mapping[str, Any], source: data.Source, **options: Any) -> Any:
    """The statistics of a whole source: rows of its examples, or sums; `options` as of `over`.

    Raises:
      ValueError: a source without examples.
    """
    if not len(source):
        raise ValueError(f"{data.describe(source)}: it has no example to measure on")
    return metrics.join_batches(metric, over(run, variables, source, **options), len(source))


def numbers(metric: metrics.Metric, by_stream: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a metric from the statistics of each validation stream.

    A metric that names its streams gets these together. Any other measures each by itself; the numbers of several streams carry their
    names, ``target/accuracy``.

    Raises:
      ValueError: a stream that the metric needs and the run does not validate on.
    """
    if metric.streams:
        if missing := [name for name in metric.streams if name not in by_stream]:
            raise ValueError(
                f"metric {metric.call}: no validation stream is called {missing[0]!r}; there are {', '.join(by_stream) or 'none'}"
            )
        return metric.host({name: by_stream[name] for name in metric.streams})
    measured = {name: metric.host({"": values}) for name, values in by_stream.items()}
    if len(measured) == 1:
        return next(iter(measured.values()))
    return {f"{stream}/{name}": value for stream, of_stream in measured.items() for name, value in of_stream.items()}


def gather(run: Compiled, variables: Mapping[str, Any], source: data.Source, **options: Any) -> Any:
    """A tree of arrays `[N, ...]`: the outputs of `run` for each of the N examples; `options` as of `over`."""
    rows = list(over(run, variables, source, **options))
    return jax.tree.map(lambda *parts: np.concatenate(parts)[: len(source)], *rows)
