"""Train a source model from scratch, and compare it with always predicting the most frequent class.

  python -m experiments.pretrain --config=experiments/configs/digits.py:source --workdir=runs/source

The workdir is then the ``--config.weights`` or ``--weights`` of the other programs.
"""

import jax

from experiments import cli
from experiments.config import Config
from experiments.recipe import run_of
from tljax.report import run_summary
from tljax.runs.fit import fit
from tljax.runs.results import majority


def main(config: Config, root: str, profile: str) -> None:
    """Run the program with the values of its flags."""
    if config.weights or config.strategy != "scratch":
        raise ValueError(f"pretrain starts from nothing: config.weights={config.weights!r} must be empty, config.strategy scratch")
    run = run_of(config)
    result = fit(run, root, profiled=profile)
    if jax.process_index() == 0:
        print(run_summary.text(result.summary))
        if (share := majority(run)) is not None:
            print(run_summary.against_majority(result.summary, share))
        print(f"{root}: give it to the other programs as --config.weights or --weights")


if __name__ == "__main__":
    cli.recipe(main, profile=cli.PROFILE)
