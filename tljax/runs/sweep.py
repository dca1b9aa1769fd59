"""Tries settings of a recipe with several seeds each: rows, a table with spreads, a picture of each field's effect.

Protocol: the setting with the best mean validation score over the seeds is selected. It alone is measured on the test split, once per seed,
unless the recipe has ``measure_on="val"``. A trial that diverges is a row too; its setting cannot be selected. Finished rows are kept in
`trials.jsonl`; the same call resumes after them, and a larger sweep trains only its new trials. If it selects another setting, that one is
measured on the test split too, and the table shows both. A trial that runs out of memory leaves no row: the next call tries it again.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import tqdm

from tljax import metrics
from tljax.report import effects
from tljax.report import sweep as reported
from tljax.runs import overrides, setup, spec, sweep_grid, trials, workdirs
from tljax.runs.fit import fit
from tljax.runs.run import Run
from tljax.runs.sweep_grid import Trial
from tljax.train.logger import NonFinite

Build = Callable[[Any], Run]


def sweep(
    base: Any,
    workdir: str | os.PathLike[str],
    *,
    grid: Mapping[str, Sequence[Any]],
    points: Sequence[Mapping[str, Any]] = (),
    seeds: Sequence[int] = (0, 1, 2),
    build: Build = lambda run: run,
    test: bool = True,
) -> list[dict[str, Any]]:
    """Run all trials. Returns their rows in order, then the rows on the test split; `overrides` of a row holds every swept field.

    Args:
      base: a `Run`, or a recipe (a dataclass) that `build` turns into one.
      workdir: folder of the sweep.
      grid: field -> its values, such as ``{"optim.lr": (1e-3, 3e-3), "strategy": ("scratch", "full")}``; all combinations are settings.
      points: more settings, each ``{field: value}``.
      seeds: each setting runs once with each seed.
      build: turns `base` with changed fields into a `Run`.
      test: measure the selected setting on the run's test source.

    Raises:
      ValueError, FileNotFoundError: nothing to sweep, or a setting that cannot run (checked before the first trial); an error of `fit`.
    """
    title = str(overrides.value(base, "title"))
    planned = sweep_grid.plan(base, title=title, grid=grid, points=points, seeds=seeds)
    root = pathlib.Path(workdir)
    done = {row["id"] for row in trials.read(root)}
    planned = [dataclasses.replace(trial, id=trials.stored_name(root, sweep_grid.ids(trial), done)) for trial in planned]
    build = partial(_built, build, root)
    entries = {"program": "sweep"} | {name: v for name, v in spec.spec(build(base)).items() if not name.startswith("compilation_cache")}
    workdirs.check(entries, root)
    _check([trial for trial in planned if trial.id not in done], build)
    workdirs.claim(entries, root)
    table = trials.Trials(root)
    rows = [_row(table, trial, build) for trial in _bar(planned, done)]
    best = reported.select(rows) if test else None
    for trial in planned:
        if trial.about["setting"] == best:
            table.once(f"{trial.id}_test", partial(_test, trial, build, root))
    about = {f"{trial.id}_test": _named(trial) for trial in planned}
    tested = [row for row in table.rows.values() if row["split"] == "test"]  # of settings that an earlier call selected, too
    rows += [row | about.get(row["id"], {}) for row in tested]
    values = {trial.about["setting"]: trial.values for trial in planned}
    names = dict.fromkeys([*planned[0].values, *(name for row in rows for name in row["overrides"])])
    recipe = {name: overrides.value(base, name) for name in names}
    return [row | {"overrides": recipe | values.get(row["setting"], row["overrides"])} for row in rows]


def _built(build: Build, root: pathlib.Path, base: Any) -> Run:
    """A trial's run: measured on validation data alone, and with a cache of compiled programs that all trials share."""
    run = build(base)
    cache = run.compilation_cache or str(root.absolute() / "compiled")
    return overrides.apply(run, {"measure_on": "val", "compilation_cache": cache})


def _check(left: Sequence[Trial], build: Build) -> None:
    """Build each setting's run once, so that a mistake in the last setting shows before the first one trains."""
    for trial in {trial.about["setting"]: trial for trial in reversed(left)}.values():
        try:
            setup.prepare(overrides.apply(build(trial.base), {"compilation_cache": ""}))  # nothing is written yet
        except (ValueError, KeyError) as e:
            raise ValueError(f"sweep, {trial.about['overrides']}: {e.args[0] if e.args else e}") from e


def _bar(planned: Sequence[Trial], done: set[str]) -> Iterator[Trial]:
    """Iterate over the trials with a progress bar, whose time left counts only those without a row."""
    before = sum(trial.id in done for trial in planned)
    with tqdm.tqdm(total=len(planned), initial=before, unit="trial", dynamic_ncols=True, disable=jax.process_index() > 0) as bar:
        for trial in planned:
            bar.set_description(trial.id)
            yield trial
            bar.update(trial.id not in done)


def _row(table: trials.Trials, trial: Trial, build: Build) -> dict[str, Any]:
    """The trial's row, trained first if there is none; running out of memory depends on the device, so that row is not stored."""
    try:
        return table.once(trial.id, partial(_train, trial, build, table.folder)) | _named(trial)
    except jax.errors.JaxRuntimeError as e:
        if "RESOURCE_EXHAUSTED" not in str(e):
            raise
        row = {"id": trial.id} | trial.about | {"error": f"out of memory: {str(e).splitlines()[0]}"}
    _tell(trial, row)
    return row


def _named(trial: Trial) -> dict[str, Any]:
    """The trial's setting in today's names; the row may have been written by an earlier version."""
    return {name: trial.about[name] for name in ("setting", "overrides")}


def _train(trial: Trial, build: Build, folder: pathlib.Path) -> dict[str, Any]:
    """Train a trial; if it diverges, its row has an `error` instead of `metrics`."""
    try:
        result = fit(build(trial.base), folder / "trials" / trial.id, quiet=True)
    except (NonFinite, metrics.NotFinite) as e:
        row = {"error": f"diverged: {e}"}
    else:
        copied = ("measured_on", "selected_on", "selected_step", "seconds", "examples_per_second", "metric", "sign")
        scored = {result.summary["metric"]: result.score}
        row = {"metrics": trials.numbers(result.metrics) | scored} | {key: result.summary[key] for key in copied}
    _tell(trial, row)
    return trial.about | row


def _tell(trial: Trial, row: Mapping[str, Any]) -> None:
    if jax.process_index() == 0:
        tqdm.tqdm.write(f"{trial.id}: {row.get('error', '').split(';')[0] or _outcome(row)}")


def _outcome(row: Mapping[str, Any]) -> str:
    score = f"{row['metric']} {row['metrics'][row['metric']]:.4g} on {row['measured_on']}"
    return f"{score}, step {row['selected_step']}; {row['seconds']:.1f} s, {row['examples_per_second']:.0f} examples/s"


def _test(trial: Trial, build: Build, folder: pathlib.Path) -> dict[str, Any]:
    measured, n = trials.measure_test(build(trial.base), folder / "trials" / trial.id)
    return trial.about | {"split": "test", "metrics": measured, "measured_on": f"test ({n} examples)"}


def report(rows: Sequence[Mapping[str, Any]], root: pathlib.Path) -> str:
    """Write `table.md` and `figures/sweep.png` from the rows alone; returns the table as text."""
    (root / "table.md").write_text(reported.report(rows, markdown=True) + "\n", encoding="utf-8")
    metric, selected = reported.score_name(rows), reported.select(rows)
    effects.effects([row for row in rows if row["split"] == "val"], root / "figures" / "sweep.png", metric=metric, selected=selected)
    return reported.report(rows)
