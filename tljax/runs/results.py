"""The result of a run: numbers on a split, the model, `result.json`, pictures."""

import dataclasses
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from tljax import data, metrics, objectives, trees, weights
from tljax.evaluate import measure
from tljax.report import curves, pictures
from tljax.runs import opening, renamed, setup, workdirs
from tljax.runs.pretrained import Pretrained
from tljax.runs.run import Run
from tljax.train import logger, plan, sharding


@dataclasses.dataclass(frozen=True)
class Result:
    """A finished run.

    Attributes:
      step: of the weights that were selected.
      score: their validation score, in the metric's own sign; None where nothing was validated.
      metrics: numbers on the split that was measured at the end; {} where there was none.
      pretrained: the model, which predicts, measures and saves.
      certificates: the freeze certificates of the phases.
      summary: the content of `result.json`.
    """

    step: int
    score: float | None
    metrics: Mapping[str, Any]
    pretrained: Pretrained
    certificates: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any]


def measured(
    ready: setup.Setup,
    metric: metrics.Metric,
    variables: Mapping[str, Any],
    sources: Mapping[str, data.Source],
    title: str = "",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure a metric on named sources: ``(numbers, {stream: statistics})``."""
    run, own = ready.run, model_only(variables)
    config = run.pretrained.config
    streams = {name: source for name, source in sources.items() if not metric.streams or name in metric.streams}
    statistics = {
        name: measure.statistics(
            metric,
            ready.compiled(metric),
            own,
            source,
            batch_size=run.eval_batch_size,
            host=data.on_host(config, kinds=source.fields),
            mesh=ready.training.mesh,
            workers=run.workers,
            title=title,
        )
        for name, source in streams.items()
    }
    return measure.numbers(metric, statistics), statistics


def finish(ready: setup.Setup, root: pathlib.Path, variables: Mapping[str, Any], *, step: int, steps: int, quiet: bool) -> Result:
    """Save the model, measure it, draw its pictures, and write `result.json` last: a workdir with that file has finished.

    Args:
      ready: the run.
      root: its workdir.
      variables: the selected weights.
      step: the step that they were selected at.
      steps: number of steps that were run.
      quiet: no pictures.
    """
    run = ready.run
    host = sharding.to_host(model_only(variables))
    config = dataclasses.replace(run.pretrained.config, task=str(ready.task))
    if jax.process_index() == 0:
        config = dataclasses.replace(config, sha256=weights.save(root / "model", host, config).sha256)
    split = run.measure_on if run.measure_on == "val" or ready.test is not None else "val"
    sources = ready.val if split == "val" else {"": ready.test}
    numbers: dict[str, Any] = {}
    statistics: dict[str, Any] = {}
    task_metric = metrics.create(ready.task.metric, **ready.task.facts(config.num_classes))
    labeled = {name: s for name, s in sources.items() if s is not None and (not task_metric.labels or ready.task.has_labels(s))}
    if labeled:
        numbers, statistics = measured(ready, task_metric, variables, labeled, title="" if quiet else f"measuring on {split}")
    rows = logger.read(root)
    summary = _summary(ready, variables, step=step, steps=steps, split=split, sources=labeled)
    summary |= {"score": _score(ready, rows, step), "metrics": numbers}
    summary |= _speed(rows, steps * sum(ready.sizes.values())) | {"certificate": workdirs.certificates(root)}
    result = _result(summary, _trained(ready, host, config, root))
    if not quiet:
        _draw(ready, root, result, rows, statistics, labeled)
    if jax.process_index() == 0:
        workdirs.write_json(root / workdirs.RESULT, summary)
    return result


def read(root: pathlib.Path) -> Result:
    """The result of a finished workdir."""
    summary = renamed.entries(workdirs.finished(root) or {})
    opened = opening.open(root)
    return _result(summary, opened)


def _result(summary: Mapping[str, Any], pretrained: Pretrained) -> Result:
    return Result(
        step=summary["selected_step"],
        score=summary["score"],
        metrics=summary["metrics"],
        pretrained=pretrained,
        certificates=summary["certificate"],
        summary=summary,
    )


def majority(run: Run) -> float | None:
    """Accuracy of always predicting the most frequent training class, on the split that is measured; None if labels are not classes."""
    measured = run.test if run.measure_on == "test" else run.val
    if isinstance(run.train, Mapping) or isinstance(measured, Mapping) or measured is None or run.train.fields.get("label") != "class":
        return None
    aligned = data.relabel(measured, tuple(run.train.classes))
    return float(np.mean(data.class_ids(aligned) == data.class_counts(run.train).argmax()))


def model_only(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables without what the objective trains."""
    return {"params": objectives.model_params(variables["params"]), "batch_stats": variables["batch_stats"]}


def _summary(
    ready: setup.Setup, variables: Mapping[str, Any], *, step: int, steps: int, split: str, sources: Mapping[str, Any]
) -> dict[str, Any]:
    """The facts of a finished run: strategy, parameters, steps, and the splits and metrics that selected and measured."""
    run, metric = ready.run, ready.metric
    planned = plan.ever_trained([p for p in ready.training.plans if p.span.start < steps])
    moved = planned if step else frozenset()  # the model of step 0 is the one that training started from
    selects = run.select == "best" and metric is not None
    on_val = ", ".join(f"{name or 'val'} ({len(source)} examples)" for name, source in ready.val.items())
    return {
        "task": run.title,
        "kind": str(ready.task),
        "strategy": run.names.get("strategy") or ready.training.strategy.call or str(run.strategy),
        "objective": run.names.get("objective") or ready.training.objective.call,
        "seed": run.seed,
        "lr": run.optim.lr,
        "selected_on": f"{on_val}, step {step}" if selects else f"nothing (the last step, {step})",
        "selected_by": run.names.get("metric") or metric.call if selects and metric else "",
        "metric": metric.score[0] if metric else "",
        "sign": metric.score[1] if metric else 1.0,
        "selected_step": step,
        "measured_on": ", ".join(f"{name or split} ({len(s)} examples)" for name, s in sources.items() if s is not None) or "nothing",
        "params": {
            "trainable": trees.size(trees.pick(variables["params"], moved)),
            "frozen": trees.size(trees.drop(objectives.model_params(variables["params"]), moved)),
            "planned": trees.size(trees.pick(variables["params"], planned)),
        },
        "steps": steps,
        "ended": "all steps done" if steps == run.steps else f"early stopping: no better validation for {run.patience} validations",
    }


def _score(ready: setup.Setup, rows: list[dict[str, Any]], step: int) -> float | None:
    """The validation score of a step, in the metric's own sign; None if it was not validated."""
    metric = ready.metric
    return None if metric is None else next((row[metric.score[0]] for row in rows if row["split"] == "val" and row["step"] == step), None)


def _speed(rows: list[dict[str, Any]], examples: int) -> dict[str, float]:
    """Seconds of training without compilation and validation, examples per second, share of the time spent waiting for input."""
    trained = [row for row in rows if row["split"] == "train"]
    before = [0, *(row["step"] for row in trained)]
    spans = [row["step_seconds"] * (row["step"] - since) for since, row in zip(before, trained, strict=False)]
    seconds = max(sum(spans), 1e-9)
    waited = sum(span * row.get("input_wait", 0.0) for span, row in zip(spans, trained, strict=True))
    return {"seconds": round(seconds, 3), "examples_per_second": round(examples / seconds, 1), "input_wait": round(waited / seconds, 4)}


def _trained(ready: setup.Setup, host: Any, config: weights.PretrainedConfig, root: pathlib.Path) -> Pretrained:
    start = ready.run.pretrained
    paths = tuple(trees.flatten(host))
    report = weights.LoadReport(file=str(root / "model"), family="own", loaded=paths, reshaped={}, new={}, ignored={})
    return Pretrained(start.model, host, config, report, task=ready.task, new_head=False, origin=config.sha256 or opening.trees_hash(host))


def _draw(
    ready: setup.Setup,
    root: pathlib.Path,
    result: Result,
    rows: list[dict[str, Any]],
    statistics: Mapping[str, Any],
    sources: Mapping[str, data.Source],
) -> None:
    """Draw the learning curves and the task's pictures. One that fails is a warning, since the model is already saved.

    All processes call this, because predictions are computed on all devices; process 0 writes.
    """
    folder, run = root / "figures", ready.run
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in sources.items():
        prefix = f"{name}_" if name else ""

        def answer(indices: Sequence[int], source: data.Source = source) -> Any:
            return result.pretrained.answers(data.take(source, list(indices)))

        try:
            drawn = ready.task.pictures(statistics[name], source, run.pretrained.config.labels or source.classes, answer)
            for file, picture in drawn.items():
                if jax.process_index() == 0:
                    pictures.draw(picture, folder / f"{prefix}{file}")
        except Exception as e:
            logging.warning("%s: a picture could not be drawn: %s", folder, e)
    if ready.metric is not None and jax.process_index() == 0:
        try:
            key = ready.metric.score[0]
            shown = [row if row["split"] == "train" else {"step": row["step"], f"val_{key}": row[key]} for row in rows]
            curves.single_run(shown, folder / "curves.png", metric=f"val_{key}")
        except Exception as e:
            logging.warning("%s: the learning curves could not be drawn: %s", folder, e)
