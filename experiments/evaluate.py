"""Measure a model on a labelled source.

  python -m experiments.evaluate --weights=checkpoint.th --data="folder('images/test')"

`--weights` is any file or folder that `tljax.weights.open` knows; classes are matched by name.
"""

import json
import pathlib
from typing import Any

import numpy as np
from absl import flags

from experiments import start, task, workdir
from tljax import data, weights
from tljax.evaluate import measure, predict
from tljax.report import table


def run(path: str, source: str, by_order: bool = False, batch_size: int = 256, workers: int = 0) -> dict[str, Any]:
    """``{weights, sha256, data, examples, correct, metrics, per_class}`` of a model on all examples of a source.

    Raises:
      ValueError, FileNotFoundError: weights or data that cannot be read; classes that the model does not know.
    """
    opened = weights.open(path)
    examples = data.create(source)
    if opened.config.labels or by_order:
        examples = task.aligned(examples, opened.config.labels or tuple(map(str, range(opened.config.num_classes))), by_order)
    elif len(examples.classes) != opened.config.num_classes:
        raise ValueError(f"{path} names no classes and has {opened.config.num_classes}, the data {len(examples.classes)}")
    logits = predict.pretrained(opened, examples, batch_size, workers, title="evaluating")
    labels = np.asarray(examples.labels)
    return {
        "weights": path,
        "sha256": opened.config.sha256,
        "model": opened.config.model,
        "data": source,
        "examples": len(labels),
        "correct": int((logits.argmax(-1) == labels).sum()),
        "metrics": measure.measure(logits, labels),
    }


def main(path: str, source: str, by_order: bool, batch_size: int, workers: int, out: str) -> None:
    """Run what the flags say."""
    result = run(path, source, by_order, batch_size, workers)
    numbers = {k: f"{v:.4f}" for k, v in result["metrics"].items() if isinstance(v, int | float)}
    row = {k: result[k] for k in ("model", "data", "correct", "examples")} | numbers
    print(table.text([row], list(row)))
    if out:
        workdir.write_json(pathlib.Path(out), result)
        print(json.dumps({"written": out}))


if __name__ == "__main__":
    WEIGHTS = flags.DEFINE_string("weights", None, "Weight file or folder.", required=True)
    DATA = flags.DEFINE_string("data", None, "Source, such as folder('images/test').", required=True)
    BY_ORDER = flags.DEFINE_bool("classes_by_order", False, "Match classes by their order where names differ.")
    BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Examples per batch.", lower_bound=1)
    WORKERS = flags.DEFINE_integer("workers", 0, "Processes that read and decode; 0: threads.", lower_bound=0)
    OUT = flags.DEFINE_string("out", "", "A .json file for the result.")
    start.run(lambda: main(WEIGHTS.value, DATA.value, BY_ORDER.value, BATCH_SIZE.value, WORKERS.value, OUT.value))
