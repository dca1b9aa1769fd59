"""Fine-tune a pretrained model on a task with one strategy: the main job.

python -m experiments.finetune --config=experiments/configs/digits.py --config.weights=WEIGHTS --workdir=runs/one
"""

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax

from experiments import outcome, start, workdir
from experiments.config import Config
from experiments.prepare import Run, prepare
from tljax import data, strategies, trees
from tljax.evaluate import measure
from tljax.report import table
from tljax.train import certificate, checkpoint, initialise, logger, loop, optimizer, plan, profile, program, sharding, step


def run(config: Config, root: str | pathlib.Path, quiet: bool = False, profiled: str = "") -> dict[str, Any]:
    """Train, measure and save as the config says; gives the content of `result.json`.

    A workdir that holds the finished run gives its result again; one that holds a part of it goes on.

    Args:
      config: the recipe.
      root: workdir.
      quiet: no progress bar, no text.
      profiled: ``START:STOP``, the steps whose profiler trace is written to ``root/profile``; empty: none.

    Raises:
      ValueError, FileNotFoundError, OSError: bad input, naming file, key or field. NonFinite: the loss. Interrupted: SIGTERM.
    """
    config.validate()
    traced_steps = profile.steps(profiled, config.train.steps)
    folder = workdir.check(config, root)
    if (done := workdir.finished(folder)) is not None:
        if traced_steps:
            raise ValueError(f"{folder} holds the finished run: no step is left to profile; take another workdir")
        return done
    r = prepare(config, folder, quiet)
    workdir.claim(config, folder)
    with checkpoint.Checkpoints(folder, plan.ever_trained(r.plans), config.train.keep) as checkpoints:
        state = initialise.initialise(r.start, checkpoints)
        now = int(state.step)
        with (
            logger.Logger(folder, now, config.train.steps, config.train.log_every, quiet) as log,
            profile.trace(traced_steps, folder / "profile") as traced,
        ):
            log.say(r.task.report if now == 0 else f"going on from step {now}")
            state = loop.fit(
                state,
                r.plans,
                functools.partial(_build, r, log, traced),
                functools.partial(initialise.enter_phase, r.start),
                _batches(r, now),
                functools.partial(sharding.put_batch, mesh=r.mesh),
                functools.partial(_validate, r, checkpoints, log),
                checkpoints,
                log,
                config.train.eval_every,
                config.train.save_every,
                functools.partial(_enough, config, checkpoints, r.plans[-1].span.start),
            )
        chosen, variables = _chosen(r, checkpoints, state)
    return outcome.finish(r, variables, chosen, int(state.step))


def _batches(r: Run, now: int) -> Any:
    c = r.config
    return data.train_batches(
        r.task.splits["train"], c.data.batch_size, c.seed, now, c.train.steps, data.on_host(r.task.config),
        jax.process_index(), jax.process_count(), c.data.workers,
    )  # fmt: skip


def _build(r: Run, log: logger.Logger, traced: profile.Traced, phase: plan.Plan, state: Any) -> program.Program:
    """Compile the step of a phase, print its freeze certificate and keep it, for a resumed run does not build the phases before."""
    c = r.config.train
    log.say(trees.describe(state.params, phase.groups, leaves=False))
    log.say(f"phase {phase.span.index}: compiling the step")
    make = functools.partial(
        step.make_step, r.task.model, r.objective, multiplier=optimizer.multiplier(r.config.optim, c.steps),
        transform=r.transform, augment=r.augment, accumulate=c.accumulate, ema_decay=c.ema,
    )  # fmt: skip
    size = r.config.data.batch_size // jax.process_count()
    host = next(data.train_batches(r.task.splits["train"], size, 0, 0, 1, data.on_host(r.task.config)))
    prog = program.build(make(plan=phase), state, sharding.put_batch(host, r.mesh), jax.tree.map(lambda x: x.sharding, state))
    proof = certificate.certify(prog, phase, state)
    if c.certificate == "full":
        proof = _compared(r, make, proof, phase, state, host)
    if proof.problems:
        raise ValueError(f"the freeze certificate does not hold: {proof}")
    log.say(f"freeze certificate, {proof}")
    workdir.keep_certificate(r.root, proof)
    return traced(prog, int(state.step))


def _compared(r: Run, make: Callable[..., step.Step], proof: certificate.Certificate, phase: plan.Plan, state: Any, host: Any) -> Any:
    """The certificate with the FLOPs of the trained suffix and of full training beside it."""
    c, model = r.config.train, r.task.model
    everything = plan.make(strategies.create("full", model.stages), state.params, model.stages, r.config.optim, c.steps)[0]
    full = program.build(make(plan=everything), initialise.enter_phase(r.start, state, everything), sharding.put_batch(host, r.mesh))
    micro = {k: v[: len(v) // c.accumulate] for k, v in host.items()}
    return certificate.compare(proof, model, r.objective, phase, state, micro, full, lambda b: r.transform(r.augment(b, r.config.seed)))


def _variables(state: Any) -> dict[str, Any]:
    """What is evaluated: the parameters, or their moving average where it is on."""
    params = trees.merge(trees.drop(state.params, trees.flatten(state.ema)), state.ema) if state.ema else state.params
    return {"params": params, "batch_stats": state.stats}


def _validate(r: Run, checkpoints: checkpoint.Checkpoints, log: logger.Logger, now: int, state: Any) -> None:
    variables = _variables(state)
    measured, _ = outcome.measured(r, variables, "val")
    log.write(now, "val", measured)
    if r.config.train.select == "best":
        checkpoints.save_best(now, variables["params"], variables["batch_stats"], measure.score(measured))


def _enough(config: Config, checkpoints: checkpoint.Checkpoints, since: int, now: int) -> bool:
    """Whether of the last `patience` validations up to `now`, all in the last phase (from step `since`), none was better than the best.

    They are counted from the step of the best alone, which a resumed run knows too. The best may come after `now`, where a run was killed
    after it and goes on from before it: the count is negative then, and rightly not enough, since the run went past `now` already.
    """
    every, patience = config.train.eval_every, config.train.patience
    if not patience:
        return False
    best = checkpoints.best_step()
    return best is not None and now // every - max(best, since) // every >= patience


def _chosen(r: Run, checkpoints: checkpoint.Checkpoints, state: Any) -> tuple[int, dict[str, Any]]:
    """``(step, variables)`` of the weights that are measured and handed on."""
    if r.config.train.select == "last":
        return int(state.step), _variables(state)
    shapes = initialise.shapes_at(r.start, int(state.step))
    step_, params, stats = checkpoints.best(shapes.params, shapes.stats)
    return step_, {"params": params, "batch_stats": stats}


def show(result: dict[str, Any]) -> str:
    """The short table that a run ends with."""
    numbers = {k: v for k, v in result["metrics"].items() if isinstance(v, int | float)}
    row = {k: result[k] for k in ("task", "strategy", "seed", "measured_on")} | {k: f"{v:.4f}" for k, v in numbers.items()}
    row |= {"trained": f"{result['params']['trainable']:,}", "frozen": f"{result['params']['frozen']:,}"}
    row["training seconds"] = result["seconds"]
    ended = f"ended after {result['steps']} steps by {result['ended']}\n" if "early" in result["ended"] else ""
    if result["selected_step"] == 0:
        ended += "selected is the model before the first step: training did not improve its validation score\n"
    selected = f"selected on {result['selected_on']}; one seed, so no spread: experiments.compare runs several"
    return f"{table.text([row], list(row))}\n{ended}{selected}"


def main(config: Config, root: str, profile: str) -> None:
    """Run what the flags say."""
    result = run(config, root, profiled=profile)
    if jax.process_index() == 0:
        print(show(result))
        print(
            f"{root}: result.json, metrics.jsonl, model/, figures/, events/"
            + (", profile/" if (pathlib.Path(root) / "profile").is_dir() else "")
        )


if __name__ == "__main__":
    start.recipe(main, profile=start.PROFILE)
