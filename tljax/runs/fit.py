"""`fit`: trains a run in its workdir, or resumes it there."""

import os
from typing import Any

import numpy as np

from tljax import trees
from tljax.runs import results, setup, spec, workdirs
from tljax.runs.results import Result
from tljax.runs.run import Run
from tljax.train import checkpoint, initialization, logger, loop, plan, profile
from tljax.train.state import State


def fit(run: Run, workdir: str | os.PathLike[str], *, quiet: bool = False, profiled: str = "") -> Result:
    """Train a run, select its weights, measure and save them.

    The workdir belongs to this run. The same call resumes it where it stopped, and returns its result where it has finished. A different
    run is refused by the field that differs.

    Args:
      run: the training.
      workdir: the folder.
      quiet: no progress bar, no text, no pictures.
      profiled: ``START:STOP``: write a profiler trace of these steps to ``workdir/profile``; empty: none.

    Raises:
      ValueError, KeyError, FileNotFoundError, OSError: bad input; the message names the file, key or field.
      NonFinite: the loss or the validation score is not finite.
      Interrupted: a signal stopped the run.
    """
    run.validate()
    traced_steps = profile.parse_steps(profiled, run.steps)
    entries = spec.spec(run)
    root = workdirs.check(entries, workdir)
    if workdirs.finished(root) is not None:
        if traced_steps:
            raise ValueError(f"{root} holds the finished run: no step is left to profile; take another workdir")
        return results.read(root)
    ready = setup.prepare(run)
    workdirs.claim(entries, root, run.pretrained.config)
    with checkpoint.Checkpoints(root, plan.ever_trained(ready.training.plans), run.keep) as checkpoints:
        state = initialization.initialize(ready.training, checkpoints)
        now = int(state.step)
        with logger.Logger(root, now, run.steps, run.log_every, quiet) as log:
            log.say(
                str(run.pretrained.report) if now == 0 and run.pretrained.origin else f"going on from step {now}" if now else "random start"
            )
            state = loop.fit(
                ready.training,
                state,
                batches=ready.batches,
                evaluate=_Validation(ready, checkpoints, log),
                checkpoints=checkpoints,
                log=log,
                eval_every=run.eval_every if ready.metric else 0,
                save_every=run.save_every,
                full_certificate=run.certificate == "full",
                profiled=traced_steps,
            )
        step, variables = _chosen(ready, checkpoints, state)
    return results.finish(ready, root, variables, step=step, steps=int(state.step), quiet=quiet)


class _Validation:
    """``(step, state) -> should_stop``: measures, records and keeps the best weights; a recorded step is not measured again."""

    def __init__(self, ready: setup.Setup, checkpoints: checkpoint.Checkpoints, log: logger.Logger):
        self.ready, self.checkpoints, self.log = ready, checkpoints, log
        self.recorded = {row["step"] for row in logger.read(log.root) if row["split"] == "val"}

    def __call__(self, step: int, state: State) -> bool:
        if self.ready.metric is None:
            return False
        if step not in self.recorded:
            self._measure(step, state)
        return self._should_stop(step)

    def _measure(self, step: int, state: State) -> None:
        run, metric = self.ready.run, self.ready.metric
        variables = evaluated(state)
        numbers: dict[str, Any] = {}
        for chosen in reversed(self.ready.measured):
            numbers |= results.measured(self.ready, chosen, variables, self.ready.val)[0]
        assert metric is not None
        score = metric.signed(numbers)
        if not np.isfinite(score):
            raise logger.NonFinite(f"step {step}: the validation {metric.score[0]} is {score}; lower optim.lr, or set optim.clip")
        self.log.write(step, "val", numbers | {"score": score})
        self.recorded.add(step)
        if run.select == "best":
            self.checkpoints.save_best(step, variables["params"], variables["batch_stats"], score)

    def _should_stop(self, step: int) -> bool:
        """True if none of the last `patience` validations up to `step`, all in the last phase, was a new best.

        Depends only on the best step, so a resumed run decides the same. A run that was killed after its best step and resumes before it
        gets a negative count, which never stops it.
        """
        run, since = self.ready.run, self.ready.training.plans[-1].span.start
        if not run.patience or not step:
            return False
        best = self.checkpoints.best_step()
        return best is not None and step // run.eval_every - max(best, since) // run.eval_every >= run.patience


def evaluated(state: State) -> dict[str, Any]:
    """The variables to measure: the parameters, or their moving average if the run keeps one."""
    params = trees.merge(trees.drop(state.params, trees.flatten(state.ema)), state.ema) if state.ema else state.params
    return {"params": params, "batch_stats": state.stats}


def _chosen(ready: setup.Setup, checkpoints: checkpoint.Checkpoints, state: State) -> tuple[int, dict[str, Any]]:
    """``(step, variables)`` of the selected weights."""
    if ready.run.select == "last" or ready.metric is None:
        return int(state.step), evaluated(state)
    shapes = initialization.shapes_at(ready.training, int(state.step))
    step, params, stats = checkpoints.best(shapes.params, shapes.stats)
    return step, {"params": params, "batch_stats": stats}
