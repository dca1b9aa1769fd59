"""Try settings of a recipe with several seeds each: a table with spreads, and a picture of the effect of each field.

  python -m experiments.sweep --config=experiments/configs/digits.py --config.weights=WEIGHTS --workdir=runs/sweep \
      --config.sweep.grid="{'optim.lr': (1e-3, 3e-3), 'strategy': ('linear_probe', 'full')}"

See `tljax.runs.sweep` for the protocol.
"""

import pathlib

import jax

from experiments import cli
from experiments.config import Config
from experiments.recipe import run_of
from tljax.runs.sweep import report, sweep


def main(config: Config, root: str) -> None:
    """Run the program with the values of its flags."""
    s = config.sweep
    rows = sweep(config, root, grid=s.grid, points=s.points, seeds=s.seeds, build=run_of, test=config.measure_on == "test")
    if jax.process_index() == 0:
        print(report(rows, pathlib.Path(root)))
        print(f"{root}: table.md, figures/sweep.png, trials.jsonl, trials/")


if __name__ == "__main__":
    cli.recipe(main)
