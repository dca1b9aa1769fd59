"""The freeze certificate: proves, for the program about to run, that what a phase freezes stays as it is and costs nothing."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax

from tljax import trees
from tljax.objectives import Objective
from tljax.train import program
from tljax.train.plan import Plan
from tljax.train.state import State

TOLERANCE = 1.01
# Averaging micro-batches, the gradient's norm, the moving average: elementwise work on trained parameters beside the optimizer's own.
ELEMENTWISE = 16


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What was proven for one phase.

    Attributes:
      phase: its index, from 0; `start` and `stop` are its steps.
      start: first step.
      stop: first step after it.
      trainable: trained parameters; `trainable_bytes` their bytes.
      frozen: frozen parameters.
      trainable_bytes: see `trainable`.
      moment_bytes: bytes of the optimizer's arrays, counters apart.
      still_statistics: batch-statistics arrays that the program passes through untouched.
      step_flops: of the compiled step, per micro-batch (XLA's cost analysis).
      suffix_flops: preprocessing and forward of everything + backward of the trained suffix, compiled apart; None unless the comparison was
        asked for.
      update_flops: of the optimizer's update of the trained leaves, likewise.
      full_flops: of the step that trains everything; None unless asked for.
      problems: what is wrong, empty if nothing.
    """

    phase: int
    start: int
    stop: int
    trainable: int
    frozen: int
    trainable_bytes: int
    moment_bytes: int
    still_statistics: int
    step_flops: float
    suffix_flops: float | None = None
    update_flops: float | None = None
    full_flops: float | None = None
    problems: tuple[str, ...] = ()

    @property
    def ratio(self) -> float | None:
        """``step_flops / suffix_flops``: at most 1.01 in a sound phase, unless the update itself weighs more than that."""
        return self.step_flops / self.suffix_flops if self.suffix_flops else None

    def __str__(self) -> str:
        """One readable paragraph."""
        parts = [
            f"phase {self.phase}, steps {self.start}..{self.stop}: {self.trainable:,} parameters train, {self.frozen:,} are frozen",
            f"optimizer moments {self.moment_bytes:,} B = {self.moment_bytes / max(self.trainable_bytes, 1):.2f} x trained bytes",
            f"{self.still_statistics} statistics arrays fixed",
            f"{self.step_flops / 1e6:,.1f} MFLOP per micro-batch",
        ]
        if self.ratio is not None:
            parts.append(f"{self.ratio:.4f} x (forward + backward of the trained suffix)")
        if self.full_flops:
            parts.append(f"{self.step_flops / self.full_flops:.2f} x the step that trains everything")
        return "; ".join(parts) + ("" if not self.problems else "; NOT SOUND: " + "; ".join(self.problems))


def certify(prog: program.Program, plan: Plan, state: State) -> Certificate:
    """Read the proof off the traced step.

    A frozen leaf, or a statistic of a part that is not in training mode, must leave the program as the very variable that entered it: then
    it is bit-equal after any number of steps, whatever the data. The optimizer's arrays must belong to trained leaves only.

    Args:
      prog: the step of this phase.
      plan: what the phase is meant to train.
      state: arrays or shapes that the program takes.
    """
    untouched = _passed_through(prog)
    frozen = [path for path in trees.flatten(state.params) if path not in plan.trainable]
    live = tuple("head/" if part == "head" else f"backbone/{part}/" for part in plan.batch_stats_in)
    still = [path for path in trees.flatten(state.stats) if not path.startswith(live)]
    problems = [f"frozen parameter {p} is changed by the step" for p in frozen if f"params/{p}" not in untouched]
    problems += [f"statistic {p} of a frozen part is changed by the step" for p in still if f"stats/{p}" not in untouched]
    strangers, moments = _moments(state, plan)
    problems += [f"optimizer state for the frozen parameter {p}" for p in strangers]
    trained = trees.pick(state.params, plan.trainable)
    return Certificate(
        phase=plan.span.index,
        start=plan.span.start,
        stop=plan.span.stop,
        trainable=trees.size(trained),
        frozen=trees.size(state.params) - trees.size(trained),
        trainable_bytes=trees.nbytes(trained),
        moment_bytes=moments,
        still_statistics=len(still),
        step_flops=prog.flops(),
        problems=tuple(problems),
    )


def compare(
    certificate: Certificate,
    model: Any,
    objective: Objective,
    plan: Plan,
    state: State,
    micro: Mapping[str, Any],
    full: program.Program | None = None,
    transform: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
) -> Certificate:
    """Add the FLOPs of the trained suffix, computed through model slices and not through the step, and of the full step.

    Args:
      certificate: of `certify`.
      model: a `TransferModel`.
      objective: of the run.
      plan: of the phase.
      state: arrays or shapes.
      micro: one micro-batch (arrays or shapes), on one device.
      full: the `program.Program` that trains everything, or None.
      transform: the device half of preprocessing, which the step includes.
    """
    prepared = jax.eval_shape(transform, _bare(dict(micro)))
    suffix, update = _suffix_flops(model, objective, plan, _bare(state), prepared)
    suffix += _cost(transform, _bare(dict(micro)))
    problems = list(certificate.problems)
    if certificate.step_flops > TOLERANCE * suffix + update + ELEMENTWISE * certificate.trainable:
        problems.append(f"the step costs {certificate.step_flops:.4g} FLOP, forward + backward of the trained suffix {suffix:.4g}")
    return dataclasses.replace(
        certificate,
        suffix_flops=suffix,
        update_flops=update,
        full_flops=None if full is None else full.flops(),
        problems=tuple(problems),
    )


def _suffix_flops(model: Any, objective: Objective, plan: Plan, state: State, micro: Mapping[str, Any]) -> tuple[float, float]:
    """FLOPs of (the forward of the stages before the first trained one + loss and gradient of the rest, the optimizer's update)."""
    boundary = next((stage for stage in model.stages if stage in plan.train or stage in plan.batch_stats_in), "head")
    trained, frozen = trees.pick(state.params, plan.trainable), trees.drop(state.params, plan.trainable)

    def apply(params: trees.Tree, stats: trees.Tree, batch: Mapping[str, Any], train: tuple[str, ...], **bounds: Any) -> Any:
        variables = {"params": {part: params[part] for part in ("backbone", "head")}, "batch_stats": stats}
        rngs = {"dropout": jax.random.key(0)}
        return model.apply(variables, batch, train=train, batch_stats_in=plan.batch_stats_in, mutable=["batch_stats"], rngs=rngs, **bounds)[
            0
        ]

    def prefix(params: trees.Tree, stats: trees.Tree, batch: Mapping[str, Any]) -> Any:
        return apply(params, stats, batch, (), stop=boundary).batch

    def suffix(trained: trees.Tree, frozen: trees.Tree, stats: trees.Tree, batch: Mapping[str, Any], memory: Any) -> jax.Array:
        params = trees.merge(trained, frozen)

        def forward(batch: Mapping[str, Any], **bounds: Any) -> Any:
            return apply(params, stats, batch, plan.train, **({"start": boundary} | bounds))

        return objective.loss(forward, params, memory, batch, jax.random.key(0), 0)[0]

    carry = jax.eval_shape(prefix, state.params, state.stats, micro)
    cost = _cost(jax.value_and_grad(suffix), trained, frozen, state.stats, carry, state.objective)
    if boundary != model.stages[0]:
        cost += _cost(prefix, state.params, state.stats, micro)
    return cost, _cost(plan.optimizer.update, trained, state.opt_state, trained)


def _cost(function: Any, *args: Any) -> float:
    return program.flops(jax.jit(function).lower(*args).compile())


def _bare(tree: Any) -> Any:
    """Shapes without shardings: the comparison is made on one device."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


def _passed_through(prog: program.Program) -> frozenset[str]:
    jaxpr = prog.traced.jaxpr.jaxpr
    pairs = zip(prog.names, jaxpr.invars, jaxpr.outvars, strict=False)
    return frozenset(name for name, before, after in pairs if before is after)


def _moments(state: State, plan: Plan) -> tuple[list[str], int]:
    """Parameters that have optimizer arrays but do not train, and the bytes of all such arrays."""
    known, strangers, total = trees.flatten(state.params), [], 0
    for path, leaf in jax.tree_util.tree_leaves_with_path(state.opt_state):
        keys = [str(k.key) for k in path if isinstance(k, jax.tree_util.DictKey)]
        names = ["/".join(keys[i:]) for i in range(len(keys))]
        owner = next((name for name in names if name in known), None)
        if owner is not None and owner not in plan.trainable:
            strangers.append(owner)
        if owner is not None or leaf.ndim:
            total += leaf.size * leaf.dtype.itemsize
    return strangers, total
