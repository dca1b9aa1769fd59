"""L2-SP: the backbone stays near its start."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from tljax import trees
from tljax.objectives.objective import Aux, Context, Forward, Objective, register, weights
from tljax.strategies import FROZEN


@register
def l2_sp(head: float = 0.0) -> Objective:
    """``sum (w - w0)^2 / 2`` over the backbone, w0 its values before training, ``+ head / 2 sum v^2`` over the head (Li et al. 2018).

    Compose it with a loss: ``cross_entropy + 0.01 * l2_sp``. The anchor w0 lies under ``params["objective"]``, frozen. It is taken before
    the head is initialized. With this objective a weight decay on the backbone would pull elsewhere: set ``optim.weight_decay=0``.

    Args:
      head: strength of the head's part, relative to the backbone's.

    Raises:
      ValueError: a negative strength.
    """
    if head < 0:
        raise ValueError(f"l2_sp(head={head}): must not be negative")

    def init(key: jax.Array, model: Any, variables: Mapping[str, Any], batch: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"anchor": jax.tree.map(jnp.asarray, dict(variables["params"]["backbone"]))}, {}

    def loss(forward: Forward, batch: Mapping[str, Any], context: Context) -> tuple[jax.Array, Aux]:
        anchor = trees.flatten(context.params["objective"]["anchor"])
        moved = sum(((w - anchor[path]) ** 2).sum() for path, w in trees.flatten(context.params["backbone"]).items())
        own = sum((v**2).sum() for v in trees.flatten(context.params["head"]).values()) if head else 0.0
        return 0.5 * (moved + head * own), Aux(weights(batch).sum(), {"distance": jnp.sqrt(moved)})

    return Objective(loss, init, rules=(("anchor/.*", FROZEN),))
