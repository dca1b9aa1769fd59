"""The typed configuration of every program; an unknown field or a wrong type is an error."""

import dataclasses
from typing import Any

from tljax.train.optimizer import Optim


@dataclasses.dataclass
class Data:
    """What is learned from, and what it is measured on.

    Attributes:
      source: call expression of `tljax.data.create`, such as ``folder('flowers', split='train')``.
      val: source of the validation examples; empty: drawn from `source`.
      test: source of the test examples; empty: drawn from `source`, the same ones for every seed.
      classes: names of the classes to keep; empty: all.
      parts: sizes of disjoint parts into which the source is cut first, by a fixed draw; empty: it is not cut.
      part: which of the parts is used.
      per_class: labelled training examples a class; 0: all that are left.
      val_per_class: validation examples a class, where `val` is empty; 0: the share `val_share` instead.
      val_share: share of the source drawn for validation.
      test_size: examples (>= 1) or share (< 1) of the source set aside for the test, where `test` is empty.
      invert: shift the domain: ``1 - x``.
      noise: shift the domain: sigma of the added normal noise, x in [0, 1].
      rotate: shift the domain: degrees.
      augment: call expressions of `tljax.data.augment`, such as ``("flip", "pad_crop(4)")``, applied to training batches in this order,
        after the images are resized and cropped in their centre.
      batch_size: global.
      eval_batch_size: global.
      workers: processes that read and decode; 0: threads.
    """

    source: str = "digits"
    val: str = ""
    test: str = ""
    classes: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()
    part: int = 0
    per_class: int = 0
    val_per_class: int = 0
    val_share: float = 0.2
    test_size: float = 0.2
    invert: bool = False
    noise: float = 0.0
    rotate: float = 0.0
    augment: tuple[str, ...] = ()
    batch_size: int = 64
    eval_batch_size: int = 256
    workers: int = 0


@dataclasses.dataclass
class Train:
    """How long, in which precision, on which devices.

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
    """What `experiments.compare` tries; the other programs do not read it.

    Attributes:
      strategies: call expressions.
      rates: peak learning rates; each strategy tries all on the first seed and keeps the best by validation.
      seeds: the first tunes, all of them are measured.
    """

    strategies: tuple[str, ...] = ("scratch", "probe", "full")
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    seeds: tuple[int, ...] = (0, 1, 2)


@dataclasses.dataclass
class Sweep:
    """What `experiments.sweep` tries; the other programs do not read it. A setting gives fields of the config, by name, other values.

    Attributes:
      grid: field -> its values, such as ``{"optim.lr": (1e-3, 3e-3), "strategy": ("probe", "full")}``; all combinations are settings.
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
      task: a name for tables and titles.
      weights: file or folder of pretrained weights; empty: none (only the strategy ``scratch`` works then).
      model: backbone, where there are no weights.
      head: call expression of the head.
      head_init: first values of a new head: ``zeros``, ``normal(0.01)``, ``imprint``, ``ridge``; empty: the head's own.
      new_head: ``auto``: new unless the pretrained labels are this task's; ``always``; ``never``.
      input_size: height, width; of texts how many tokens, such as (32,); empty: the pretrained one, else that of the first example.
      normalise: inputs of a model without pretrained weights: ``data``: by mean and deviation of the training examples; ``none``: not.
      in_channels: channels; 0: the pretrained number, else that of the first example.
      strategy: call expression of `tljax.strategies`.
      bn: BatchNorm of frozen stages: ``frozen``, ``update``, ``recalibrate``.
      objective: call expression of `tljax.objectives`.
      seed: of the draw of examples, their order, the new parameters, dropout.
      measure: the split measured at the end: ``test``, or ``val`` while tuning.
      data: see `Data`.
      optim: see `tljax.train.optimizer.Optim`.
      train: see `Train`.
      compare: see `Compare`.
      sweep: see `Sweep`.
    """

    task: str = "task"
    weights: str = ""
    model: str = "mlp"
    head: str = "linear"
    head_init: str = ""
    new_head: str = "auto"
    input_size: tuple[int, ...] = ()
    in_channels: int = 0
    normalise: str = "data"
    strategy: str = "full"
    bn: str = "frozen"
    objective: str = "cross_entropy"
    seed: int = 0
    measure: str = "test"
    data: Data = dataclasses.field(default_factory=Data)
    optim: Optim = dataclasses.field(default_factory=Optim)
    train: Train = dataclasses.field(default_factory=Train)
    compare: Compare = dataclasses.field(default_factory=Compare)
    sweep: Sweep = dataclasses.field(default_factory=Sweep)

    def validate(self) -> None:
        """Raises ValueError that names the field whose value makes no sense."""
        self.optim.validate()
        choices = {
            "new_head": (self.new_head, ("auto", "always", "never")),
            "normalise": (self.normalise, ("data", "none")),
            "bn": (self.bn, ("frozen", "update", "recalibrate")),
            "measure": (self.measure, ("test", "val")),
            "train.select": (self.train.select, ("best", "last")),
            "train.certificate": (self.train.certificate, ("short", "full")),
        }
        for field, (value, known) in choices.items():
            if value not in known:
                raise ValueError(f"config.{field}={value!r}: one of {', '.join(known)}")
        for field in ("steps", "accumulate", "log_every", "keep"):
            if getattr(self.train, field) < 1:
                raise ValueError(f"config.train.{field}={getattr(self.train, field)}: at least 1")
        for field in ("eval_every", "save_every", "patience"):
            if getattr(self.train, field) < 0:
                raise ValueError(f"config.train.{field}={getattr(self.train, field)}: at least 0")
        if self.train.patience and not (self.train.eval_every and self.train.select == "best"):
            raise ValueError(f"config.train.patience={self.train.patience} needs train.eval_every > 0 and train.select='best'")
        if not 0 <= self.train.ema < 1:
            raise ValueError(f"config.train.ema={self.train.ema}: a decay in [0, 1)")
        if self.data.batch_size % self.train.accumulate:
            raise ValueError(
                f"config.data.batch_size={self.data.batch_size} does not divide into train.accumulate={self.train.accumulate} micro-batches"
            )
