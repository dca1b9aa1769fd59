"""Compares strategies on one task under equal tuning: rows, a table with spreads, learning curves, verdicts against scratch.

Protocol: each strategy tries the same learning rates on the first seed and keeps the best one by validation score; the other seeds run at
that rate. The test split is measured once for each of these runs. Finished rows are kept in `trials.jsonl`; the same call resumes after
them.
"""

import os
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import tqdm

from tljax.report import curves, table, transfer
from tljax.runs import overrides, renamed, spec, trials, workdirs
from tljax.runs.fit import fit
from tljax.runs.run import Run
from tljax.train import logger


def compare(
    base: Any,
    workdir: str | os.PathLike[str],
    *,
    strategies: Sequence[str] = ("scratch", "linear_probe", "full"),
    rates: Sequence[float] = (1e-3, 3e-3, 1e-2),
    seeds: Sequence[int] = (0, 1, 2),
    build: Callable[[Any], Run] = lambda run: run,
) -> list[dict[str, Any]]:
    """Train all strategies and measure them on the test split; one row for each strategy and seed.

    Args:
      base: a `Run` with a test source; or a recipe (a dataclass with the fields `strategy`, `optim.lr`, `seed`) for `build`.
      workdir: folder of the comparison.
      strategies: call expressions.
      rates: peak learning rates; each strategy tries all of them on the first seed.
      seeds: the first one tunes; all of them are measured.
      build: turns `base` with changed fields into a `Run`.

    Raises:
      ValueError: nothing to compare, no test source, or an error of `fit`.
    """
    if not (strategies and rates and seeds):
        raise ValueError("compare needs at least one of strategies, rates and seeds each")
    root = pathlib.Path(workdir)
    first = build(base)
    if first.test is None:
        raise ValueError("compare: the run has no test source to measure on")
    entries = {"program": "compare"} | {k: v for k, v in spec.spec(first).items() if k not in ("strategy", "optim.lr", "seed")}
    workdirs.claim(entries, root)
    cache = first.compilation_cache or str(root.absolute() / "compiled")  # the seeds of a strategy share their programs

    def variant(strategy: str, rate: float, seed: int) -> Run:
        run = build(overrides.apply(base, {"strategy": strategy, "optim.lr": rate, "seed": seed}))
        return overrides.apply(run, {"measure_on": "val", "compilation_cache": cache})

    rows, measured = trials.Trials(root), []
    total = len(strategies) * (len(rates) + 2 * len(seeds) - 1)
    with tqdm.tqdm(total=total, unit="job", dynamic_ncols=True, disable=jax.process_index() > 0) as bar:
        for strategy in strategies:
            tuned = [_trained(rows, variant(strategy, rate, seeds[0]), bar) for rate in rates]
            best = max(tuned, key=_signed)
            chosen = [variant(strategy, best["lr"], seed) for seed in seeds]
            trained = [best, *(_trained(rows, run, bar) for run in chosen[1:])]
            measured += [_measured(rows, run, row, bar) for run, row in zip(chosen, trained, strict=True)]
    return measured


def _signed(row: Mapping[str, Any]) -> float:
    return row["sign"] * float(row["val"])


def _trained(rows: trials.Trials, run: Run, bar: Any) -> dict[str, Any]:
    """The trial's row, trained first if it is not in `trials.jsonl`."""
    name = trials.stored_name(rows.folder, trial_ids(run), rows.rows)
    root = rows.folder / "trials" / name

    def train() -> dict[str, Any]:
        result = fit(run, root, quiet=True)
        metric = result.summary["metric"]
        return {
            "strategy": str(run.strategy),
            "lr": run.optim.lr,
            "seed": run.seed,
            "metric": metric,
            "sign": result.summary["sign"],
            "val": result.score,
            "curve": [(row["step"], row[metric]) for row in logger.read(root) if row["split"] == "val"],
            "trained": result.summary["params"]["planned"],
            "seconds": result.summary["seconds"],
            "selected_on": result.summary["selected_on"],
        }

    bar.set_description(name)
    row = rows.once(name, train)
    bar.update()
    return row | {"strategy": str(run.strategy)}


def _measured(rows: trials.Trials, run: Run, row: dict[str, Any], bar: Any) -> dict[str, Any]:
    """The trial's row with the metrics of its saved weights on the test split, measured first if it is not in `trials.jsonl`."""
    name = f"{row['id']}_test"

    def measure_test() -> dict[str, Any]:
        measured, n = trials.measure_test(run, rows.folder / "trials" / row["id"])
        return row | {"id": name, "test": measured, "measured_on": f"test ({n} examples)"}

    bar.set_description(name)
    both = rows.once(name, measure_test)
    bar.update()
    return both | {"strategy": str(run.strategy)}


def trial_ids(run: Run) -> list[str]:
    """Folder names that tell strategy, rate and seed: today's, then the one of an earlier version where that differs."""
    strategies = [re.sub(r"[^\w.=-]+", "-", spelling).strip("-") for spelling in renamed.spellings(str(run.strategy))]
    return [f"{strategy}_lr{run.optim.lr:g}_seed{run.seed}" for strategy in strategies]


def report(rows: Sequence[dict[str, Any]], root: pathlib.Path, title: str) -> str:
    """Write `table.md` and `figures/curves.png` from the rows alone; returns the table and the verdicts as text."""
    by_strategy: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_strategy.setdefault(row["strategy"], []).append(row)
    lines = [_mean_row(strategy, group) for strategy, group in by_strategy.items()]
    columns, seeds = list(lines[0]), len(next(iter(by_strategy.values())))
    caption = f"{title}: selected on validation, measured on {rows[0]['measured_on']}; mean ± standard deviation over {seeds} seeds"
    verdicts = _verdicts(by_strategy)
    markdown = [caption, "", table.markdown(lines, columns), "", *(f"- {verdict}" for verdict in verdicts)]
    (root / "table.md").write_text("\n".join(markdown) + "\n", encoding="utf-8")
    metric = rows[0]["metric"]
    drawn = {
        strategy: [[{"step": step, f"val_{metric}": value} for step, value in row["curve"]] for row in group]
        for strategy, group in by_strategy.items()
    }
    curves.learning_curves(drawn, root / "figures" / "curves.png", metric=f"val_{metric}")
    return "\n".join([caption, "", table.text(lines, columns), "", *verdicts])


def _mean_row(strategy: str, group: Sequence[dict[str, Any]]) -> dict[str, str]:
    metric = group[0]["metric"]
    shown = [metric, *(["balanced_accuracy"] if metric == "accuracy" and "balanced_accuracy" in group[0]["test"] else [])]
    means = {f"val {metric}": table.mean_spread([row["val"] for row in group])}
    means |= {f"test {name}": table.mean_spread([row["test"][name] for row in group]) for name in shown if name in group[0]["test"]}
    shape = [transfer.summary(*zip(*row["curve"], strict=True)) for row in group if len(row["curve"]) > 1]
    curve = {name: f"{np.mean([s[name] for s in shape]):.3g}" for name in ("start", "slope", "asymptote") if shape}
    return {"strategy": strategy, "lr": f"{group[0]['lr']:g}"} | means | curve | {"trained": f"{group[0]['trained']:,}"}


def _verdicts(by_strategy: Mapping[str, Sequence[dict[str, Any]]]) -> list[str]:
    """One line for each strategy: its verdict against scratch on the test split, by the metric that selected."""
    if "scratch" not in by_strategy:
        return []
    metric, sign = by_strategy["scratch"][0]["metric"], by_strategy["scratch"][0]["sign"]
    if any(metric not in row["test"] for group in by_strategy.values() for row in group):
        return []
    scores = {strategy: [sign * row["test"][metric] for row in group] for strategy, group in by_strategy.items()}
    return [f"{s}: {transfer.verdict(values, scores['scratch'], paired=True)}" for s, values in scores.items() if s != "scratch"]
