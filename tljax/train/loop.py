"""The training loop, from top to bottom. To do something new, write an objective, a task or a strategy, or copy this loop."""

import contextlib
import dataclasses
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
from jax.experimental import multihost_utils

from tljax import strategies, trees
from tljax.train import certificate, initialization, plan, profile, program, sharding, step
from tljax.train.checkpoint import Checkpoints
from tljax.train.logger import Logger
from tljax.train.plan import Plan
from tljax.train.state import State
from tljax.train.training import Training, index_of


class Interrupted(SystemExit):
    """The run stopped on a signal, with its state saved. The exit status is 128 plus the signal's number."""


def fit(
    training: Training,
    state: State,
    *,
    batches: Callable[[Plan, int], Iterator[Mapping[str, Any]]],
    evaluate: Callable[[int, State], bool],
    checkpoints: Checkpoints,
    log: Logger,
    eval_every: int,
    save_every: int,
    full_certificate: bool = False,
    profiled: range = range(0),
) -> State:
    """Trains from ``state.step`` to the end of the last phase, or until `evaluate` returns true.

    Args:
      training: the fixed part.
      state: the state at any step of any phase.
      batches: ``(plan, step) -> host batches`` of a phase, beginning with that of the step.
      evaluate: ``(step, state) -> should_stop``; called before the first step, every `eval_every` steps and at the end. A resumed run calls
        it again for the step that it resumes from.
      checkpoints: written every `save_every` steps, on SIGTERM and SIGINT, and at the end.
      log: receives the metrics and the freeze certificates.
      eval_every: steps between evaluations; 0: only before the first step and at the end.
      save_every: steps between checkpoints; 0: only at the end.
      full_certificate: also compare the FLOPs with the trained suffix and the full step, which compiles more programs.
      profiled: steps, counted from 0, whose profiler trace is written.

    Returns:
      The state after the last step.

    Raises:
      NonFinite: the loss became NaN or infinite.
      Interrupted: SIGTERM or SIGINT came.
      ValueError: the freeze certificate does not hold.
    """
    now, last = int(state.step), training.plans[-1].span.stop
    with _stop_signals() as stop_signal, profile.trace(profiled, log.root / "profile") as traced:
        if (now == 0 or _due(eval_every, now, last)) and evaluate(now, state) and now > 0:
            last = now
        for phase in training.plans:
            if now >= min(phase.span.stop, last):
                continue
            if now == phase.span.start > 0:
                state = initialization.enter_phase(training, state, phase)
            stream = batches(phase, now)
            batch = next(stream)
            run = traced(build(training, phase, state, batch, log=log, full=full_certificate), now).run
            log.resume_clock()
            while now < min(phase.span.stop, last):
                batch = batch or log.next_batch(stream)
                state, metrics = run(state, sharding.shard_batch(batch, training.mesh))
                now += 1
                signal_name = stop_signal(now)
                eval_due, save_due = _due(eval_every, now, last), bool(signal_name) or _due(save_every, now, last)
                if log.add_step(now, metrics, index_of(batch)) or eval_due or save_due:
                    log.flush(last_good=max(checkpoints.steps(), default=None))
                if eval_due and evaluate(now, state):
                    last = now
                if save_due or now == last:
                    checkpoints.save(state)
                if signal_name:
                    checkpoints.wait()
                    log.say(f"stopped by {signal_name} at step {now}; the same command goes on from there", always=True)
                    raise Interrupted(128 + signal.Signals[signal_name])
                if eval_due or save_due:
                    log.resume_clock()
                batch = {}
        checkpoints.wait()
    return state


def build(training: Training, phase: Plan, state: State, batch: Mapping[str, Any], *, log: Logger, full: bool = False) -> program.Program:
    """Compiles the step of a phase; `log` prints its parameter groups and stores its freeze certificate.

    Args:
      training: the fixed part.
      phase: the phase's plan.
      state: the state at the phase's first step, or a later one.
      batch: a host batch of the phase.
      log: receives the certificate.
      full: also compare the FLOPs with the trained suffix and the full step.

    Raises:
      ValueError: the certificate does not hold.
    """
    log.say(trees.describe(state.params, phase.groups, leaves=False, stages=training.model.stages))
    log.say(f"phase {phase.span.index}: compiling the step")
    placed = sharding.shard_batch(batch, training.mesh)
    copies = step.copies(training.accumulate)
    layout = jax.tree.map(lambda x: x.sharding, state)
    built = program.build(step.make_step(training, phase), state, placed, shardings=layout, copies=copies)
    proof = certificate.certify(built, phase, state)
    if full:
        everything = _everything(training, phase, state)
        start = initialization.enter_phase(training, state, everything)
        full_flops = program.build(step.make_step(training, everything, in_program=1), start, placed).flops()
        # An unrolled program counts work that its micro-batches share once for each; a loop has the FLOPs of one micro-batch.
        looped = built if copies == 1 else program.build(step.make_step(training, phase, in_program=1), state, placed)
        proof = dataclasses.replace(proof, step_flops=looped.flops(), full_flops=full_flops)
        proof = certificate.compare(proof, training, plan=phase, state=state, batch=batch)
    if proof.problems:
        raise ValueError(f"the freeze certificate does not hold: {proof}")
    log.say(f"freeze certificate, {proof}")
    log.add_certificate(proof)
    return built


def _everything(training: Training, phase: Plan, state: State) -> Plan:
    """The plan that trains everything but what the objective keeps fixed, on the batches of the phase and by its BatchNorm rules.

    Stages that a rule recalibrates keep their stored statistics here; stages without a rule use those of the batch, as all train at the
    full rate.
    """
    rules = tuple((regex, group) for regex, group in phase.span.phase.rules if regex.startswith("objective/"))
    bn = tuple((regex, "stored" if mode == "recalibrate" else mode) for regex, mode in phase.span.phase.bn)  # no pass over the data
    all_trained = strategies.Phase((*rules, (".*", strategies.TRAINED)), bn=bn)
    strategy = dataclasses.replace(training.strategy, phases=(all_trained,))
    total_steps = training.plans[-1].span.stop
    everything = plan.make_plans(strategy, state.params, stages=training.model.stages, optim=training.optim, total_steps=total_steps)[0]
    return dataclasses.replace(everything, start=phase.start)


def _due(every: int, step: int, last: int) -> bool:
    return step == last or (every > 0 and step % every == 0)


@contextlib.contextmanager
def _stop_signals() -> Iterator[Callable[[int], str]]:
    """Yields ``step -> name of the signal that came, or ""``; several processes agree on the step.

    The second SIGINT ends the process at once.
    """
    if jax.process_count() > 1:
        yield lambda step: "SIGTERM" if multihost_utils.reached_preemption_sync_point(step) else ""
        return
    names: list[str] = []

    def note(number: int, frame: Any) -> None:
        if names and number == signal.SIGINT:
            raise KeyboardInterrupt
        names.append(signal.Signals(number).name)

    previous = {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            previous[number] = signal.signal(number, note)
    except ValueError:  # Python lets only the main thread handle signals; in another one the loop runs without
        yield lambda step: ""
        return
    try:
        yield lambda step: names[0] if names else ""
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
