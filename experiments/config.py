"""The typed configuration of every program; an unknown field or a wrong type is an error."""

import dataclasses
from typing import Any

from tljax.runs.splits import Splits
from tljax.train.optimizer import Optim


@dataclasses.dataclass
class Data(Splits):
    """Training, validation and test data, and how they are read.

    Attributes: those of `tljax.runs.splits.Splits`, and

      augment: call expressions of `tljax.data.augment`, such as ``("flip", "pad_crop(4)")``, applied to training batches in this order.
      stream_augment: of streams other than ``source``, by name; a stream that is not named takes `augment`.
      batch_size: global.
      stream_batch_size: of streams other than ``source``, by name; a stream that is not named takes `batch_size`.
      eval_batch_size: global.
      workers: processes that read and decode; 0: threads.
    """

    augment: tuple[str, ...] = ()
    stream_augment: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    batch_size: int = 64
    stream_batch_size: dict[str, int] = dataclasses.field(default_factory=dict)
    eval_batch_size: int = 256
    workers: int = 0


@dataclasses.dataclass
class Train:
    """Length, precision and placement of training; see `tljax.runs.Run` for what is not said here.

    Attributes:
      steps: optimizer steps.
      accumulate: micro-batches per step.
      ema: decay of the moving average of the parameters that is evaluated; 0: off.
      eval_every: steps between validations; 0: none between. The start (step 0) and the end are always validated.
      save_every: steps between checkpoints; 0: only at the end.
      patience: validations in a row without a new best after which the run ends, counted in the last phase; 0: it never ends early.
      log_every: steps between rows of `metrics.jsonl`.
      keep: newest checkpoints that are kept.
      select: ``best``: the weights with the best validation score are measured and saved; ``last``: those of the last step.
      dtype: of the computation, ``float32`` or ``bfloat16``.
      remat: stages whose activations are recomputed in the backward pass.
      data: devices along the mesh axis `data`; -1: all that `fsdp` leaves.
      fsdp: devices along the mesh axis `fsdp`, over which parameters are cut.
      certificate: ``short``; or ``full``: also compare the FLOPs with the trained suffix and the full step (compiles more programs).
      compilation_cache: folder of compiled programs that later runs use again; empty: none.
    """

    steps: int = 200
    accumulate: int = 1
    ema: float = 0.0
    eval_every: int = 20
    save_every: int = 100
    patience: int = 0
    log_every: int = 10
    keep: int = 2
    select: str = "best"
    dtype: str = "float32"
    remat: tuple[str, ...] = ()
    data: int = -1
    fsdp: int = 1
    certificate: str = "short"
    compilation_cache: str = ""


@dataclasses.dataclass
class Compare:
    """The strategies that `experiments.compare` tries; the other programs do not read it.

    Attributes:
      strategies: call expressions.
      rates: peak learning rates; each strategy tries all on the first seed and keeps the best by validation.
      seeds: the first tunes, all of them are measured.
    """

    strategies: tuple[str, ...] = ("scratch", "linear_probe", "full")
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    seeds: tuple[int, ...] = (0, 1, 2)


@dataclasses.dataclass
class Sweep:
    """The settings that `experiments.sweep` tries; the other programs do not read it.

    Attributes:
      grid: field -> its values, such as ``{"optim.lr": (1e-3, 3e-3), "strategy": ("scratch", "full")}``; all combinations are settings.
      points: further settings, each a dict ``{field: value}``; an empty one is the recipe as it stands.
      seeds: every setting runs once with each.
    """

    grid: dict[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    points: tuple[dict[str, Any], ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)


@dataclasses.dataclass
class Config:
    """A recipe.

    Attributes:
      title: a name for tables and pictures.
      task: call expression of `tljax.tasks`; empty: the one that the labels call for.
      weights: file or folder of pretrained weights; empty: none (only the strategy ``scratch`` works then).
      only: path rules of the parameters that are taken from `weights`; empty: all (`tljax.weights.open`).
      fresh: path rules of the parameters that are drawn anew although `weights` has them.
      model: backbone, where there are no weights.
      head: call expression of a new head; empty: the task's default.
      head_init: first values of a new head: ``zeros``, ``normal(0.01)``, ``imprint``, ``ridge``; empty: the head's own.
      new_head: ``auto``: new unless the checkpoint's head is for the same task and classes; ``always``; ``never``.
      input_size: height, width; of texts how many tokens, such as (32,); empty: the pretrained one, else that of the first example.
      in_channels: channels; 0: the pretrained number, else that of the first example.
      normalize: inputs of a model without pretrained weights: ``data``: by mean and deviation of the training examples; ``none``: not.
      strategy: call expression of `tljax.strategies`.
      bn: BatchNorm statistics of the parts that train: ``stored`` or ``batch``; or ``recalibrate``, of all parts (`tljax.Run`); empty: as
        the strategy says.
      objective: call expression of `tljax.objectives`, such as ``cross_entropy + 0.01 * l2_sp``; empty: the task's.
      metric: call expression of `tljax.metrics` that selects; empty: the objective's, else the task's.
      seed: of the draw of examples, their order, the new parameters, dropout.
      measure_on: the split measured at the end: ``test``, or ``val`` while tuning.
      data: see `Data`.
      optim: see `tljax.train.optimizer.Optim`.
      train: see `Train`.
      compare: see `Compare`.
      sweep: see `Sweep`.
    """

    title: str = "run"
    task: str = ""
    weights: str = ""
    only: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    model: str = "mlp"
    head: str = ""
    head_init: str = ""
    new_head: str = "auto"
    input_size: tuple[int, ...] = ()
    in_channels: int = 0
    normalize: str = "data"
    strategy: str = "full"
    bn: str = ""
    objective: str = ""
    metric: str = ""
    seed: int = 0
    measure_on: str = "test"
    data: Data = dataclasses.field(default_factory=Data)
    optim: Optim = dataclasses.field(default_factory=Optim)
    train: Train = dataclasses.field(default_factory=Train)
    compare: Compare = dataclasses.field(default_factory=Compare)
    sweep: Sweep = dataclasses.field(default_factory=Sweep)
