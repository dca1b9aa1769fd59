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
) -> State:
    """Train from ``state.step`` to the end of the last phase.

    Args:
      state: at any step, of any phase.
      plans: of all phases.
      build: compiles the step of a phase.
      enter: fits the state to a later phase at its first step.
      batches: of host arrays, beginning at ``state.step``.
      put: places a batch on the devices.
      evaluate: called every `eval_every` steps and at the end.
      checkpoints: written every `save_every` steps, on SIGTERM and at the end.
      log: takes the metrics.
      eval_every: steps; 0: only at the end.
      save_every: steps; 0: only at the end.

    Raises:
      NonFinite: the loss became NaN or infinite. Interrupted: SIGTERM.
    """
    step, total = int(state.step), plans[-1].span.stop
    with _sigterm() as asked_to_stop:
        for plan in plans:
            if step >= plan.span.stop:
                continue
            if step == plan.span.start > 0:
                state = enter(state, plan)
            program = build(plan, state)
            log.resume_clock()
            while step < plan.span.stop:
                batch = next(batches)
                state, metrics = program.run(state, put(batch))
                step += 1
                stop = asked_to_stop(step)
                eval_due = step == total or (eval_every > 0 and step % eval_every == 0)
                save_due = step == total or stop or (save_every > 0 and step % save_every == 0)
                if log.step(step, metrics, batch["index"]) or eval_due or save_due:
                    log.flush(last_good=max(checkpoints.steps(), default=None))
                if eval_due:
                    evaluate(step, state)
                if save_due:
                    checkpoints.save(state)
                if stop:
                    checkpoints.wait()
                    log.say(f"stopped by SIGTERM at step {step}; the same command goes on from there")
                    raise Interrupted(143)
                if eval_due or save_due:
                    log.resume_clock()
        checkpoints.wait()
    return state


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
