"""The objective: a loss, the parameters that it trains itself, the state that it keeps."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from tljax import registry
from tljax.models import Outputs

objectives = registry.Registry("objective")
register = objectives.register

Forward = Callable[..., Outputs]
"""``forward(batch, variables=None, train=None, start=None, stop=None, taps=()) -> Outputs``.

It normalizes the batch's inputs on the device and runs the model at the current parameters, as often as wanted. `variables` runs other
values of the same model (a teacher), whose batch statistics are only read; ``train=()`` turns dropout off. Calls that begin at the input
draw dropout anew; a call that goes on from an earlier one's ``outputs.batch`` draws what the whole would have drawn.
"""


@dataclasses.dataclass(frozen=True)
class Context:
    """Everything but the batch that a loss may read.

    Attributes:
      params: all parameters, ``{"backbone", "head", "objective"}``; gradients flow into those that train.
      state: the objective's state, read-only here; `Objective.after` changes it.
      key: of this step and micro-batch.
      step: int32 scalar.
      hyper: strengths that a sweep may vary, by name, float32 scalars.
    """

    params: Mapping[str, Any]
    state: Any
    key: jax.Array
    step: jax.Array
    hyper: Mapping[str, jax.Array]


class Aux(NamedTuple):
    """A loss's company.

    Attributes:
      weight: how much this batch counts (the sum of its examples' weights, a float32 scalar); micro-batches are averaged by it.
      metrics: scalars, means over the batch.
      kept: arrays `[B, ...]` for `Objective.after`, which gets those of all micro-batches in the order of the batch.
      losses: separate terms by name, scalars, for methods that combine gradients; logged as ``loss/NAME``.
    """

    weight: jax.Array
    metrics: Mapping[str, jax.Array]
    kept: Any = ()
    losses: Mapping[str, jax.Array] = {}


def _nothing(key: jax.Array, model: Any, variables: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return {}, {}


@dataclasses.dataclass(frozen=True)
class Objective:
    """What a run minimizes.

    Attributes:
      loss: ``loss(forward, batch, context) -> (loss, Aux)``. A batch of named streams or views is nested: ``batch["target"]["x"]``.
      init: ``init(key, model, variables, batch) -> (params, state)``: the parameters that it owns (``params["objective"]``), its state. It
        runs before the head is initialized from data; `batch` is one of training, its label in the task's form, without views.
      prepare: ``prepare(params, state, model, variables, one_pass) -> (params, state)``, once, untraced, after the head's initialization;
        `one_pass()` gives the batches of one pass over the training data.
      after: ``after(variables, state, kept, step) -> state``, once per step, after the update; `variables` are the new ones.
      views: ``views(batch, key) -> {name: batch}`` of one example, made on the device before normalization; the batch of `loss` is then
        nested by their names.
      streams: the streams that it needs, by name; (): one unnamed.
      rules: ``(regex, strategies.Group)`` for the paths below ``objective/``, placed before the strategy's own.
      forms: the forms of label that it reads (`tasks.Task.form`); (): any, or none.
      metric: the default metric, a call expression; empty: the task's.
      hyper: strengths by name with their values; `context.hyper` holds them as arrays.
      couples_examples: why examples of a batch depend on each other (negatives, moments); accumulation is then refused. Empty: they do not.
      call: the expression that makes it, set by the registry; empty for an object of one's own, and after `dataclasses.replace`.
    """

    loss: Callable[..., tuple[jax.Array, Aux]]
    init: Callable[..., tuple[dict[str, Any], Any]] = _nothing
    prepare: Callable[..., tuple[Any, Any]] | None = None
    after: Callable[..., Any] | None = None
    views: Callable[..., dict[str, Any]] | None = None
    streams: tuple[str, ...] = ()
    rules: tuple[tuple[str, Any], ...] = ()
    forms: tuple[str, ...] = ()
    metric: str = ""
    hyper: Mapping[str, float] = dataclasses.field(default_factory=dict)
    couples_examples: str = ""
    call: str = dataclasses.field(default="", init=False)


def weights(batch: Mapping[str, Any]) -> jax.Array:
    """``valid * weight`` of a batch's examples, `[B]` float32 (both default to 1)."""
    ones = jnp.ones(next(iter(jax.tree.leaves(dict(batch)))).shape[0], jnp.float32)
    return ones * batch.get("valid", 1.0) * batch.get("weight", 1.0)


def weighted_mean(values: jax.Array, weight: jax.Array) -> jax.Array:
    """``sum(w v) / sum(w)`` of arrays of one shape; 0 where nothing counts."""
    return (values * weight).sum() / jnp.maximum(weight.sum(), 1e-12)


def model_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the model, without those of the objective; a head without parameters has no entry."""
    return {part: params[part] for part in ("backbone", "head") if part in params}
