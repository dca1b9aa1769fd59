"""Fine-tune a pretrained model on a task with one strategy: the main job.

python -m experiments.finetune --config=experiments/configs/digits.py --config.weights=WEIGHTS --workdir=runs/one
"""

import dataclasses
import functools
import pathlib
from typing import Any

import jax
import numpy as np

from experiments import start, task, workdir
from experiments.config import Config
from tljax import data, objectives, strategies, trees, weights
from tljax.evaluate import measure, metrics, predict
from tljax.report import curves, figures, table
from tljax.train import certificate, checkpoint, initialise, logger, loop, optimizer, plan, program, sharding, step


@dataclasses.dataclass(frozen=True)
class Run:
    """A config and all that follows from it; nothing here changes while training."""

    config: Config
    root: pathlib.Path
    task: task.Task
    objective: objectives.Objective
    plans: tuple[plan.Plan, ...]
    mesh: Any
    start: initialise.Start
    predict: predict.Predict
    quiet: bool


def run(config: Config, root: str | pathlib.Path, quiet: bool = False) -> dict[str, Any]:
    """Train, measure and save as the config says; gives the content of `result.json`.

    A workdir that holds the finished run gives its result again; one that holds a part of it goes on.

    Args:
      config: the recipe.
      root: workdir.
      quiet: no progress bar, no text.

    Raises:
      ValueError, FileNotFoundError, OSError: bad input, naming file, key or field. NonFinite: the loss. Interrupted: SIGTERM.
    """
    config.validate()
    folder = workdir.check(config, root)
    if (done := workdir.finished(folder)) is not None:
        return done
    r = prepare(config, folder, quiet)
    workdir.claim(config, folder)
    with checkpoint.Checkpoints(folder, plan.ever_trained(r.plans), config.train.keep) as checkpoints:
        state = initialise.initialise(r.start, checkpoints)
        now = int(state.step)
        with logger.Logger(folder, now, config.train.steps, config.train.log_every, quiet) as log:
            log.say(r.task.report if now == 0 else f"going on from step {now}")
            state = loop.fit(
                state,
                r.plans,
                functools.partial(_build, r, log),
                functools.partial(initialise.enter_phase, r.start),
                _batches(r, now),
                functools.partial(sharding.put_batch, mesh=r.mesh),
                functools.partial(_validate, r, checkpoints, log),
                checkpoints,
                log,
                config.train.eval_every,
                config.train.save_every,
            )
        chosen, variables = _chosen(r, checkpoints, state)
    return _finish(r, variables, chosen)


def prepare(config: Config, root: pathlib.Path, quiet: bool = False) -> Run:
    """Everything before training that moves no large array: shapes, rules, labels, so that a mistake costs milliseconds."""
    if config.train.compilation_cache:
        jax.config.update("jax_compilation_cache_dir", config.train.compilation_cache)
    t = task.make(config)
    counts = data.class_counts(t.splits["train"]) if task.is_classification(t.splits["train"]) else ()
    objective = objectives.create(config.objective, class_counts=tuple(int(n) for n in counts))
    strategy = dataclasses.replace(strategies.create(config.strategy, t.model.stages), bn=config.bn)  # type: ignore[arg-type]  # validate() checked it
    mesh = sharding.make_mesh(config.train.data, config.train.fsdp)
    host, device = data.on_host(t.config), data.on_device(t.config)
    train, size = t.splits["train"], config.data.batch_size

    def one_pass() -> Any:
        batches = data.train_batches(train, min(size, len(train)), config.seed, 0, -(-len(train) // size), host)
        return map(device, batches)

    first = initialise.Start(
        model=t.model, objective=objective, strategy=strategy, plans=(), mesh=mesh, seed=config.seed, lr=config.optim.lr,
        one_pass=one_pass, pretrained=None if strategy.init == "scratch" else t.pretrained,
        new_head=t.new_head or strategy.init == "scratch", head_init=config.head_init, ema=config.train.ema > 0,
    )  # fmt: skip
    shapes, _, _ = initialise.start_shapes(first)
    plans = plan.make(plan.with_rules(strategy, objective.rules), shapes, t.model.stages, config.optim, config.train.steps)
    begun = dataclasses.replace(first, plans=plans)
    return Run(config, root, t, objective, plans, mesh, begun, predict.make(t.model, device, mesh), quiet)


def _batches(r: Run, now: int) -> Any:
    c = r.config
    return data.train_batches(
        r.task.splits["train"], c.data.batch_size, c.seed, now, c.train.steps, data.on_host(r.task.config),
        jax.process_index(), jax.process_count(), c.data.workers,
    )  # fmt: skip


def _build(r: Run, log: logger.Logger, phase: plan.Plan, state: Any) -> program.Program:
    """Compile the step of a phase, print its freeze certificate and keep it, for a resumed run does not build the phases before."""
    c = r.config.train
    log.say(trees.describe(state.params, phase.groups, leaves=False))
    log.say(f"phase {phase.span.index}: compiling the step")
    make = functools.partial(
        step.make_step, r.task.model, r.objective, multiplier=optimizer.multiplier(r.config.optim, c.steps),
        transform=data.on_device(r.task.config), accumulate=c.accumulate, ema_decay=c.ema,
    )  # fmt: skip
    host = next(
        iter(
            data.train_batches(
                r.task.splits["train"], r.config.data.batch_size // jax.process_count(), 0, 0, 1, data.on_host(r.task.config)
            )
        )
    )
    placed = sharding.put_batch(host, r.mesh)
    prog = program.build(make(plan=phase), state, placed, jax.tree.map(lambda x: x.sharding, state))
    proof = certificate.certify(prog, phase, state)
    if c.certificate == "full":
        everything = plan.make(strategies.create("full", r.task.model.stages), state.params, r.task.model.stages, r.config.optim, c.steps)[
            0
        ]
        whole = initialise.enter_phase(r.start, state, everything)
        micro = {k: v[: len(v) // c.accumulate] for k, v in host.items()}
        full = program.build(make(plan=everything), whole, placed)
        proof = certificate.compare(proof, r.task.model, r.objective, phase, state, micro, full, data.on_device(r.task.config))
    if proof.problems:
        raise ValueError(f"the freeze certificate does not hold: {proof}")
    log.say(f"freeze certificate, {proof}")
    if jax.process_index() == 0:
        workdir.write_json(r.root / "certificate.json", _proofs(r.root) | {str(proof.phase): _proof(proof)})
    return prog


def _proofs(root: pathlib.Path) -> dict[str, Any]:
    return workdir.read_json(root / "certificate.json") if (root / "certificate.json").exists() else {}


def _variables(state: Any) -> dict[str, Any]:
    """What is evaluated: the parameters, or their moving average where it is on."""
    params = trees.merge(trees.drop(state.params, trees.flatten(state.ema)), state.ema) if state.ema else state.params
    return {"params": params, "batch_stats": state.stats}


def _validate(r: Run, checkpoints: checkpoint.Checkpoints, log: logger.Logger, now: int, state: Any) -> None:
    variables = _variables(state)
    measured, _ = _measure(r, variables, "val")
    log.write(now, "val", measured)
    if r.config.train.select == "best":
        checkpoints.save_best(now, variables["params"], variables["batch_stats"], measure.score(measured))


def _measure(r: Run, variables: dict[str, Any], split: str, title: str = "") -> tuple[dict[str, Any], np.ndarray]:
    """``(metrics, logits [N, ...])`` on one split."""
    source = r.task.splits[split]
    c = r.config.data
    logits = predict.predict(
        r.predict, _bare(variables), source, c.eval_batch_size, data.on_host(r.task.config), r.mesh, c.workers, "" if r.quiet else title
    )
    return measure.measure(logits, np.asarray(source.labels)), logits


def _chosen(r: Run, checkpoints: checkpoint.Checkpoints, state: Any) -> tuple[int, dict[str, Any]]:
    """``(step, variables)`` of the weights that are measured and handed on."""
    if r.config.train.select == "last":
        return int(state.step), _variables(state)
    shapes = initialise.shapes_at(r.start, int(state.step))
    step_, params, stats = checkpoints.best(shapes.params, shapes.stats)
    return step_, {"params": params, "batch_stats": stats}


def _finish(r: Run, variables: dict[str, Any], chosen: int) -> dict[str, Any]:
    """Measure, draw, save the model, write `result.json` last: a workdir that has it is done."""
    c, split = r.config, r.config.measure
    measured, logits = _measure(r, variables, split, title=f"measuring on {split}")
    moved = plan.ever_trained(r.plans)
    rows = logger.read(r.root)
    trained = [row for row in rows if row["split"] == "train"]
    seconds = sum(
        row["step_seconds"] * (row["step"] - before) for before, row in zip([0, *(t["step"] for t in trained)], trained, strict=False)
    )
    n = {name: len(source) for name, source in r.task.splits.items()}
    result = {
        "task": c.task,
        "strategy": c.strategy,
        "seed": c.seed,
        "lr": c.optim.lr,
        "selected_on": f"val ({n['val']} examples, step {chosen})" if c.train.select == "best" else f"nothing (the last step, {chosen})",
        "measured_on": f"{split} ({n[split]} examples)",
        "metrics": measured,
        "params": {
            "trainable": trees.size(trees.pick(variables["params"], moved)),
            "frozen": trees.size(trees.drop(variables["params"], moved)),
        },
        "steps": c.train.steps,
        "seconds": round(seconds, 3),
        "examples_per_second": round(c.train.steps * c.data.batch_size / max(seconds, 1e-9), 1),
        "certificate": [proof for _, proof in sorted(_proofs(r.root).items(), key=lambda item: int(item[0]))],
    }
    on_host = sharding.fetch(_bare(variables))
    if jax.process_index() == 0:
        if not r.quiet:
            _draw(r, rows, logits, split)
        weights.save(r.root / "model", on_host, r.task.config)
        workdir.write_json(r.root / "result.json", result)
    return result


def _bare(variables: dict[str, Any]) -> dict[str, Any]:
    """The variables without what the objective trains."""
    return {"params": {k: variables["params"][k] for k in ("backbone", "head")}, "batch_stats": variables["batch_stats"]}


def _proof(p: certificate.Certificate) -> dict[str, Any]:
    return dataclasses.asdict(p) | {"problems": list(p.problems), "ratio": p.ratio}


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


def show(result: dict[str, Any]) -> str:
    """The short table that a run ends with."""
    numbers = {k: v for k, v in result["metrics"].items() if isinstance(v, int | float)}
    row = {k: result[k] for k in ("task", "strategy", "seed", "measured_on")} | {k: f"{v:.4f}" for k, v in numbers.items()}
    row |= {"trained": f"{result['params']['trainable']:,}", "frozen": f"{result['params']['frozen']:,}"}
    row["training seconds"] = result["seconds"]
    return table.text([row], list(row)) + f"\nselected on {result['selected_on']}; one seed, so no spread: experiments.compare runs several"


def main(config: Config, root: str) -> None:
    """Run what the flags say."""
    result = run(config, root)
    if jax.process_index() == 0:
        print(show(result))
        print(f"{root}: result.json, metrics.jsonl, model/, figures/, events/")


if __name__ == "__main__":
    start.recipe(main)
