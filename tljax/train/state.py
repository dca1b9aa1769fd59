"""The training state: one pytree of arrays, from which the next step follows."""

import dataclasses
from typing import Any

import jax


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    """Everything that a step reads and writes.

    Attributes:
      step: int32 scalar, steps done; phase, learning rate, batch and random keys follow from it.
      seed: uint32 scalar, root of the random keys.
      hyper: float32 scalars that a sweep may vary without another program: ``lr`` (the peak learning rate), ``weight_decay``, and under
        ``objective`` the objective's strengths.
      params: ``{"backbone", "head"[, "objective"]}``, all of them, frozen ones too.
      stats: batch statistics, ``{"backbone": {stage: ...}}``.
      opt_state: of the leaves that the current phase trains.
      ema: moving average of the leaves that some phase trains; ``{}`` when off.
      objective: the objective's own state.
    """

    step: jax.Array
    seed: jax.Array
    hyper: dict[str, Any]
    params: dict[str, Any]
    stats: dict[str, Any]
    opt_state: Any
    ema: dict[str, Any]
    objective: Any

    def replace(self, **changes: Any) -> "State":
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)


def parameter_paths(key_path: tuple[Any, ...]) -> list[str]:
    """Paths that name the parameter of an optimizer leaf, the longest first: its dict keys, then all but the first of them, and so on.

    Optax nests the parameters' tree below containers of its own, so one of these paths is the parameter's.
    """
    keys = [str(key.key) for key in key_path if isinstance(key, jax.tree_util.DictKey)]
    return ["/".join(keys[i:]) for i in range(len(keys))]
