"""The log of a run: a progress bar, `metrics.jsonl`, TensorBoard events, freeze certificates; on process 0 only."""

import contextlib
import dataclasses
import json
import math
import os
import pathlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
import tqdm

from tljax.train.certificate import Certificate


class NonFinite(RuntimeError):
    """The loss became NaN or infinite."""


class Logger:
    """Collects each step's metrics on the device and writes their means every `every` steps, so that no step waits for the host.

    Args:
      workdir: the run's folder.
      start: step that the run starts or resumes from; later rows of an interrupted run are dropped.
      total: steps of the whole run.
      every: steps between two rows.
      quiet: no progress bar and no lines on the screen.
    """

    def __init__(self, workdir: str | os.PathLike[str], start: int, total: int, every: int, quiet: bool = False):
        self.root = pathlib.Path(workdir)
        self.every = max(every, 1)
        self._pending: list[tuple[int, Mapping[str, jax.Array], Mapping[str, np.ndarray]]] = []
        self._last_finite: tuple[int, float] | None = None
        self._since, self._waited = time.perf_counter(), 0.0
        self._writes = jax.process_index() == 0
        if self._writes:
            from tensorboardX import SummaryWriter

            self._lines = _reopen(self.root / "metrics.jsonl", start)
            self._events = SummaryWriter(str(self.root / "events"), purge_step=start + 1 if start else 0)
        self._bar = tqdm.tqdm(total=total, initial=start, unit="step", disable=quiet or not self._writes, dynamic_ncols=True, smoothing=0.1)

    def __enter__(self) -> "Logger":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
        if self._writes:
            with _as_write_error(self.root):
                self._lines.close()
                self._events.close()

    def say(self, text: str, always: bool = False) -> None:
        """Prints a line that does not break the progress bar; a quiet run prints it only if `always`."""
        if self._writes and (always or not self._bar.disable):
            tqdm.tqdm.write(text)

    def add_certificate(self, proof: Certificate) -> None:
        """Adds a phase's freeze certificate to `certificate.json`. A resumed run keeps the entries of earlier phases."""
        path = self.root / "certificate.json"
        if self._writes:
            earlier = json.loads(path.read_text()) if path.exists() else {}
            entry = dataclasses.asdict(proof) | {"problems": list(proof.problems), "ratio": proof.ratio}
            temporary = path.with_name(path.name + ".tmp")
            with _as_write_error(self.root):
                temporary.write_text(json.dumps(earlier | {str(proof.phase): entry}, indent=2) + "\n", encoding="utf-8")
                os.replace(temporary, path)

    def resume_clock(self) -> None:
        """Restarts the clock, so that compilation and evaluation do not count as step time."""
        self._since, self._waited = time.perf_counter(), 0.0

    def next_batch(self, batches: Iterator[Mapping[str, Any]]) -> Mapping[str, Any]:
        """The next batch. The time until it arrives counts as `input_wait`."""
        start = time.perf_counter()
        batch = next(batches)
        self._waited += time.perf_counter() - start
        return batch

    def add_step(self, step: int, metrics: Mapping[str, jax.Array], index: Mapping[str, np.ndarray]) -> bool:
        """Adds one step's metrics (still on the device) and the indices of its examples by stream; True when `flush` is due."""
        self._pending.append((step, metrics, index))
        self._bar.update()
        return len(self._pending) >= self.every

    def flush(self, last_good: Any = None) -> None:
        """Fetches the pending metrics and writes their means, with the speed since the last flush.

        ``input_wait`` is the share of the time that the loop waited for batches, in [0, 1]. Near 0 the input is fast enough; near 1 more
        `data.workers` may help. The device may be busy during the wait, as steps run ahead of the host.

        Args:
          last_good: step of the last checkpoint, for the message.

        Raises:
          NonFinite: a loss is not finite; names the step, the indices of its batch and the last checkpoint.
        """
        if not self._pending:
            return
        fetched = [{k: float(v) for k, v in m.items()} for m in jax.device_get([m for _, m, _ in self._pending])]
        seconds = time.perf_counter() - self._since
        for (step, _, index), metrics in zip(self._pending, fetched, strict=True):
            if not math.isfinite(metrics["loss"]):
                raise NonFinite(_nonfinite(step, metrics, index, last_good, last_finite=self._last_finite))
            self._last_finite = (step, metrics["loss"])
        examples = sum(np.size(part) for *_, index in self._pending for part in index.values()) * jax.process_count()
        means = {k: float(np.mean([m[k] for m in fetched])) for k in fetched[-1]}
        speed = {"examples_per_second": examples / max(seconds, 1e-9), "step_seconds": seconds / len(fetched)}
        speed["input_wait"] = min(self._waited / max(seconds, 1e-9), 1.0)
        shown = {"loss": f"{means['loss']:.3f}", "ex_s": f"{speed['examples_per_second']:.0f}", "input_wait": f"{speed['input_wait']:.0%}"}
        self._bar.set_postfix(shown)
        step = self._pending[-1][0]
        self._pending.clear()
        self.write(step, "train", means | speed)
        self.resume_clock()

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Writes one row of `metrics.jsonl` and the same as TensorBoard scalars. Raises OSError that names the folder."""
        if not self._writes:
            return
        scalars = {k: v for k, v in metrics.items() if isinstance(v, int | float)}
        with _as_write_error(self.root):
            self._lines.write(json.dumps({"step": step, "split": split} | scalars) + "\n")
            self._lines.flush()
            for name, value in scalars.items():
                self._events.add_scalar(f"{split}/{name}", value, step)


@contextlib.contextmanager
def _as_write_error(folder: pathlib.Path) -> Iterator[None]:
    """Turns an OSError into one that says what could not be written, and where."""
    try:
        yield
    except OSError as e:
        raise OSError(e.errno, f"metrics could not be written: {e.strerror}", str(folder)) from e


def read(workdir: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The rows of a run's `metrics.jsonl`, oldest first, without an unfinished last line; no file, no rows."""
    path = pathlib.Path(workdir) / "metrics.jsonl"
    rows = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def _reopen(path: pathlib.Path, start: int) -> Any:
    """Opens the file for appending, without the rows that the resumed run will write again."""
    earlier = [row for row in read(path.parent) if row["step"] <= start] if start else []
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(json.dumps(row) + "\n" for row in earlier))
    os.replace(temporary, path)
    return path.open("a")


def _nonfinite(
    step: int, metrics: Mapping[str, float], index: Mapping[str, np.ndarray], last_good: Any, *, last_finite: tuple[int, float] | None
) -> str:
    """The message of `NonFinite`: the step, its examples, the rate, the last finite loss, and what to do."""
    examples = ", ".join(
        f"{name or 'batch'} {np.asarray(part)[:10].tolist()}{'...' if len(part) > 10 else ''}" for name, part in index.items()
    )
    before = f"last finite loss {last_finite[1]:.4g} at step {last_finite[0]}" if last_finite else "no finite loss before"
    norm = metrics.get("grad_norm", math.nan)
    cause = "look at these examples" if last_finite is None else "lower optim.lr, or set optim.clip, and look at these examples"
    checkpoint = f"last good checkpoint: {last_good}" if last_good is not None else "there is no checkpoint yet"
    state = f"rate {metrics.get('lr', math.nan):.3g}, gradient norm {norm:.3g}, {before}"
    return f"step {step}, examples of {examples}: the loss is {metrics['loss']} ({state}); {cause}; {checkpoint}"
