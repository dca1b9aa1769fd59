"""Batches from sources, each a pure function of its number."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import grain
import numpy as np
from absl import flags

from tljax.data.order import epoch_order
from tljax.data.preprocess import Transform
from tljax.data.source import Source, name_of

_ENDLESS = 2**53


def train_batches(
    source: Source | Mapping[str, Source],
    batch_size: int | Mapping[str, int],
    seed: int,
    start_step: int = 0,
    num_steps: int | None = None,
    transform: Transform | Mapping[str, Transform] | None = None,
    process_index: int = 0,
    process_count: int = 1,
    workers: int = 0,
) -> Iterator[dict[str, Any]]:
    """Shuffled training batches of numpy arrays, from step `start_step` on.

    The permutations of all epochs form one endless stream; global batch k takes its positions k*B to (k+1)*B - 1, so a batch may cross
    epochs and B may exceed N. Process p gets block p of each global batch. A batch follows from (seed, k) and the topology alone, whatever
    the workers.

    Args:
      source: N examples, or named sources for nested batches (``{"source": batch, "target": batch}``), each in an order of its own.
      batch_size: the global batch size B; a mapping by name for several sources.
      seed: seed of the order.
      start_step: number of the first batch; a resumed run passes its next step.
      num_steps: the stream ends before batch `num_steps`, after num_steps - start_step batches; None: endless.
      transform: ``(example, epoch=, index=) -> example``, applied in the workers; a mapping by name for several sources.
      process_index: p, of `process_count` processes.
      process_count: P, which must divide B.
      workers: 0 reads in threads of this process; more are Grain worker processes (the sources and `transform` are pickled).

    Yields:
      Dicts with B/P examples: the fields of the source, ``valid`` (ones, float32), ``index`` (int32, in the source), ``epoch`` (int32).

    Raises:
      ValueError: an empty source, sizes that are not positive, P that does not divide B; on reading, an example that fails (names its
      file).
    """
    streams = _streams(source, transform)
    sizes = batch_size if isinstance(batch_size, Mapping) else dict.fromkeys(streams, batch_size)
    if set(sizes) != set(streams):
        raise ValueError(f"batch sizes for {sorted(sizes)} do not fit the sources {sorted(streams)}; give one for each source")
    local = {name: _local_size(size, process_index, process_count) for name, size in sizes.items()}
    if start_step < 0 or workers < 0 or (num_steps is not None and num_steps < 0):
        raise ValueError(f"start_step={start_step}, num_steps={num_steps} and workers={workers} must be at least 0")
    first = {name: process_index * size for name, size in local.items()}
    make_batch = _TrainBatch(streams, seed=int(seed), batch_size=dict(sizes), first=first, local=local)
    return _iterate(make_batch, start_step, _ENDLESS if num_steps is None else max(num_steps, start_step), workers)


def eval_batches(
    source: Source,
    batch_size: int,
    transform: Transform | None = None,
    process_index: int = 0,
    process_count: int = 1,
    workers: int = 0,
) -> Iterator[dict[str, Any]]:
    """Every example once, in order, in ceil(N / B) batches of one shape, cut over processes as in `train_batches`.

    Copies of example 0 with ``valid`` 0 and ``index`` -1 fill up the last batch.

    Yields:
      Dicts with the fields of the source, ``valid`` (float32) and ``index`` (int32).

    Raises:
      ValueError: as `train_batches`.
    """
    local = _local_size(batch_size, process_index, process_count)
    make_batch = _EvalBatch(_streams(source, transform)[""], batch_size, process_index * local, local)
    return _iterate(make_batch, 0, -(-len(source) // batch_size), workers)


@dataclass(frozen=True, eq=False)
class _Stream:
    source: Source
    transform: Transform | None
    name: str

    def examples(self, indices: np.ndarray, epochs: np.ndarray | None = None) -> dict[str, Any]:
        draws = [{} if epochs is None else {"epoch": int(epochs[k]), "index": int(i)} for k, i in enumerate(indices)]
        examples = [self._example(int(i), draw) for i, draw in zip(indices, draws, strict=True)]
        return _stack(examples, [name_of(self.source, int(i)) for i in indices])

    def _example(self, index: int, options: Mapping[str, int]) -> dict[str, Any]:
        try:
            example = self.source[index]
            return self.transform(example, **options) if self.transform else example
        except Exception as e:  # a source or a transform may raise anything; the message must name the file
            where = name_of(self.source, index)
            raise ValueError(str(e) if where in str(e) else f"{where}: {type(e).__name__}: {e}") from e


def _streams(source: Source | Mapping[str, Source], transform: Transform | Mapping[str, Transform] | None) -> dict[str, _Stream]:
    """The sources with their transforms, by name; one source alone is called ""."""
    sources = source if isinstance(source, Mapping) else {"": source}
    by_name = transform if isinstance(transform, Mapping) else dict.fromkeys(sources, transform)
    if not sources or set(by_name) != set(sources):
        raise ValueError(f"transforms for {sorted(by_name)} do not fit the sources {sorted(sources)}; give one for each source")
    for name, one in sources.items():
        if not len(one):
            raise ValueError(f"the source{f' {name!r}' if name else ''} holds no examples")
    return {name: _Stream(one, by_name[name], name) for name, one in sources.items()}


@dataclass(frozen=True, eq=False)
class _TrainBatch:
    """``step -> batch``. A class rather than a closure, as workers unpickle it."""

    streams: dict[str, _Stream]
    seed: int
    batch_size: dict[str, int]
    first: dict[str, int]
    local: dict[str, int]

    def __call__(self, step: int) -> dict[str, Any]:
        batches = {
            name: self._batch(stream, step * self.batch_size[name] + self.first[name] + np.arange(self.local[name]))
            for name, stream in self.streams.items()
        }
        return batches.get("", batches)

    def _batch(self, stream: _Stream, positions: np.ndarray) -> dict[str, Any]:
        n = len(stream.source)
        epochs, places = np.divmod(positions, n)
        orders = {epoch: epoch_order(n, stream.name, self.seed, int(epoch)) for epoch in np.unique(epochs)}
        indices = np.array([orders[epoch][place] for epoch, place in zip(epochs, places, strict=True)])
        marks = {"valid": np.ones(len(positions), np.float32), "index": indices.astype(np.int32), "epoch": epochs.astype(np.int32)}
        return {**stream.examples(indices, epochs), **marks}


@dataclass(frozen=True, eq=False)
class _EvalBatch:
    stream: _Stream
    batch_size: int
    first: int
    local: int

    def __call__(self, step: int) -> dict[str, Any]:
        positions = step * self.batch_size + self.first + np.arange(self.local)
        valid = positions < len(self.stream.source)
        marks = {"valid": valid.astype(np.float32), "index": np.where(valid, positions, -1).astype(np.int32)}
        return {**self.stream.examples(np.where(valid, positions, 0)), **marks}


def _iterate(make_batch: Callable[[int], dict[str, Any]], start: int, stop: int, workers: int) -> Iterator[dict[str, Any]]:
    """Reads ahead with Grain, whose elements are whole batches: the number of threads or workers cannot change their content."""
    threads = min(4, os.cpu_count() or 1)
    options = grain.ReadOptions(threads, prefetch_buffer_size=threads)
    batches = grain.MapDataset.range(start, stop).map(make_batch).to_iter_dataset(options)
    if workers and stop > start:
        if not flags.FLAGS.is_parsed():  # Grain's workers read absl flags, which only absl programs have parsed
            flags.FLAGS.mark_as_parsed()
        batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=2))
        # Pipes instead of shared memory: that is 64 MiB in many containers and outlives a reader that fails.
        batches = grain.experimental.WithOptionsIterDataset(batches, grain.experimental.DatasetOptions(min_shm_size=2**62))
    iterator = iter(batches)
    try:
        yield from iterator
    finally:
        iterator.close()


def _stack(examples: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    first = {key: np.asarray(value) for key, value in examples[0].items()}
    for example, name in zip(examples, names, strict=True):
        if example.keys() != first.keys():
            raise ValueError(f"{name}: holds {sorted(example)}, but {names[0]} holds {sorted(first)}")
        for key, value in first.items():
            other = np.asarray(example[key])
            if other.shape != value.shape or other.dtype != value.dtype:
                raise ValueError(
                    f"{name}: {key} is {other.dtype} {list(other.shape)}, but {value.dtype} {list(value.shape)} in {names[0]}; "
                    "one batch needs one shape (preprocess.on_host gives it)"
                )
    return {key: np.stack([example[key] for example in examples]) for key in first}


def _local_size(batch_size: int, process_index: int, process_count: int) -> int:
    if batch_size < 1 or process_count < 1 or not 0 <= process_index < process_count:
        raise ValueError(f"batch_size={batch_size} must be positive, and process {process_index} one of {process_count}")
    if batch_size % process_count:
        raise ValueError(f"batch_size={batch_size} does not divide over {process_count} processes; take a multiple of {process_count}")
    return batch_size // process_count
