"""A profiler trace of some steps of a run."""

import contextlib
import dataclasses
import itertools
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax

from tljax.train.program import Program

Traced = Callable[[Program, int], Program]


def parse_steps(text: str, total: int) -> range:
    """``"start:stop"`` -> the steps start, ..., stop - 1, counted from 0; empty text: no step.

    Args:
      text: what the user gave.
      total: steps of the run.

    Raises:
      ValueError: another form, no step between, steps that the run does not have.
    """
    if not text:
        return range(0)
    found = re.fullmatch(r"(\d+):(\d+)", text)
    if not found:
        raise ValueError(f"profile={text!r}: wanted is START:STOP, two step numbers such as 10:15")
    start, stop = int(found[1]), int(found[2])
    if not start < stop <= total:
        raise ValueError(f"profile={text!r}: wanted is START < STOP <= {total}, the steps of the run (the first has number 0)")
    return range(start, stop)


@contextlib.contextmanager
def trace(wanted: range, folder: str | os.PathLike[str]) -> Iterator[Traced]:
    """While the context lasts, the programs that went through the function it gives write a trace of the steps `wanted`.

    The trace begins when the first of these steps is dispatched, or the first that a resumed run still has, and ends when the device is
    done with the last; what comes between (input, validation, the compilation of a phase) is in it. A run that ends before it closes
    the trace. Each step is marked with its number. Only process 0 writes: its host and its devices.

    Args:
      wanted: steps, counted from 0.
      folder: for TensorBoard, XProf and (``*.trace.json.gz``) Perfetto.

    Yields:
      ``(program, the step that its first call runs) -> program``.
    """
    if not wanted or jax.process_index():
        yield lambda program, step: program
        return
    begin, end = _switch(folder)
    try:
        yield lambda program, step: _traced(program, itertools.count(step), wanted, begin, end)
    finally:
        end()


def _switch(folder: str | os.PathLike[str]) -> tuple[Callable[[], None], Callable[[], None]]:
    """``(begin, end)`` of one trace; the second call of either does nothing."""
    running = ended = False

    def begin() -> None:
        nonlocal running
        if not (running or ended):
            jax.profiler.start_trace(str(folder))
            running = True

    def end() -> None:
        nonlocal running, ended
        if running:
            running, ended = False, True
            jax.profiler.stop_trace()

    return begin, end


def _traced(program: Program, numbers: Iterator[int], wanted: range, begin: Callable[[], None], end: Callable[[], None]) -> Program:
    """The program with the trace begun at the first wanted step, each wanted step marked, and the trace ended after the last is done."""

    def run(state: Any, batch: Any) -> Any:
        number = next(numbers)
        if number not in wanted:
            return program.run(state, batch)
        begin()
        with jax.profiler.StepTraceAnnotation("train", step_num=number):
            out = program.run(state, batch)
        if number == wanted[-1]:
            jax.block_until_ready(out)
            end()
        return out

    return dataclasses.replace(program, run=run)
