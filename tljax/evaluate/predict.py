"""Predictions of a model over a source: every example once, whatever the batch size and the number of processes."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import tqdm
from jax.sharding import Mesh

from tljax import data, weights
from tljax.train import sharding

Predict = Callable[[Mapping[str, Any], Mapping[str, Any]], Any]


def make(model: Any, transform: Callable[[Mapping[str, Any]], Mapping[str, Any]], mesh: Mesh) -> Predict:
    """A compiled ``(variables, batch) -> logits``, dropout off and stored statistics; `transform` is the device half of preprocessing."""

    def logits(variables: Mapping[str, Any], batch: Mapping[str, Any]) -> Any:
        return model.apply(variables, transform(batch)).logits

    return jax.jit(logits, out_shardings=sharding.replicated(mesh))


def predict(
    run: Predict,
    variables: Mapping[str, Any],
    source: data.Source,
    batch_size: int,
    host: Callable[[dict[str, Any]], dict[str, Any]],
    mesh: Mesh,
    workers: int = 0,
    title: str = "",
) -> Any:
    """What `run` gives for the N examples of `source`, in its order: logits `[N, ...]`, or a tree of such arrays.

    Args:
      run: of `make`, or any other ``(variables, batch) -> arrays [B, ...]`` that is replicated on all devices.
      variables: ``{"params", "batch_stats"}``, placed.
      source: what is predicted.
      batch_size: global; rounded up to a multiple of the devices.
      host: the host half of preprocessing.
      mesh: of the devices.
      workers: processes that read; 0: threads.
      title: of the progress bar; empty: none.
    """
    size = -(-min(batch_size, len(source)) // mesh.size) * mesh.size
    batches = data.eval_batches(source, size, host, jax.process_index(), jax.process_count(), workers)
    shown = tqdm.tqdm(
        batches, total=-(-len(source) // size), desc=title, unit="batch", disable=not title or jax.process_index() > 0, leave=False
    )
    rows = []
    for batch in shown:
        inputs = {k: v for k, v in batch.items() if isinstance(v, np.ndarray) and v.dtype.kind in "fiub"}
        rows.append(jax.tree.map(np.asarray, run(variables, sharding.put_batch(inputs, mesh))))
    return jax.tree.map(lambda *parts: np.concatenate(parts)[: len(source)], *rows)


def pretrained(opened: weights.Pretrained, source: data.Source, batch_size: int, workers: int = 0, title: str = "") -> np.ndarray:
    """Logits `[N, ...]` of an opened model on the N examples of `source`, prepared as its config says, on all devices."""
    mesh = sharding.make_mesh()
    variables = sharding.put(opened.variables, sharding.shardings(opened.variables, mesh))
    run = make(opened.model, data.on_device(opened.config), mesh)
    return predict(run, variables, source, batch_size, data.on_host(opened.config), mesh, workers, title)
