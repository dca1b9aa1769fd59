"""Measure a model on a labeled source by the metric of its task.

  python -m experiments.evaluate --weights=checkpoint.th --data="folder('images/test')"

`--weights` is any file or folder that `tljax.open` knows; classes are matched by name.
"""

import json
import pathlib
from typing import Any

from absl import flags

import tljax
from experiments import cli
from tljax.report import table
from tljax.runs import trials, workdirs

WEIGHTS = flags.DEFINE_string("weights", None, "Weight file or folder, or workdir.", required=True)
DATA = flags.DEFINE_string("data", None, "Source, such as folder('images/test').", required=True)
METRIC = flags.DEFINE_string("metric", "", "Call expression of a metric; empty: the task's.")
BEST = flags.DEFINE_bool("best", False, "Take the best weights so far of a run that has not finished.")
BY_ORDER = flags.DEFINE_bool("classes_by_order", False, "Match classes by their order instead of their names.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Examples per batch.", lower_bound=1)
WORKERS = flags.DEFINE_integer("workers", 0, "Processes that read and decode; 0: threads.", lower_bound=0)
OUT = flags.DEFINE_string("out", "", "A .json file for the result.")


def main() -> None:
    """Run the program with the values of its flags."""
    opened = tljax.open(WEIGHTS.value, best=BEST.value)
    source = tljax.data.create(DATA.value)
    options: dict[str, Any] = {"by_order": BY_ORDER.value, "batch_size": BATCH_SIZE.value, "workers": WORKERS.value, "title": "evaluating"}
    numbers, _ = opened.measured(source, METRIC.value or None, **options)
    shown = {name: f"{value:.4f}" for name, value in trials.numbers(numbers).items()}
    row = {"model": opened.config.model, "task": opened.task.name, "data": DATA.value, "examples": len(source)} | shown
    print(table.text([row], list(row)))
    if OUT.value:
        result = {"weights": WEIGHTS.value, "sha256": opened.config.sha256, "model": opened.config.model, "task": str(opened.task)}
        workdirs.write_json(pathlib.Path(OUT.value), result | {"data": DATA.value, "examples": len(source), "metrics": numbers})
        print(json.dumps({"written": OUT.value}))


if __name__ == "__main__":
    cli.run(main)
