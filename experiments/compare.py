"""Compare strategies on one task, equally tuned: a table with spreads and a picture of the learning curves.

  python -m experiments.compare --config=experiments/configs/digits.py --config.weights=WEIGHTS --workdir=runs/digits

Protocol: each strategy tries the same learning rates on the first seed and keeps the best by validation accuracy; with it the further
seeds run. The test split is measured once per measured run. Finished rows stand in `trials.jsonl`; the same command goes on after them.
"""

import copy
import pathlib
import re
from typing import Any

import jax
import numpy as np
import tqdm

from experiments import finetune, start, task, trials, workdir
from experiments.config import Config
from tljax.report import curves, table, transfer
from tljax.train import logger


def run(config: Config, root: str | pathlib.Path) -> list[dict[str, Any]]:
    """All measured rows: one per strategy and seed.

    Raises:
      ValueError: nothing to compare, and as `finetune.run`.
    """
    c = config.compare
    if not (c.strategies and c.rates and c.seeds):
        raise ValueError("config.compare needs at least one of strategies, rates and seeds each")
    if not task.is_classification(task.make_splits(config)["train"]):
        raise ValueError(f"{config.data.source}: compare tabulates accuracies, so it needs a task with one class per example")
    folder = workdir.claim(config, root)
    if not config.train.compilation_cache:
        config.train.compilation_cache = str(folder.absolute() / "compiled")  # the seeds of a strategy share their programs
    rows, measured = trials.Trials(folder), []
    per_strategy = len(c.rates) + 2 * len(c.seeds) - 1
    with tqdm.tqdm(total=len(c.strategies) * per_strategy, unit="job", dynamic_ncols=True, disable=jax.process_index() > 0) as bar:
        for strategy in c.strategies:
            tuned = [_trained(rows, _variant(config, strategy, rate, c.seeds[0]), bar) for rate in c.rates]
            lr = max(tuned, key=lambda row: row["val_accuracy"])["lr"]
            chosen = [_variant(config, strategy, lr, seed) for seed in c.seeds]
            trained = [max(tuned, key=lambda row: row["val_accuracy"]), *(_trained(rows, variant, bar) for variant in chosen[1:])]
            measured += [_measured(rows, variant, row, bar) for variant, row in zip(chosen, trained, strict=True)]
    return measured


def _trained(rows: trials.Trials, config: Config, bar: Any) -> dict[str, Any]:
    """The row of one run with its validation score: read, or run now."""
    name = trial_id(config)
    root = rows.folder / "trials" / name

    def train() -> dict[str, Any]:
        result = finetune.run(config, root, quiet=True)
        curve = [(row["step"], row["accuracy"]) for row in logger.read(root) if row["split"] == "val"]
        return {
            "strategy": config.strategy,
            "lr": config.optim.lr,
            "seed": config.seed,
            "val_accuracy": result["metrics"]["accuracy"],
            "curve": curve,
            "trained": result["params"]["trainable"],
            "seconds": result["seconds"],
            "selected_on": result["selected_on"],
        }

    bar.set_description(name)
    row = rows.once(name, train)
    bar.update()
    return row


def _measured(rows: trials.Trials, config: Config, row: dict[str, Any], bar: Any) -> dict[str, Any]:
    """The row of a run with the metrics of its saved weights on the test split: read, or measured now."""
    name = f"{row['id']}_test"

    def measure_test() -> dict[str, Any]:
        measured, n = trials.measure_test(config, rows.folder / "trials" / row["id"])
        numbers = {f"test_{k}": measured[k] for k in ("accuracy", "balanced_accuracy", "loss")}
        return row | numbers | {"id": name, "measured_on": f"test ({n} examples)"}

    bar.set_description(name)
    both = rows.once(name, measure_test)
    bar.update()
    return both


def trial_id(config: Config) -> str:
    """A folder name that tells strategy, rate and seed."""
    strategy = re.sub(r"[^\w.=-]+", "-", config.strategy).strip("-")
    return f"{strategy}_lr{config.optim.lr:g}_seed{config.seed}"


def _variant(config: Config, strategy: str, lr: float, seed: int) -> Config:
    variant = copy.deepcopy(config)
    variant.strategy, variant.optim.lr, variant.seed, variant.measure = strategy, lr, seed, "val"
    return variant


def report(config: Config, rows: list[dict[str, Any]], root: pathlib.Path) -> str:
    """Write `table.md` and `figures/curves.png`; gives the table and the verdicts as text."""
    by_strategy: dict[str, list[dict[str, Any]]] = {s: [r for r in rows if r["strategy"] == s] for s in config.compare.strategies}
    table_rows = [_mean_row(strategy, of) for strategy, of in by_strategy.items()]
    columns = list(table_rows[0])
    seeds = len(config.compare.seeds)
    caption = f"{config.task}: selected on validation, measured on {rows[0]['measured_on']}; mean ± standard deviation over {seeds} seeds"
    lines = [caption, "", table.text(table_rows, columns), "", *_verdicts(by_strategy)]
    (root / "table.md").write_text(
        "\n".join([caption, "", table.markdown(table_rows, columns), "", *(f"- {v}" for v in _verdicts(by_strategy))]) + "\n",
        encoding="utf-8",
    )
    (root / "figures").mkdir(exist_ok=True)
    runs = {
        strategy: [[{"step": step, "val_accuracy": value} for step, value in row["curve"]] for row in of]
        for strategy, of in by_strategy.items()
    }
    curves.learning_curves(runs, root / "figures" / "curves.png")
    return "\n".join(lines)


def _mean_row(strategy: str, of: list[dict[str, Any]]) -> dict[str, str]:
    columns = {"val": "val_accuracy", "test": "test_accuracy", "test, balanced": "test_balanced_accuracy"}
    means = {title: table.mean_spread([r[key] for r in of]) for title, key in columns.items()}
    shape = [transfer.summary([step for step, _ in r["curve"]], [value for _, value in r["curve"]]) for r in of if len(r["curve"]) > 1]
    curve = {name: f"{np.mean([s[name] for s in shape]):.3g}" for name in ("start", "slope", "asymptote") if shape}
    return {"strategy": strategy, "lr": f"{of[0]['lr']:g}"} | means | curve | {"trained": f"{of[0]['trained']:,}"}


def _verdicts(by_strategy: dict[str, list[dict[str, Any]]]) -> list[str]:
    if "scratch" not in by_strategy:
        return []
    base = [row["test_accuracy"] for row in by_strategy["scratch"]]
    others = {s: [r["test_accuracy"] for r in of] for s, of in by_strategy.items() if s != "scratch"}
    return [f"{s}: {transfer.verdict(values, base, paired=True)}" for s, values in others.items()]


def main(config: Config, root: str) -> None:
    """Run what the flags say."""
    rows = run(config, root)
    if jax.process_index() == 0:
        print(report(config, rows, pathlib.Path(root)))
        print(f"{root}: table.md, figures/curves.png, trials.jsonl, trials/")


if __name__ == "__main__":
    start.recipe(main)
