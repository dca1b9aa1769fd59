"""Compare strategies on one task, equally tuned: a table with spreads and a picture of the learning curves.

  python -m experiments.compare --config=experiments/configs/digits.py --config.weights=WEIGHTS --workdir=runs/digits

See `tljax.runs.compare` for the protocol.
"""

import pathlib

import jax

from experiments import cli
from experiments.config import Config
from experiments.recipe import run_of
from tljax.runs.compare import compare, report


def main(config: Config, root: str) -> None:
    """Run the program with the values of its flags."""
    c = config.compare
    rows = compare(config, root, strategies=c.strategies, rates=c.rates, seeds=c.seeds, build=run_of)
    if jax.process_index() == 0:
        print(report(rows, pathlib.Path(root), config.title))
        print(f"{root}: table.md, figures/curves.png, trials.jsonl, trials/")


if __name__ == "__main__":
    cli.recipe(main)
