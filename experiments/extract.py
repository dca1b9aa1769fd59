"""Write the features of a model's stages into a file.

  python -m experiments.extract --weights=checkpoint.pth --data="folder('images/train')" --stages=stage3,stage4 --out=features.npz

A stage's features are its pooled output, [N, D] float32. The file is a data source itself, for a model that takes vectors:
`--config.data.source="npz('features.npz', x='stage4', label='y')"`, with `label='class'` for the classes by name.
"""

import json
import pathlib
from typing import Any

import jax
import numpy as np
from absl import flags

from experiments import start
from tljax import data, weights
from tljax.evaluate import features
from tljax.report import table


def run(path: str, source: str, stages: str, out: str, batch_size: int = 256, workers: int = 0) -> dict[str, np.ndarray]:
    """``{stage: [N, D]}``, written to `out`.

    Raises:
      ValueError, FileNotFoundError: weights or data that cannot be read, a stage that the model has not.
    """
    opened = weights.open(path)
    wanted, examples = features.stages_of(opened.model, stages), data.create(source)
    pathlib.Path(out).absolute().parent.mkdir(parents=True, exist_ok=True)
    found = features.pretrained(opened, examples, wanted, batch_size, workers, title="extracting")
    if jax.process_index() == 0:
        made_from = {"weights": path, "sha256": opened.config.sha256, "model": opened.config.model, "data": source}
        features.write(pathlib.Path(out), found, examples, json.dumps(made_from, ensure_ascii=False))
    return found


def main(path: str, source: str, stages: str, out: str, batch_size: int, workers: int) -> None:
    """Run what the flags say."""
    found = run(path, source, stages, out, batch_size, workers)
    rows: list[dict[str, Any]] = [{"stage": name, "examples": len(f), "D": f.shape[1], "MB": f.nbytes / 1e6} for name, f in found.items()]
    if jax.process_index() == 0:
        print(table.text(rows, list(rows[0])))
        print(f"written: {out}")


if __name__ == "__main__":
    WEIGHTS = flags.DEFINE_string("weights", None, "Weight file or folder.", required=True)
    DATA = flags.DEFINE_string("data", None, "Source, such as folder('images/train').", required=True)
    STAGES = flags.DEFINE_string("stages", "all", "Stages, such as stem,stage4; or all.")
    OUT = flags.DEFINE_string("out", None, "The .npz file to write.", required=True)
    BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Examples per batch.", lower_bound=1)
    WORKERS = flags.DEFINE_integer("workers", 0, "Processes that read and decode; 0: threads.", lower_bound=0)
    start.run(lambda: main(WEIGHTS.value, DATA.value, STAGES.value, OUT.value, BATCH_SIZE.value, WORKERS.value))
