"""The typed configuration of every program; an unknown field or a wrong type is an error."""

import dataclasses
from typing import Any

from tljax.runs.splits import Splits
from tljax.train.optimizer import Optim


@dataclasses.dataclass
class Data(Splits):
    """Training, validation and test data, and their batches.

    The fields are those of `tljax.runs.splits.Splits`, `augment`, `batch_size`, `eval_batch_size` and `workers` of `tljax.Run`, and:

      stream_augment: stream name -> its `augment`; other streams take `augment`.
      stream_batch_size: stream name -> its `batch_size`; other streams take `batch_size`.
    """

    augment: tuple[str, ...] = ()
    stream_augment: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    batch_size: int = 64
    stream_batch_size: dict[str, int] = dataclasses.field(default_factory=dict)
    eval_batch_size: int = 256
    workers: int = 0


@dataclasses.dataclass
class Train:
    """Length, precision and placement of training.

    The fields are those of `tljax.Run`, where they are described, with three exceptions:

      data: `data_devices` of `tljax.Run`.
      dtype: of the computation, ``float32`` or ``bfloat16``.
      remat: stages whose activations are recomputed in the backward pass.
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
    """The strategies that `experiments.compare` tries (`tljax.runs.compare`); the other programs do not read it.

    Attributes:
      strategies: call expressions.
      rates: peak learning rates; each strategy tries all of them on the first seed and keeps the best one by validation.
      seeds: the first one tunes; all of them are measured.
    """

    strategies: tuple[str, ...] = ("scratch", "linear_probe", "full")
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    seeds: tuple[int, ...] = (0, 1, 2)


@dataclasses.dataclass
class Sweep:
    """The settings that `experiments.sweep` tries (`tljax.runs.sweep`); the other programs do not read it.

    Attributes:
      grid: field -> its values, such as ``{"optim.lr": (1e-3, 3e-3), "strategy": ("scratch", "full")}``; every combination
        is a setting.
      points: more settings, each a dict ``{field: value}``; an empty one is the unchanged recipe.
      seeds: each setting runs once with each seed.
    """

    grid: dict[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    points: tuple[dict[str, Any], ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)


@dataclasses.dataclass
class Config:
    """A recipe.

    `title`, `strategy`, `objective`, `metric`, `head_init`, `bn`, `measure_on` and `optim` are fields of `tljax.Run`, where they are
    described. Here strategy, objective, metric and head_init are call expressions, such as ``freeze_first(2)``.

    Attributes:
      task: call expression of `tljax.tasks`; empty: the one that fits the labels.
      weights: file or folder of pretrained weights; empty: none (only the strategy ``scratch`` works then).
      only: path rules of the parameters that are taken from `weights`; empty: all (`tljax.weights.open`).
      fresh: path rules of the parameters that are drawn anew although `weights` has them.
      model: call expression of the backbone, used without `weights`.
      head: call expression of a new head; empty: the task's default.
      new_head: ``auto``: new unless the checkpoint's head is for the same task and classes; ``always``; ``never``.
      input_size: height and width, or the number of tokens of a text, such as (32,); empty: the pretrained one, else that of the first
        example.
      in_channels: channels; 0: the pretrained number, else that of the first example.
      normalize: inputs of a model without pretrained weights: ``data``: normalize by mean and standard deviation of the training examples;
        ``none``: do not.
      seed: of the draw of examples, their order, the new parameters, dropout.
      data: see `Data`.
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
