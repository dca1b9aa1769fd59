"""Develop a source model from scratch, and say whether it learned anything.

  python -m experiments.pretrain --config=experiments/configs/digits.py:source --workdir=runs/source

The folder can be given to any program as ``--config.weights`` afterwards.
"""

import pathlib
from typing import Any

import jax
import numpy as np

from experiments import finetune, start, task, workdir
from experiments.config import Config
from tljax.evaluate import measure


def run(config: Config, root: str | pathlib.Path, quiet: bool = False, profiled: str = "") -> dict[str, Any]:
    """Train as `finetune.run` does, from scratch; adds ``majority`` to the result.

    Raises:
      ValueError: a config with weights or another strategy than ``scratch``, and as `finetune.run`.
    """
    if config.weights or config.strategy != "scratch":
        raise ValueError(f"pretrain starts from nothing: config.weights={config.weights!r} must be empty, config.strategy scratch")
    result = finetune.run(config, root, quiet, profiled)
    if "majority" not in result and "accuracy" in result["metrics"] and jax.process_index() == 0:
        folder, splits = pathlib.Path(root), task.make_splits(config)
        common = int(np.bincount(np.asarray(splits["train"].labels)).argmax())
        hits = np.asarray(splits[config.measure].labels) == common
        result["majority"] = float(hits.mean())
        workdir.write_json(folder / "result.json", result)
    return result


def verdict(result: dict[str, Any]) -> str:
    """One sentence: does the model beat always answering the training set's most frequent class, by more than chance?"""
    n = int(result["measured_on"].split("(")[1].split()[0])
    accuracy, majority = result["metrics"]["accuracy"], result["majority"]
    margin = 2 * measure.standard_error(accuracy, n)
    clear = "beats" if accuracy - margin > majority else "does not clearly beat"
    numbers = f"{accuracy:.4f} ± {margin:.4f} (2 standard errors) against {majority:.4f}"
    return f"the model {clear} the majority model: {numbers}, {result['measured_on']}"


def main(config: Config, root: str, profile: str) -> None:
    """Run what the flags say."""
    result = run(config, root, profiled=profile)
    if jax.process_index() == 0:
        print(finetune.show(result))
        if "majority" in result:
            print(verdict(result))
        print(f"{root}: give it to the other programs as --config.weights or --weights")


if __name__ == "__main__":
    start.recipe(main, profile=start.PROFILE)
