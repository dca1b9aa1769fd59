"""One phase's program: the step traced once and compiled once."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax


@dataclasses.dataclass(frozen=True)
class Program:
    """A compiled step.

    Attributes:
      run: ``(state, batch) -> (state, metrics)``; `state` is donated.
      traced: the same step as `jax.stages.Traced`: its jaxpr is what the freeze certificate reads.
      inputs: number of array leaves of the state, which come first among the program's inputs and outputs.
      names: a readable name of each of those leaves.
    """

    run: Any
    traced: Any
    inputs: int
    names: tuple[str, ...]

    def flops(self) -> float:
        """Floating-point operations by XLA's analysis; the body of a scan over micro-batches counts once."""
        return flops(self.run)


def build(step: Callable[..., Any], state: Any, batch: Any, shardings: Any = None) -> Program:
    """Trace and compile `step` for these arguments (arrays, or shapes with shardings).

    Args:
      step: ``(state, batch) -> (state, metrics)``.
      state: arrays or shapes.
      batch: arrays or shapes.
      shardings: of the state, kept on the way out; None leaves it to the compiler.
    """
    out = None if shardings is None else (shardings, None)
    traced = jax.jit(step, donate_argnums=0, out_shardings=out).trace(state, batch)
    names = tuple(_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(state))
    return Program(traced.lower().compile(), traced, len(names), names)


def flops(compiled: Any) -> float:
    """FLOPs of a compiled function by XLA's cost analysis (per device)."""
    cost = compiled.cost_analysis()
    cost = cost[0] if isinstance(cost, list | tuple) else cost
    return float(cost.get("flops", 0.0))


def _name(path: tuple[Any, ...]) -> str:
    return "/".join(str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path)
