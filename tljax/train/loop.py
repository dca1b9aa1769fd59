"""The training loop; it reads top to bottom. To do something new, write an objective or a strategy, or copy this loop."""

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
from jax.experimental import multihost_utils

from tljax.train.checkpoint import Checkpoints
from tljax.train.logger import Logger
from tljax.train.plan import Plan
from tljax.train.program import Program
from tljax.train.state import State


class Interrupted(SystemExit):
    """SIGTERM came; the state is saved. Exit status 143."""


def fit(
    state: State,
    plans: Sequence[Plan],
    build: Callable[[Plan, State], Program],
    enter: Callable[[State, Plan], State],
    batches: Iterator[Mapping[str, Any]],
    put: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    evaluate: Callable[[int, State], None],
    checkpoints: Checkpoints,
    log: Logger,
    eval_every: int,
    save_every: int,
    enough: Callable[[int], bool] = lambda step: False,
) -> State:
    """Train from ``state.step`` to the end of the last phase, or until `enough`.

    Args:
      state: at any step, of any phase.
      plans: of all phases.
      build: compiles the step of a phase.
      enter: fits the state to a later phase at its first step.
      batches: of host arrays, beginning at ``state.step``.
      put: places a batch on the devices.
      evaluate: called before the first step, every `eval_every` steps and at the end.
      checkpoints: written every `save_every` steps, on SIGTERM and at the end.
      log: takes the metrics.
      eval_every: steps; 0: only before the first step and at the end.
      save_every: steps; 0: only at the end.
      enough: ``step -> whether the validations up to it end the run``; asked after each, and of a resumed state.

    Raises:
      NonFinite: the loss became NaN or infinite. Interrupted: SIGTERM.
    """
    step, last = int(state.step), plans[-1].span.stop
    if step > 0 and enough(step):
        last = step
    with _sigterm() as asked_to_stop:
        if step == 0:
            evaluate(step, state)
        for plan in plans:
            if step >= min(plan.span.stop, last):
                continue
            if step == plan.span.start > 0:
                state = enter(state, plan)
            program = build(plan, state)
            log.resume_clock()
            while step < min(plan.span.stop, last):
                batch = log.next(batches)
                state, metrics = program.run(state, put(batch))
                step += 1
                stop = asked_to_stop(step)
                eval_due = step == last or _every(eval_every, step)
                save_due = step == last or stop or _every(save_every, step)
                if log.step(step, metrics, batch["index"]) or eval_due or save_due:
                    log.flush(last_good=max(checkpoints.steps(), default=None))
                if eval_due:
                    evaluate(step, state)
                    last = step if enough(step) else last
                if save_due or step == last:
                    checkpoints.save(state)
                if stop:
                    checkpoints.wait()
                    log.say(f"stopped by SIGTERM at step {step}; the same command goes on from there")
                    raise Interrupted(143)
                if eval_due or save_due:
                    log.resume_clock()
        checkpoints.wait()
    return state


def _every(n: int, step: int) -> bool:
    return n > 0 and step % n == 0


@contextlib.contextmanager
def _sigterm() -> Iterator[Callable[[int], bool]]:
    """A function ``step -> whether SIGTERM came``; with several processes all agree on the step."""
    if jax.process_count() > 1:
        yield multihost_utils.reached_preemption_sync_point
        return
    came = False

    def note(*_: object) -> None:
        nonlocal came
        came = True

    try:
        before = signal.signal(signal.SIGTERM, note)
    except ValueError:  # not the main thread: whoever runs the loop there stops it otherwise
        yield lambda step: False
        return
    try:
        yield lambda step: came
    finally:
        signal.signal(signal.SIGTERM, before)
