"""What a run leaves: metrics on a split, the model, `result.json`, pictures."""

from typing import Any

import jax
import numpy as np

from experiments import workdir
from experiments.prepare import Run
from tljax import data, trees, weights
from tljax.evaluate import measure, metrics, predict
from tljax.report import curves, figures
from tljax.train import logger, plan, sharding


def measured(r: Run, variables: dict[str, Any], split: str, title: str = "") -> tuple[dict[str, Any], np.ndarray]:
    """``(metrics, logits [N, ...])`` on one split; `title` is that of a progress bar."""
    source, c = r.task.splits[split], r.config.data
    host, shown = data.on_host(r.task.config), "" if r.quiet else title
    logits = predict.predict(r.predict, _bare(variables), source, c.eval_batch_size, host, r.mesh, c.workers, shown)
    return measure.measure(logits, np.asarray(source.labels)), logits


def finish(r: Run, variables: dict[str, Any], chosen: int, steps: int) -> dict[str, Any]:
    """Measure, draw, save the model, write `result.json` last: a workdir that has it is done.

    Args:
      r: the run.
      variables: the weights that are measured and saved.
      chosen: their step.
      steps: how many were done.
    """
    split = r.config.measure
    values, logits = measured(r, variables, split, title=f"measuring on {split}")
    rows = logger.read(r.root)
    result = _result(r, variables, chosen, steps) | {"metrics": values} | _speed(rows, steps * r.config.data.batch_size)
    result["certificate"] = [proof for _, proof in sorted(workdir.certificates(r.root).items(), key=lambda item: int(item[0]))]
    on_host = sharding.fetch(_bare(variables))
    if jax.process_index() == 0:
        if not r.quiet:
            _draw(r, rows, logits, split)
        weights.save(r.root / "model", on_host, r.task.config)
        workdir.write_json(r.root / "result.json", result)
    return result


def _result(r: Run, variables: dict[str, Any], chosen: int, steps: int) -> dict[str, Any]:
    """What was trained, how long, selected and measured on what."""
    c, split = r.config, r.config.measure
    n = {name: len(source) for name, source in r.task.splits.items()}
    moved = plan.ever_trained([p for p in r.plans if p.span.start < steps])
    early = f"early stopping: no better validation for {c.train.patience} validations"
    return {
        "task": c.task,
        "strategy": c.strategy,
        "seed": c.seed,
        "lr": c.optim.lr,
        "selected_on": f"val ({n['val']} examples, step {chosen})" if c.train.select == "best" else f"nothing (the last step, {chosen})",
        "selected_step": chosen,
        "measured_on": f"{split} ({n[split]} examples)",
        "params": {
            "trainable": trees.size(trees.pick(variables["params"], moved)),
            "frozen": trees.size(trees.drop(variables["params"], moved)),
        },
        "steps": steps,
        "ended": "all steps done" if steps == c.train.steps else early,
    }


def _speed(rows: list[dict[str, Any]], examples: int) -> dict[str, float]:
    """Seconds of training (no compilation, no validation), examples per second, the share of the time that waited for input."""
    trained = [row for row in rows if row["split"] == "train"]
    before = [0, *(row["step"] for row in trained)]
    spans = [row["step_seconds"] * (row["step"] - since) for since, row in zip(before, trained, strict=False)]
    seconds = max(sum(spans), 1e-9)
    waited = sum(span * row.get("input_wait", 0.0) for span, row in zip(spans, trained, strict=True))
    return {"seconds": round(seconds, 3), "examples_per_second": round(examples / seconds, 1), "input_wait": round(waited / seconds, 4)}


def _bare(variables: dict[str, Any]) -> dict[str, Any]:
    """The variables without what the objective trains."""
    return {"params": {k: variables["params"][k] for k in ("backbone", "head")}, "batch_stats": variables["batch_stats"]}


def _draw(r: Run, rows: list[dict[str, Any]], logits: np.ndarray, split: str) -> None:
    """Learning curves; for a classification also the confusion matrix and, of images, the most wrong examples."""
    folder = r.root / "figures"
    folder.mkdir(exist_ok=True)
    source, classes = r.task.splits[split], r.task.classes
    labels = np.asarray(source.labels)
    classified = labels.ndim == 1 and labels.dtype.kind == "i"
    metric = next(name for name in measure.SCORES if name in measure.measure(logits, labels))
    curves.single_run([row if row["split"] == "train" else _prefixed(row) for row in rows], folder / "curves.png", metric=f"val_{metric}")
    if classified:
        figures.confusion_matrix(metrics.confusion(logits.argmax(-1), labels, len(classes)), classes, folder / "confusion.png")
    if classified and np.asarray(source[0]["x"]).ndim == 3:
        worst = metrics.wrong(logits, labels, classes)
        figures.most_wrong([np.asarray(source[row["index"]]["x"]) for row in worst], worst, folder / "most_wrong.png")


def _prefixed(row: dict[str, Any]) -> dict[str, Any]:
    return {"step": row["step"]} | {f"{row['split']}_{k}": v for k, v in row.items() if k not in ("step", "split")}
