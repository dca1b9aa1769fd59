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
      text: value of the flag.
      total: steps of the run.

    Raises:
      ValueError: another form, an empty range, steps that the run does not have.
    """
    if not text:
        return range(0)
    match = re.fullmatch(r"(\d+):(\d+)", text)
    if not match:
        raise ValueError(f"profile={text!r}: expected START:STOP, two step numbers such as 10:15")
    start, stop = int(match[1]), int(match[2])
    if not start < stop <= total:
        raise ValueError(f"profile={text!r}: expected START < STOP <= {total}, the steps of the run (the first has number 0)")
    return range(start, stop)


@contextlib.contextmanager
def trace(profiled: range, folder: str | os.PathLike[str]) -> Iterator[Traced]:
    """Writes a profiler trace of the steps `profiled` that run inside this context.

    The trace begins when the first of these steps is dispatched, or the first that remains in a resumed run. It ends when the device has
    finished the last, or with the context. Input, validation and compilation in between are in it. Each step is marked with its number.
    Only process 0 writes, of its host and its devices.

    Args:
      profiled: steps, counted from 0.
      folder: for TensorBoard, XProf and (``*.trace.json.gz``) Perfetto.

    Yields:
      ``(program, step that its first call runs) -> program`` that takes part in the trace.
    """
    if not profiled or jax.process_index():
        yield lambda program, step: program
        return
    begin, end = _switch(folder)
    try:
        yield lambda program, step: _traced(program, itertools.count(step), profiled, begin=begin, end=end)
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


def _traced(program: Program, numbers: Iterator[int], profiled: range, *, begin: Callable[[], None], end: Callable[[], None]) -> Program:
    """The program that begins the trace at the first profiled step, marks each, and ends the trace when the last is done."""

    def run(state: Any, batch: Any) -> Any:
        number = next(numbers)
        if number not in profiled:
            return program.run(state, batch)
        begin()
        with jax.profiler.StepTraceAnnotation("train", step_num=number):
            out = program.run(state, batch)
        if number == profiled[-1]:
            jax.block_until_ready(out)
            end()
        return out

    return dataclasses.replace(program, run=run)
