"""Try settings of a recipe, each with several seeds: a table with spreads and a picture of what each field does.

  python -m experiments.sweep --config=experiments/configs/digits.py --config.weights=WEIGHTS --workdir=runs/sweep \
      --config.sweep.grid="{'optim.lr': (1e-3, 3e-3), 'strategy': ('probe', 'full')}"

Protocol: the best mean validation score over the seeds selects; the selected setting alone is measured on the test split, once per seed
(not at all where ``config.measure`` is ``val``). A trial that diverges is a row, too; its setting cannot be selected. Finished rows stand
in `trials.jsonl`; the same command goes on after them, and tries only what is new where ``config.sweep`` has grown. Another setting may
then be selected and measured on the test split; the table shows all that ever were. A trial that runs out of memory has no lasting row:
the next call tries it again.
"""

import copy
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import tqdm

from experiments import finetune, overrides, prepare, settings, start, trials, workdir
from experiments.config import Config
from experiments.settings import Trial
from tljax.evaluate import metrics
from tljax.report import effects
from tljax.report import sweep as reported
from tljax.train.logger import NonFinite


def run(config: Config, root: str | pathlib.Path) -> list[dict[str, Any]]:
    """The rows of all trials in order, then all on the test split in the file; their `overrides` hold every swept field.

    Raises:
      ValueError, FileNotFoundError: nothing to sweep or a setting that cannot run, before any does; and as `finetune.run`.
    """
    folder = workdir.check(config, root)
    wanted = settings.plan(config, folder)
    done = {row["id"] for row in trials.read(folder)}
    _prepare([trial for trial in wanted if trial.id not in done], folder)
    workdir.claim(config, folder)
    rows = trials.Trials(folder)
    found = [_row(rows, trial) for trial in _bar(wanted, done)]
    best = reported.select(found) if config.measure == "test" else None
    for trial in wanted:
        if trial.about["setting"] == best:
            rows.once(f"{trial.id}_test", partial(_test, trial, folder))
    found += [row for row in rows.rows.values() if row["split"] == "test"]  # of settings that an earlier call selected, too
    values = {trial.about["setting"]: trial.values for trial in wanted}
    names = dict.fromkeys([*wanted[0].values, *(name for row in found for name in row["overrides"])])
    recipe = {name: overrides.value(config, name) for name in names}
    return [row | {"overrides": recipe | values.get(row["setting"], row["overrides"])} for row in found]


def _prepare(left: Sequence[Trial], folder: pathlib.Path) -> None:
    """All that a run does before it trains, once for each setting: a mistake in the last one shows before the first one runs."""
    for trial in {trial.about["setting"]: trial for trial in reversed(left)}.values():
        config = copy.deepcopy(trial.config)
        config.train.compilation_cache = ""  # nothing is written yet
        try:
            prepare.prepare(config, workdir.check(config, folder / "trials" / trial.id), quiet=True)
        except (ValueError, KeyError) as e:
            raise ValueError(f"config.sweep, {trial.about['overrides']}: {e.args[0] if e.args else e}") from e


def _bar(wanted: Sequence[Trial], done: set[str]) -> Iterator[Trial]:
    """The trials behind a progress bar; the time left is that of those which are not done."""
    before = sum(trial.id in done for trial in wanted)
    with tqdm.tqdm(total=len(wanted), initial=before, unit="trial", dynamic_ncols=True, disable=jax.process_index() > 0) as bar:
        for trial in wanted:
            bar.set_description(trial.id)
            yield trial
            bar.update(trial.id not in done)


def _row(rows: trials.Trials, trial: Trial) -> dict[str, Any]:
    """The row of a trial; one that did not fit into memory is not kept, since that tells of the device at the time."""
    try:
        return rows.once(trial.id, partial(_train, trial, rows.folder))
    except jax.errors.JaxRuntimeError as e:
        if "RESOURCE_EXHAUSTED" not in str(e):
            raise
        row = {"id": trial.id} | trial.about | {"error": f"out of memory: {str(e).splitlines()[0]}"}
    _tell(trial, row)
    return row


def _train(trial: Trial, folder: pathlib.Path) -> dict[str, Any]:
    """Run a trial; its row has an `error` instead of `metrics` where it diverged."""
    try:
        result = finetune.run(trial.config, folder / "trials" / trial.id, quiet=True)
    except (NonFinite, metrics.NotFinite) as e:
        row = {"error": f"diverged: {e}"}
    else:
        kept = ("measured_on", "selected_on", "selected_step", "seconds", "examples_per_second")
        row = {"metrics": _numbers(result["metrics"])} | {key: result[key] for key in kept}
    _tell(trial, row)
    return trial.about | row


def _tell(trial: Trial, row: Mapping[str, Any]) -> None:
    if jax.process_index() == 0:
        tqdm.tqdm.write(f"{trial.id}: {row.get('error', '').split(';')[0] or _told(row)}")


def _told(row: Mapping[str, Any]) -> str:
    name = reported.score_name([row])
    score = f"{name} {row['metrics'][name]:.4g} on {row['measured_on']}"
    return f"{score}, step {row['selected_step']}; {row['seconds']:.1f} s, {row['examples_per_second']:.0f} examples/s"


def _test(trial: Trial, folder: pathlib.Path) -> dict[str, Any]:
    measured, n = trials.measure_test(trial.config, folder / "trials" / trial.id)
    return trial.about | {"split": "test", "metrics": _numbers(measured), "measured_on": f"test ({n} examples)"}


def _numbers(measured: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in measured.items() if isinstance(value, int | float)}


def report(rows: Sequence[Mapping[str, Any]], root: pathlib.Path) -> str:
    """Write `table.md` and `figures/sweep.png` from the rows alone; gives the table as text."""
    (root / "table.md").write_text(reported.report(rows, markdown=True) + "\n", encoding="utf-8")
    metric = reported.score_name(rows)
    effects.effects(
        [row for row in rows if row["split"] == "val"], root / "figures" / "sweep.png", metric=metric, selected=reported.select(rows)
    )
    return reported.report(rows)


def main(config: Config, root: str) -> None:
    """Run what the flags say."""
    rows = run(config, root)
    if jax.process_index() == 0:
        print(report(rows, pathlib.Path(root)))
        print(f"{root}: table.md, figures/sweep.png, trials.jsonl, trials/")


if __name__ == "__main__":
    start.recipe(main)
