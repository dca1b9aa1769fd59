"""Fine-tune a pretrained model with one strategy.

python -m experiments.finetune --config=experiments/configs/digits.py --config.weights=WEIGHTS --workdir=runs/one
"""

import pathlib

import jax

from experiments import cli
from experiments.config import Config
from experiments.recipe import run_of
from tljax.report import run_summary
from tljax.runs.fit import fit


def main(config: Config, root: str, profile: str) -> None:
    """Run the program with the values of its flags."""
    result = fit(run_of(config), root, profiled=profile)
    if jax.process_index() == 0:
        print(run_summary.text(result.summary))
        traced = ", profile/" if (pathlib.Path(root) / "profile").is_dir() else ""
        print(f"{root}: result.json, metrics.jsonl, model/, figures/, events/{traced}")


if __name__ == "__main__":
    cli.recipe(main, profile=cli.PROFILE)
