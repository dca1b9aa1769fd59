"""The freeze certificate: proves, for the program about to run, that what a phase freezes stays as it is and costs nothing."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax

from tljax import strategies, trees
from tljax.objectives import Context
from tljax.train import forward as forwards
from tljax.train import program
from tljax.train.plan import Plan
from tljax.train.state import State, parameter_paths
from tljax.train.training import Training

TOLERANCE = 1.01

ELEMENTWISE = 16
"""FLOPs per trained parameter beside the optimizer's own: averaging micro-batches, the gradient's norm, the moving average."""

SMALL = 10_000
"""FLOPs by which XLA's counts of two programs of the same work may differ; only in tiny programs is that more than 1 %."""


@dataclasses.dataclass(frozen=True)
class Certificate:
    """The proof for one phase.

    Attributes:
      phase: index of the phase, from 0.
      start: first step.
      stop: first step after it.
      trainable: number of trained parameters.
      frozen: number of frozen parameters.
      trainable_bytes: bytes of the trained parameters.
      moment_bytes: bytes of the optimizer's arrays, without counters.
      fixed_statistics: number of batch-statistics arrays that the program passes through untouched.
      step_flops: FLOPs of the compiled step, per micro-batch (XLA's cost analysis).
      suffix_flops: FLOPs of preprocessing, the forward of everything and the backward of the trained suffix, compiled apart; None without
        `compare`.
      update_flops: FLOPs of the optimizer's update of the trained leaves; None without `compare`.
      full_flops: FLOPs of the step that trains everything; None without `compare`.
      problems: one sentence per violation; empty for a sound phase.
    """

    phase: int
    start: int
    stop: int
    trainable: int
    frozen: int
    trainable_bytes: int
    moment_bytes: int
    fixed_statistics: int
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
            f"{self.fixed_statistics} statistics arrays fixed",
            f"{self.step_flops / 1e6:,.1f} MFLOP per micro-batch",
        ]
        if self.ratio is not None:
            parts.append(f"{self.ratio:.4f} x (forward + backward of the trained suffix)")
        if self.full_flops:
            parts.append(f"{self.step_flops / self.full_flops:.2f} x the step that trains everything")
        return "; ".join(parts) + ("" if not self.problems else "; NOT SOUND: " + "; ".join(self.problems))


def certify(prog: program.Program, plan: Plan, state: State) -> Certificate:
    """Reads the proof off the traced step.

    A frozen leaf must leave the program as the very variable that entered it, and so must a statistic of a part that is not in training
    mode. Both are then bit-equal after any number of steps, whatever the data. The optimizer's arrays must belong to trained leaves.

    Args:
      prog: the step of this phase.
      plan: the plan of this phase.
      state: arrays or shapes that the program takes.
    """
    untouched = _passed_through(prog)
    frozen = [path for path in trees.flatten(state.params) if path not in plan.trainable]
    fixed = trees.flatten(forwards.split_stats(state.stats, plan.batch_stats_in)[0])
    problems = [f"frozen parameter {p} is changed by the step" for p in frozen if f"params/{p}" not in untouched]
    problems += [f"statistic {p} of a frozen part is changed by the step" for p in fixed if f"stats/{p}" not in untouched]
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
        fixed_statistics=len(fixed),
        step_flops=prog.flops(),
        problems=tuple(problems),
    )


def compare(certificate: Certificate, training: Training, *, plan: Plan, state: State, batch: Mapping[str, Any]) -> Certificate:
    """Adds the FLOPs of the trained suffix, computed through model slices and not through the step.

    Args:
      certificate: the certificate from `certify`.
      training: the run's training.
      plan: the plan of the phase.
      state: arrays or shapes.
      batch: a training batch, arrays or shapes.

    Returns:
      The certificate with `suffix_flops` and `update_flops`; a step that costs more than both is a problem.
    """
    k = training.accumulate
    micro = jax.tree.map(lambda x: jax.ShapeDtypeStruct((x.shape[0] // k, *x.shape[1:]), x.dtype), dict(batch))
    suffix, update = _suffix_flops(training, plan, _bare(state), micro)
    problems = list(certificate.problems)
    if certificate.step_flops > TOLERANCE * suffix + update + ELEMENTWISE * certificate.trainable + SMALL:
        problems.append(f"the step costs {certificate.step_flops:.4g} FLOP, forward + backward of the trained suffix {suffix:.4g}")
    return dataclasses.replace(certificate, suffix_flops=suffix, update_flops=update, problems=tuple(problems))


def _suffix_flops(training: Training, plan: Plan, state: State, micro: Mapping[str, Any]) -> tuple[float, float]:
    """``(FLOPs of the suffix, FLOPs of the optimizer's update)``.

    The suffix's are those of the forward up to the first trained stage, and of loss and gradient from there on. The objective's own loss
    runs on a `forward` that is cut at that boundary: the outputs before it are computed once, without gradients, for every pass that the
    objective makes, and are data for the rest. So the count holds for streams, views, slices and teachers.
    """
    model, trainable = training.model, plan.trainable
    parts = {*strategies.trained_parts(plan.groups, model.stages), *plan.batch_stats_in}
    boundary = next((stage for stage in model.stages if stage in parts), "head")
    trained, frozen = trees.pick(state.params, trainable), trees.drop(state.params, trainable)

    def prepared(batch: Mapping[str, Any], seed: Any) -> Mapping[str, Any]:
        return training.prepared(batch, seed, jax.random.key(0))

    def run(trained: Any, frozen: Any, state: State, batch: Mapping[str, Any], *, prefix: Callable[..., Any]) -> Any:
        params = trees.merge(trained, frozen)
        stats = forwards.split_stats(state.stats, plan.batch_stats_in)
        whole, _ = forwards.for_training(model, training.transform, params, stats=stats, plan=plan, key=jax.random.key(0))
        cut = _cut(model, whole, plan, boundary=boundary, prefix=prefix)
        context = Context(params=params, state=state.objective, key=jax.random.key(0), step=state.step, hyper=state.hyper["objective"])
        return training.objective.loss(cut, batch, context)[0]

    def prefixes(trained: Any, frozen: Any, state: State, batch: Mapping[str, Any]) -> list[Any]:
        outputs: list[Any] = []

        def record(compute: Callable[[], Any]) -> Any:
            outputs.append(compute())
            return outputs[-1]

        run(trained, frozen, state, prepared(batch, state.seed), prefix=record)
        return outputs

    def suffix(trained: Any, frozen: Any, state: State, batch: Mapping[str, Any], outputs: list[Any]) -> Any:
        recorded = iter(outputs)
        return run(trained, frozen, state, batch, prefix=lambda compute: next(recorded))

    rest = state.replace(params={}, opt_state={}, ema={})
    batch = jax.eval_shape(prepared, micro, state.seed)
    inputs = (trained, frozen, rest)
    outputs = jax.eval_shape(prefixes, *inputs, micro)
    flops = _flops(prefixes, *inputs, micro) + _flops(jax.value_and_grad(suffix), *inputs, batch, outputs)
    return flops, _flops(plan.optimizer(0.0).update, trained, state.opt_state, trained)


def _cut(
    model: Any, whole: Callable[..., Any], plan: Plan, *, boundary: str, prefix: Callable[[Callable[[], Any]], Any]
) -> Callable[..., Any]:
    """`whole` in two calls: ``prefix(compute)`` gives the outputs up to the boundary, and `whole` continues from them.

    Passes that begin behind the boundary, or run at other variables, are left whole.
    """

    def forward(batch: Any, variables: Any = None, train: Any = None, start: Any = None, stop: Any = None, taps: Any = ()) -> Any:
        begin, end = _bounds(model, plan, start, stop)
        cut = model.stages.index(boundary) if boundary in model.stages else len(model.stages)
        if variables is not None or begin >= cut:
            return whole(batch, variables=variables, train=train, start=start, stop=stop, taps=taps)
        early_taps = tuple(tap for tap in taps if tap in model.stages[:cut])
        early_stop = stop if end <= cut else boundary
        outputs = prefix(lambda: whole(batch, train=train, start=start, stop=early_stop, taps=early_taps))
        return outputs if end <= cut else whole(outputs.batch, train=train, start=boundary, stop=stop, taps=taps)

    return forward


def _bounds(model: Any, plan: Plan, start: str | None, stop: str | None) -> tuple[int, int]:
    names = (*model.stages, "head")
    first = start if start is not None else plan.start
    return 0 if first is None else names.index(first), len(names) if stop is None else names.index(stop)


def _flops(function: Any, *args: Any) -> float:
    return program.flops(jax.jit(function).lower(*args).compile())


def _bare(tree: Any) -> Any:
    """Shapes without shardings: the comparison is made on one device."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


def _passed_through(prog: program.Program) -> frozenset[str]:
    jaxpr = prog.traced.jaxpr.jaxpr
    pairs = zip(prog.names, jaxpr.invars, jaxpr.outvars, strict=False)
    return frozenset(name for name, before, after in pairs if before is after)


def _moments(state: State, plan: Plan) -> tuple[list[str], int]:
    """``(parameters that have optimizer arrays and do not train, bytes of all optimizer arrays of parameters)``."""
    params, strangers, total = trees.flatten(state.params), [], 0
    for path, leaf in jax.tree_util.tree_leaves_with_path(state.opt_state):
        owner = next((name for name in parameter_paths(path) if name in params), None)
        if owner is not None and owner not in plan.trainable:
            strangers.append(owner)
        if owner is not None or leaf.ndim:
            total += leaf.size * leaf.dtype.itemsize
    return strangers, total
