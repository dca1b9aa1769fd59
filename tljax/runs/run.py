"""The run: the description of a training as one value."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tljax import data
from tljax.runs.pretrained import Pretrained
from tljax.train.optimizer import Optim

Sources = data.Source | Mapping[str, data.Source]


@dataclasses.dataclass
class Run:
    """A training: its start, its data, and how it learns and is measured. `fit` runs it.

    A field that takes a call expression takes the object itself too. `train` and `val` are one source each, or named sources
    (``{"source": ..., "target": ...}``) for an objective that reads several streams. `augment` and `batch_size` may then be mappings by the
    same names.

    Attributes:
      pretrained: a model of `tljax.open` or `tljax.create` with a head for the labels of `train`.
      train: source of the training examples.
      val: source of the validation examples, which select the step; None: the last step is selected.
      test: source that the selected model is measured on once, at the end; None: `Result.pretrained` can measure later.
      task: the meaning of the labels; None: that of `pretrained`.
      objective: the loss; None: the task's.
      strategy: the parameters that move, their rates and phases.
      metric: the metric that selects; None: the objective's, else the task's.
      head_init: first values of a new head (`strategies.head_inits`); empty: random, as the head draws them.
      bn: BatchNorm statistics of the parts that train, ``stored`` or ``batch`` (frozen parts keep the stored ones); or ``recalibrate``: all
        parts keep statistics that are measured on the training data before the first step; or ordered ``(regex, mode)`` rules over the
        parts (`strategies.Phase`); empty: as the strategy says.
      augment: call expressions of augmentations of training batches, applied in this order.
      batch_size: examples per step, over all devices.
      eval_batch_size: examples per batch of an evaluation, over all devices.
      workers: processes that read and decode; 0: threads.
      optim: optimizer, learning rate and schedule.
      steps: optimizer steps.
      accumulate: micro-batches per step.
      ema: decay of a moving average of the parameters, which is then evaluated in their place; 0: off.
      eval_every: steps between validations; 0: none between. The start (step 0) and the end are always validated.
      save_every: steps between checkpoints; 0: only at the end.
      patience: end the run after so many validations of the last phase in a row without a new best; 0: never end early.
      log_every: steps between rows of `metrics.jsonl`.
      keep: number of newest checkpoints to keep.
      select: ``best``: measure and save the weights with the best validation score; ``last``: those of the last step.
      measure_on: the split measured at the end: ``test``, or ``val`` while tuning.
      seed: of the order of examples, new parameters, dropout, augmentation.
      data_devices: devices along the mesh axis `data`; -1: all that `fsdp` leaves.
      fsdp: devices along the mesh axis `fsdp`, over which parameters are sharded.
      certificate: ``short``; or ``full``: also compare the FLOPs with the trained suffix and the full step, which compiles more programs.
      compilation_cache: folder of compiled programs that later runs reuse; empty: JAX's own settings.
      title: a name for tables and pictures.
      names: ``{field: "v1"}``: names for objects that cannot describe themselves, such as your own objective. Another name is another run.
    """

    pretrained: Pretrained
    train: Sources
    val: Sources | None = None
    test: data.Source | None = None
    task: Any = None
    objective: Any = None
    strategy: Any = "full"
    metric: Any = None
    head_init: Any = ""
    bn: Any = ""
    augment: Any = ()
    batch_size: Any = 32
    eval_batch_size: int = 256
    workers: int = 0
    optim: Optim = dataclasses.field(default_factory=Optim)
    steps: int = 200
    accumulate: int = 1
    ema: float = 0.0
    eval_every: int = 20
    save_every: int = 100
    patience: int = 0
    log_every: int = 10
    keep: int = 2
    select: str = "best"
    measure_on: str = "test"
    seed: int = 0
    data_devices: int = -1
    fsdp: int = 1
    certificate: str = "short"
    compilation_cache: str = ""
    title: str = "run"
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def validate(self) -> None:
        """Raise ValueError if a field has an invalid value; the message names the field."""
        self.optim.validate()
        choices = {"select": ("best", "last"), "measure_on": ("test", "val"), "certificate": ("short", "full")}
        for field, values in choices.items():
            if getattr(self, field) not in values:
                raise ValueError(f"{field}={getattr(self, field)!r}: expected one of {', '.join(values)}")
        for field, least in {
            "steps": 1, "accumulate": 1, "log_every": 1, "keep": 1, "eval_batch_size": 1,
            "eval_every": 0, "save_every": 0, "patience": 0, "workers": 0,
        }.items():  # fmt: skip
            if getattr(self, field) < least:
                raise ValueError(f"{field}={getattr(self, field)}: at least {least}")
        if self.patience and not (self.eval_every and self.select == "best"):
            raise ValueError(f"patience={self.patience} needs eval_every > 0 and select='best'")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema={self.ema}: a decay in [0, 1)")
        sizes = self.batch_size.values() if isinstance(self.batch_size, Mapping) else (self.batch_size,)
        for size in sizes:
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"batch_size={self.batch_size!r}: at least 1")
            if size % self.accumulate:
                raise ValueError(f"batch_size={size} does not divide into accumulate={self.accumulate} micro-batches")


def by_stream(value: Any, names: Any, empty: Any) -> dict[str, Any]:
    """A setting for each stream: a mapping by name, or one value for all; streams that a mapping leaves out take `empty`."""
    if isinstance(value, Mapping):
        if unknown := sorted(set(value) - set(names)):
            raise ValueError(f"no stream is called {unknown[0]!r}; there are {', '.join(names)}")
        return {name: value.get(name, empty) for name in names}
    return dict.fromkeys(names, value)


def as_streams(sources: Sources | None) -> dict[str, data.Source]:
    """Named sources; a single one under ``""``, none for None."""
    if sources is None:
        return {}
    return dict(sources) if isinstance(sources, Mapping) else {"": sources}
