"""What an objective is: the loss, the parameters that it trains itself, the state that it keeps."""

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


class Aux(NamedTuple):
    """What a loss gives besides its value.

    Attributes:
      weight: how much this batch counts (the sum of its examples' weights, a float32 scalar); micro-batches are averaged by it.
      metrics: scalars, means over the batch.
      state: the objective's new state.
    """

    weight: jax.Array
    metrics: dict[str, jax.Array]
    state: Any


def _nothing(key: jax.Array, model: Any, variables: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return {}, {}


@dataclasses.dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes:
      loss: ``loss(forward, params, state, batch, key, step) -> (loss, Aux)``. ``forward(batch, start=, stop=, taps=) -> Outputs`` runs
        the model at the current parameters, as often as wanted, and threads the batch statistics; `params` is the whole tree
        ``{"backbone", "head", "objective"}``; `key` is this step's; `step` an int32 scalar.
      init: ``init(key, model, variables, batch) -> (params, state)``: what it trains (kept as ``params["objective"]``) and keeps.
      rules: ``(regex, strategies.Group)`` for the paths below ``objective/``, placed before the strategy's own.
    """

    loss: Callable[..., tuple[jax.Array, Aux]]
    init: Callable[..., tuple[dict[str, Any], Any]] = _nothing
    rules: tuple[tuple[str, Any], ...] = ()


def weights(batch: Mapping[str, Any]) -> jax.Array:
    """``valid * weight`` of a batch's examples, `[B]` float32 (both default to 1)."""
    ones = jnp.ones(batch["label"].shape[0], jnp.float32)
    return ones * batch.get("valid", 1.0) * batch.get("weight", 1.0)


def weighted_mean(values: jax.Array, weight: jax.Array) -> jax.Array:
    """``sum(w v) / sum(w)`` of `[B]` arrays; 0 where no example counts."""
    return (values * weight).sum() / jnp.maximum(weight.sum(), 1e-12)
