"""Write the features of a model's stages into a file.

  python -m experiments.extract --weights=checkpoint.pth --data="folder('images/train')" --stages=stage3,stage4 --out=features.npz

A stage's features are its pooled output, [N, D] float32. The file is a data source itself, for a model that takes vectors:
`--config.data.source="npz('features.npz', x='stage4', label='y')"`, with `label='class'` for the classes by name.
"""

import json
import pathlib
from typing import Any

import jax
from absl import flags

import tljax
from experiments import cli
from tljax.evaluate import features
from tljax.report import table

WEIGHTS = flags.DEFINE_string("weights", None, "Weight file or folder.", required=True)
DATA = flags.DEFINE_string("data", None, "Source, such as folder('images/train').", required=True)
STAGES = flags.DEFINE_string("stages", "all", "Stages, such as stem,stage4; or all.")
OUT = flags.DEFINE_string("out", None, "The .npz file to write.", required=True)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Examples per batch.", lower_bound=1)
WORKERS = flags.DEFINE_integer("workers", 0, "Processes that read and decode; 0: threads.", lower_bound=0)


def main() -> None:
    """Run the program with the values of its flags."""
    opened = tljax.open(WEIGHTS.value)
    stages, source = features.stages_of(opened.model, STAGES.value), opened.task.view(tljax.data.create(DATA.value))
    out = pathlib.Path(OUT.value)
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"batch_size": BATCH_SIZE.value, "workers": WORKERS.value, "title": "extracting"}
    values = features.pretrained(opened, source, stages, **options)
    if jax.process_index() == 0:
        made_from = {"weights": WEIGHTS.value, "sha256": opened.config.sha256, "model": opened.config.model, "data": DATA.value}
        features.write(out, values, source, json.dumps(made_from, ensure_ascii=False))
        rows = [{"stage": name, "examples": len(v), "D": v.shape[1], "MB": v.nbytes / 1e6} for name, v in values.items()]
        print(table.text(rows, list(rows[0])))
        print(f"written: {out}")


if __name__ == "__main__":
    cli.run(main)
