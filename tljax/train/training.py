"""The fixed part of a run's training, from which the state, the step, the certificate and the loop follow."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np

from tljax import strategies
from tljax.data import Batch
from tljax.objectives import Objective
from tljax.train.optimizer import Optim
from tljax.train.plan import Plan

Batches = Callable[[], Iterable[Batch]]


def _not_augmented(batch: Batch, seed: Any) -> Batch:
    return batch


def _unchanged(batch: Batch) -> Batch:
    return batch


@dataclasses.dataclass(frozen=True, eq=False)
class Training:
    """The part of a run's training that is fixed before its first step.

    Attributes:
      model: a `TransferModel`.
      objective: what is minimized.
      strategy: with the objective's rules in it.
      plans: of its phases.
      mesh: of the devices that hold the state.
      seed: root of all random keys.
      optim: the optimizer's settings.
      hyper: first values of `State.hyper`.
      multiplier: ``step -> factor`` on the peak learning rate.
      one_pass: returns the batches of one pass over the training data, as host arrays; those of named streams are nested.
      augment: ``(batch, seed) -> batch``, on the device.
      labeled: ``batch -> batch`` with the label in the task's form, after `augment`.
      transform: the device half of preprocessing, which `forward` applies.
      accumulate: micro-batches per step.
      ema_decay: of the moving average of the trained parameters; 0: none.
      grad: `jax.value_and_grad` or a wrapper with its signature.
      pretrained: variables to start from; None: random ones.
      new_head: the head is new, so `head_init` applies.
      head_init: of `strategies.head_inits`; empty: the head's own random start.
      link: the task's, for `head_init`.
      sharding_rules: shardings that override those by shape.
    """

    model: Any
    objective: Objective
    strategy: strategies.Strategy
    plans: tuple[Plan, ...]
    mesh: Any
    seed: int
    optim: Optim
    hyper: Mapping[str, Any]
    multiplier: Callable[[Any], jax.Array]
    one_pass: Batches
    augment: Callable[[Batch, Any], Batch] = _not_augmented
    labeled: Callable[[Batch], Batch] = _unchanged
    transform: Callable[[Batch], Batch] = _unchanged
    accumulate: int = 1
    ema_decay: float = 0.0
    grad: Callable[..., Any] = jax.value_and_grad
    pretrained: Mapping[str, Any] | None = None
    new_head: bool = True
    head_init: Any = ""
    link: tuple[float, float] = (1.0, 0.0)
    sharding_rules: tuple[tuple[str, tuple[str | None, ...]], ...] = ()

    def prepared(self, batch: Batch, seed: Any, key: jax.Array) -> Batch:
        """A training batch as the objective gets it: augmented, labels in the task's form, with the objective's views. Traced."""
        batch = self.labeled(self.augment(batch, seed))
        return {**batch, **self.objective.views(batch, key)} if self.objective.views else batch

    def labeled_stream(self, batch: Batch) -> Batch:
        """The part of a batch that has the labels: the objective's first stream, or the batch itself."""
        name = next((s for s in self.objective.streams if s in batch), None)
        inner: Batch = batch[name] if name else next(iter(streams(batch).values()))
        return inner


def streams(batch: Batch) -> dict[str, Batch]:
    """The batches of named streams by name; a single batch under ``""``."""
    named = {name: value for name, value in batch.items() if isinstance(value, Mapping)}
    return named or {"": batch}


def index_of(batch: Batch) -> dict[str, Any]:
    """The indices of a batch's examples by stream."""
    return {name: inner["index"] for name, inner in streams(batch).items()}


def hyper(optim: Optim, objective: Objective) -> dict[str, Any]:
    """`State.hyper` of a run, as float32 scalars."""
    strengths = {name: np.float32(value) for name, value in objective.hyper.items()}
    return {"lr": np.float32(optim.lr), "weight_decay": np.float32(optim.weight_decay), "objective": strengths}
