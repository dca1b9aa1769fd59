"""Fit a classifier to the features of every stage of a frozen backbone, to see how much each stage knows of a task.

  python -m experiments.probe --weights=checkpoint.pth --train="folder('photos/train')" --test="folder('photos/test')" --workdir=runs/probe

See `tljax.runs.probing` for the protocol.
"""

from typing import Any

import jax
from absl import flags

from experiments import cli
from tljax.evaluate import probing as learners
from tljax.runs import probing

WEIGHTS = flags.DEFINE_string("weights", None, "Weight file or folder.", required=True)
TRAIN = flags.DEFINE_string("train", None, "Source to learn from, such as folder('photos', split='train').", required=True)
TEST = flags.DEFINE_string("test", None, "Source to measure on.", required=True)
WORKDIR = flags.DEFINE_string("workdir", None, "Folder for features, table and picture.", required=True)
STAGES = flags.DEFINE_string("stages", "all", "Stages, such as stem,stage4; or all.")
LEARNER = flags.DEFINE_enum("learner", "logistic", sorted(learners.LEARNERS), "The classifier.")
SEEDS = flags.DEFINE_list("seeds", ["0"], "Seeds of the folds, such as 0,1,2.")
PIXELS = flags.DEFINE_integer("pixels", 0, "Also probe raw pixels, images resized to this side; 0: do not.", lower_bound=0)
flags.register_validator("seeds", lambda v: v and all(s.strip().isdigit() for s in v), "whole numbers are expected, such as 0,1,2")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Examples per batch.", lower_bound=1)
WORKERS = flags.DEFINE_integer("workers", 0, "Processes that read and decode; 0: threads.", lower_bound=0)


def main() -> None:
    """Run the program with the values of its flags."""
    options: dict[str, Any] = {
        "stages": STAGES.value,
        "learner": LEARNER.value,
        "seeds": tuple(int(seed) for seed in SEEDS.value),
        "pixels": PIXELS.value,
    }
    options |= {"batch_size": BATCH_SIZE.value, "workers": WORKERS.value}
    result = probing.probe(WEIGHTS.value, TRAIN.value, TEST.value, WORKDIR.value, **options)
    if jax.process_index() == 0:
        print(probing.report(result, WORKDIR.value))
        print(f"{WORKDIR.value}: probe.json, table.md, figures/probe.png, features/")


if __name__ == "__main__":
    cli.run(main)
