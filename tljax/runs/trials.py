"""The rows of a program that runs trials: each is trained once and measured once, even if the program is killed between."""

import json
import pathlib
from collections.abc import Callable, Container, Sequence
from typing import Any

import jax
from jax.experimental import multihost_utils

from tljax.runs import opening
from tljax.runs.run import Run

FILE = "trials.jsonl"


class Trials:
    """The rows of ``FOLDER/trials.jsonl``, one for each finished job. All processes hold them, process 0 writes them.

    Raises:
      ValueError: a damaged row, with its line number. A last line that was cut off is no error: its job runs again.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder, self.path = folder, folder / FILE
        self.rows = {row["id"]: row for row in read(folder)}
        _barrier(FILE)  # before the first row is added, so that all processes agree on what is left to do
        if jax.process_index() == 0 and self.path.exists():
            _cut_tail(self.path)

    def once(self, name: str, job: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The row ``{"id": name, **job()}``; the job runs only if there is no row yet. All processes call this in the same order."""
        if name not in self.rows:
            self.rows[name] = {"id": name} | job()
            if jax.process_index() == 0:
                with self.path.open("ab") as f:
                    f.write(json.dumps(self.rows[name], ensure_ascii=False).encode() + b"\n")
            _barrier(name)  # the weights of a trial are on the disk before any process reads them
        return self.rows[name]


def read(folder: pathlib.Path) -> list[dict[str, Any]]:
    """The complete rows of ``FOLDER/trials.jsonl``; a last line without its end is dropped. Raises ValueError as `Trials` does."""
    path, rows = folder / FILE, []
    *lines, _ = path.read_bytes().split(b"\n") if path.exists() else [b""]
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            row["id"]
        except (ValueError, TypeError, KeyError):
            raise ValueError(f"{path}: line {number} is damaged; delete it, and its job runs again") from None
        rows.append(row)
    return rows


def stored_name(folder: pathlib.Path, names: Sequence[str], done: Container[str]) -> str:
    """The first of a trial's possible names that has a row among `done` or a folder; the first name where none has."""
    return next((name for name in names if name in done or (folder / "trials" / name).is_dir()), names[0])


def measure_test(run: Run, root: pathlib.Path) -> tuple[dict[str, Any], int]:
    """Measure the saved weights of a finished trial on the n test examples of its run: ``(metrics, n)``.

    Raises:
      ValueError: the run has no test source.
    """
    if run.test is None:
        raise ValueError("test: the run has no test source to measure on")
    measured, _ = opening.open(root).measured(run.test, batch_size=run.eval_batch_size, workers=run.workers)
    return numbers(measured), len(run.test)


def numbers(measured: Any) -> dict[str, float]:
    """The entries of `measured` that are numbers."""
    return {name: value for name, value in measured.items() if isinstance(value, int | float)}


def _cut_tail(path: pathlib.Path) -> None:
    """Drop a last line that a kill cut off; otherwise the next row would be appended to it."""
    with path.open("r+b") as f:
        f.truncate(f.read().rfind(b"\n") + 1)


def _barrier(name: str) -> None:
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)
