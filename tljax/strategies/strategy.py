"""The strategy: phases of path rules that say which parameters move, and how fast."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tljax import registry, trees

strategies = registry.Registry("strategy")
register = strategies.register


@dataclasses.dataclass(frozen=True)
class Group:
    """How the parameters of one rule move: `lr_scale` multiplies the learning rate; `frozen` ones do not move at all."""

    lr_scale: float = 1.0
    frozen: bool = False


TRAINED = Group()
FROZEN = Group(lr_scale=0.0, frozen=True)


BN_MODES = ("stored", "batch", "recalibrate")


@dataclasses.dataclass(frozen=True)
class Phase:
    """A stretch of training.

    Attributes:
      rules: ordered ``(regex, Group)`` over parameter paths (`trees.label`).
      until: where it ends: an int is a step, a float a fraction of all steps, None the end of training.
      bn: ordered ``(regex, mode)`` over the parts (stages, ``"head"``), first match wins: BatchNorm normalizes with ``"stored"`` statistics
        and leaves them alone; with those of the ``"batch"`` and updates the stored ones; or ``"recalibrate"``: stored, after one pass over
        the training data on entering the phase (Li et al. 2016, AdaBN). A part that no rule matches takes `Strategy.trained_bn` where it
        trains, else ``"stored"``.
      train: the parts with dropout on; None: those that train.
    """

    rules: tuple[tuple[str, Group], ...]
    until: int | float | None = None
    bn: tuple[tuple[str, str], ...] = ()
    train: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if wrong := [mode for _, mode in self.bn if mode not in BN_MODES]:
            raise ValueError(f"bn={wrong[0]!r}: one of {', '.join(BN_MODES)}")


@dataclasses.dataclass(frozen=True)
class Strategy:
    """Which parameters move, how fast and when.

    Attributes:
      phases: in order; the last one runs to the end.
      init: ``"pretrained"``, or ``"scratch"`` to ignore the pretrained values.
      decay: ordered ``(regex, factor)``: the factor on the weight decay; by default biases and normalization scales have none.
      trained_bn: the BatchNorm mode of parts that train and that no rule of a phase names, ``"stored"`` or ``"batch"``; empty: ``"batch"``
        from scratch and where a part trains at the full rate, ``"stored"`` where it trains more slowly (measured: docs/batchnorm.md).
      call: the expression that makes it, set by the registry.
    """

    phases: tuple[Phase, ...]
    init: Literal["pretrained", "scratch"] = "pretrained"
    decay: tuple[tuple[str, float], ...] = ((r".*/(bias|scale)", 0.0), (".*", 1.0))
    trained_bn: Literal["", "stored", "batch"] = ""
    call: str = ""

    def __post_init__(self) -> None:
        if self.trained_bn not in ("", "stored", "batch"):
            raise ValueError(f"trained_bn={self.trained_bn!r}: stored or batch")
        if self.init not in ("pretrained", "scratch"):
            raise ValueError(f"init={self.init!r}: pretrained or scratch")
        if not self.phases:
            raise ValueError("a strategy needs at least one phase")

    def with_bn(self, rules: Sequence[tuple[str, str]]) -> "Strategy":
        """The strategy with BatchNorm rules before its own in every phase; ``recalibrate`` in the first phase alone, stored afterwards."""
        later = tuple((regex, "stored" if mode == "recalibrate" else mode) for regex, mode in rules)
        phases = [dataclasses.replace(p, bn=(*(later if i else tuple(rules)), *p.bn)) for i, p in enumerate(self.phases)]
        return dataclasses.replace(self, phases=tuple(phases))


@dataclasses.dataclass(frozen=True)
class Span:
    """A phase with its steps: it runs the steps `start <= step < stop`; `index` counts from 0."""

    index: int
    start: int
    stop: int
    phase: Phase


def spans(strategy: Strategy, total_steps: int) -> tuple[Span, ...]:
    """The phases with their steps; together they cover ``0 .. total_steps``.

    Raises:
      ValueError: a phase that would have no step, or one after the last that ends too early.
    """
    found: list[Span] = []
    start = 0
    for i, phase in enumerate(strategy.phases):
        last = i == len(strategy.phases) - 1
        until = total_steps if last else phase.until
        stop = until if isinstance(until, int) else round((1.0 if until is None else until) * total_steps)
        if not start < stop <= total_steps:
            raise ValueError(f"phase {i} would run from step {start} to {stop} of {total_steps}; give it at least one step")
        found.append(Span(i, start, stop, phase))
        start = stop
    return tuple(found)


def at(phases: Sequence[Span], step: int) -> Span:
    """The span that runs `step`; at or past the end, the last one."""
    return next((span for span in phases if step < span.stop), phases[-1])


def groups(phase: Phase, params: Mapping[str, Any]) -> trees.Tree:
    """The `Group` of every parameter. Raises ValueError as `trees.label` does."""
    return trees.label(params, phase.rules)


def unfrozen_at(phases: Sequence[Span], params: Mapping[str, Any]) -> tuple[trees.Tree, ...]:
    """For each phase, the step at which each of its trained leaves was last unfrozen (frozen leaves: -1).

    Leaves that start together share an optimizer count; a leaf that joins later starts a count of its own.
    """
    born: list[dict[str, int]] = []
    for span in phases:
        flat = trees.flatten(groups(span.phase, params))
        before = born[-1] if born else dict.fromkeys(flat, -1)
        born.append({path: -1 if group.frozen else (before[path] if before[path] >= 0 else span.start) for path, group in flat.items()})
    return tuple(trees.unflatten(b) for b in born)


def bn_modes(strategy: Strategy, phase: Phase, group_tree: Mapping[str, Any], stages: Sequence[str]) -> dict[str, str]:
    """The BatchNorm mode of each part (stages and ``"head"``) in a phase.

    Unless a rule or `Strategy.trained_bn` says otherwise, a part uses the statistics of its batch where it trains at the full rate
    (``lr_scale`` 1) or from scratch, and keeps the stored ones where it trains more slowly. A part of which scales and biases alone train
    keeps them too: what trains there is the norm layers themselves.

    Raises:
      ValueError: a rule that matches no part.
    """
    parts = (*stages, "head")
    if wrong := [regex for regex, _ in phase.bn if not any(re.fullmatch(regex, part) for part in parts)]:
        raise ValueError(f"bn: the rule {wrong[0]!r} matches no part; the parts are {', '.join(parts)}")
    flat = {path: group for path, group in trees.flatten(group_tree).items() if not group.frozen}
    modes = {}
    for part in parts:
        prefix = "head/" if part == "head" else f"backbone/{part}/"
        rates = [g.lr_scale for path, g in flat.items() if path.startswith(prefix) and not path.endswith(("/scale", "/bias"))]
        fast = strategy.init == "scratch" or max(rates, default=0.0) >= 1
        default = (strategy.trained_bn or ("batch" if fast else "stored")) if rates else "stored"
        modes[part] = next((mode for regex, mode in phase.bn if re.fullmatch(regex, part)), default)
    return modes


def trained_parts(group_tree: Mapping[str, Any], stages: Sequence[str]) -> tuple[str, ...]:
    """The parts (stages and ``"head"``) with at least one trained parameter."""
    backbone = group_tree.get("backbone", {})
    parts = [stage for stage in stages if any(not g.frozen for g in trees.flatten(backbone[stage]).values())]
    head = any(not g.frozen for g in trees.flatten(group_tree.get("head", {})).values())
    return (*parts, "head") if head else tuple(parts)
