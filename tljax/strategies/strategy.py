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
    """The movement of the parameters of one rule: at `lr_scale` times the learning rate, or not at all (`frozen`)."""

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
      until: its end: an int is a step, a float a fraction of all steps, None the end of training.
      bn: ordered ``(regex, mode)`` over the parts (stages, ``"head"``); the first match wins. BatchNorm in mode ``"stored"`` normalizes
        with the stored statistics and does not change them; in mode ``"batch"`` it normalizes with those of the batch and updates the
        stored ones; ``"recalibrate"`` measures the stored ones anew, in one pass over the training data when the phase begins, and then
        keeps them (Li et al. 2016, AdaBN). A part that no rule matches takes `Strategy.trained_bn` where it trains, else ``"stored"``.
      train: the parts with dropout on; None: the parts that train.
    """

    rules: tuple[tuple[str, Group], ...]
    until: int | float | None = None
    bn: tuple[tuple[str, str], ...] = ()
    train: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if wrong := [mode for _, mode in self.bn if mode not in BN_MODES]:
            raise ValueError(f"bn={wrong[0]!r}: expected one of {', '.join(BN_MODES)}")


@dataclasses.dataclass(frozen=True)
class Strategy:
    """The phases of a training: which parameters move in each, and how fast.

    Attributes:
      phases: in order; the last one runs to the end.
      init: ``"pretrained"``, or ``"scratch"`` to ignore the pretrained values.
      decay: ordered ``(regex, factor)`` over parameter paths; `factor` multiplies the weight decay. By default biases and the scales of
        normalization layers have none.
      trained_bn: BatchNorm mode of the parts that train and that no rule of a phase names: ``"stored"`` or ``"batch"``. Empty: ``"batch"``
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
            raise ValueError(f"trained_bn={self.trained_bn!r}: expected stored or batch")
        if self.init not in ("pretrained", "scratch"):
            raise ValueError(f"init={self.init!r}: expected pretrained or scratch")
        if not self.phases:
            raise ValueError("a strategy needs at least one phase")

    def with_bn(self, rules: Sequence[tuple[str, str]]) -> "Strategy":
        """The strategy with `rules` before the BatchNorm rules of every phase; after the first phase ``recalibrate`` becomes ``stored``."""
        later = tuple((regex, "stored" if mode == "recalibrate" else mode) for regex, mode in rules)
        phases = [dataclasses.replace(p, bn=(*(later if i else tuple(rules)), *p.bn)) for i, p in enumerate(self.phases)]
        return dataclasses.replace(self, phases=tuple(phases))


@dataclasses.dataclass(frozen=True)
class Span:
    """A phase and its steps, ``start <= step < stop``; `index` counts the phases from 0."""

    index: int
    start: int
    stop: int
    phase: Phase


def spans(strategy: Strategy, total_steps: int) -> tuple[Span, ...]:
    """The phases with their steps; together they cover ``0 <= step < total_steps``.

    Raises:
      ValueError: a phase would have no step, or would end after `total_steps`.
    """
    phases: list[Span] = []
    start = 0
    for i, phase in enumerate(strategy.phases):
        last = i == len(strategy.phases) - 1
        until = total_steps if last else phase.until
        stop = until if isinstance(until, int) else round((1.0 if until is None else until) * total_steps)
        if not start < stop <= total_steps:
            raise ValueError(f"phase {i} would run from step {start} to {stop} of {total_steps}; give it at least one step")
        phases.append(Span(i, start, stop, phase))
        start = stop
    return tuple(phases)


def at(phases: Sequence[Span], step: int) -> Span:
    """The span that runs `step`; at or past the end, the last one."""
    return next((span for span in phases if step < span.stop), phases[-1])


def groups(phase: Phase, params: Mapping[str, Any]) -> trees.Tree:
    """The `Group` of every parameter. Raises ValueError as `trees.label` does."""
    return trees.label(params, phase.rules)


def unfrozen_at(phases: Sequence[Span], params: Mapping[str, Any]) -> tuple[trees.Tree, ...]:
    """One tree for each phase: the step at which a trained leaf was last unfrozen, -1 for a frozen leaf.

    Leaves that are unfrozen together share an optimizer count; a leaf that is unfrozen later starts a count of its own.
    """
    steps: list[dict[str, int]] = []
    for span in phases:
        flat = trees.flatten(groups(span.phase, params))
        before = steps[-1] if steps else dict.fromkeys(flat, -1)
        steps.append({path: -1 if group.frozen else (before[path] if before[path] >= 0 else span.start) for path, group in flat.items()})
    return tuple(trees.unflatten(by_path) for by_path in steps)


def bn_modes(strategy: Strategy, phase: Phase, group_tree: Mapping[str, Any], stages: Sequence[str]) -> dict[str, str]:
    """The BatchNorm mode of each part (stages and ``"head"``) in a phase.

    Unless a rule or `Strategy.trained_bn` decides, a part uses the statistics of its batch where it trains at the full rate (``lr_scale``
    1) or from scratch, and keeps the stored ones where it trains more slowly. It keeps them too where only scales and biases train, for
    then the norm layers themselves are tuned.

    Raises:
      ValueError: a rule that matches no part.
    """
    parts = (*stages, "head")
    if wrong := [regex for regex, _ in phase.bn if not any(re.fullmatch(regex, part) for part in parts)]:
        raise ValueError(f"bn: the rule {wrong[0]!r} matches no part; the parts are {', '.join(parts)}")
    flat = {path: group for path, group in trees.flatten(group_tree).items() if not group.frozen}
    modes = {}
    for part in parts:
        paths = [path for path in flat if path.startswith(trees.part_prefix(part)) and not path.endswith(("/scale", "/bias"))]
        rates = [flat[path].lr_scale for path in paths]
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
