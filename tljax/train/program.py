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
      traced: the same step as `jax.stages.Traced`; the freeze certificate reads its jaxpr.
      inputs: number of array leaves of the state, which come first among the program's inputs and outputs.
      names: a readable name of each of those leaves.
      copies: number of micro-batches that the program holds one by one (`step.copies`).
    """

    run: Any
    traced: Any
    inputs: int
    names: tuple[str, ...]
    copies: int = 1

    def flops(self) -> float:
        """Floating-point operations per micro-batch by XLA's analysis, which counts the body of a scan once."""
        return flops(self.run) / self.copies


def build(step: Callable[..., Any], state: Any, batch: Any, shardings: Any = None, copies: int = 1) -> Program:
    """Traces and compiles `step` for these arguments (arrays, or shapes with shardings).

    Args:
      step: ``(state, batch) -> (state, metrics)``.
      state: arrays or shapes.
      batch: arrays or shapes.
      shardings: of the returned state; None leaves them to the compiler.
      copies: see `Program`.
    """
    out_shardings = None if shardings is None else (shardings, None)
    traced = jax.jit(step, donate_argnums=0, out_shardings=out_shardings).trace(state, batch)
    names = tuple(jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in jax.tree_util.tree_leaves_with_path(state))
    return Program(run=traced.lower().compile(), traced=traced, inputs=len(names), names=names, copies=copies)


def flops(compiled: Any) -> float:
    """FLOPs of a compiled function by XLA's cost analysis (per device)."""
    cost = compiled.cost_analysis()
    cost = cost[0] if isinstance(cost, list | tuple) else cost
    return float(cost.get("flops", 0.0))
