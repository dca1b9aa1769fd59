"""Resolves the phases of a strategy for a model: parameter groups, parts in training mode, optimizer."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tljax import strategies, trees
from tljax.train import optimizer


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """One phase, resolved.

    Attributes:
      span: the phase with its steps.
      groups: the `strategies.Group` of every parameter, a tree of the parameters' structure.
      trainable: paths of the trained leaves.
      train: parts (stages, ``"head"``) with dropout on: those that train, unless the phase says otherwise.
      batch_stats_in: parts whose BatchNorm uses and updates batch statistics.
      recalibrated: parts whose statistics are measured anew on entering the phase.
      optimizer: over the trained leaves, given the weight decay.
      start: the stage that the phase's batches enter at; None: the input.
    """

    span: strategies.Span
    groups: trees.Tree
    trainable: frozenset[str]
    train: tuple[str, ...]
    batch_stats_in: tuple[str, ...]
    recalibrated: tuple[str, ...]
    optimizer: optimizer.Optimizer
    start: str | None = None


def make_plans(
    strategy: strategies.Strategy, params: Mapping[str, Any], *, stages: Sequence[str], optim: optimizer.Optim, total_steps: int
) -> tuple[Plan, ...]:
    """Resolves a strategy into one plan per phase.

    Args:
      strategy: with the objective's rules before its own (`with_rules`).
      params: arrays or shapes.
      stages: the backbone's stages, from input to output.
      optim: optimizer settings.
      total_steps: steps of the run.

    Raises:
      ValueError: rules that leave a parameter uncovered or win none; a phase without a step; a phase that trains nothing.
    """
    optim.validate()
    phases = strategies.spans(strategy, total_steps)
    decay = trees.flatten(trees.label(params, strategy.decay))
    return tuple(
        _plan(strategy, span, trees.flatten(since), decay, params=params, stages=stages, optim=optim)
        for span, since in zip(phases, strategies.unfrozen_at(phases, params), strict=True)
    )


def _plan(
    strategy: strategies.Strategy,
    span: strategies.Span,
    since: Mapping[str, int],
    decay: Mapping[str, float],
    *,
    params: Mapping[str, Any],
    stages: Sequence[str],
    optim: optimizer.Optim,
) -> Plan:
    groups = strategies.groups(span.phase, params)
    trained = {path: g for path, g in trees.flatten(groups).items() if not g.frozen}
    if not trained:
        raise ValueError(f"phase {span.index} (steps {span.start}..{span.stop}) trains no parameter; its rules must leave one unfrozen")
    modes = strategies.bn_modes(strategy, span.phase, groups, stages)
    parts = strategies.trained_parts(groups, stages)
    dropout_in = span.phase.train
    if dropout_in is not None and (unknown := set(dropout_in) - {*stages, "head"}):
        raise ValueError(f"phase {span.index}: train names {sorted(unknown)}; the parts are {(*stages, 'head')}")
    return Plan(
        span=span,
        groups=groups,
        trainable=frozenset(trained),
        train=parts if dropout_in is None else tuple(dropout_in),
        batch_stats_in=tuple(part for part, mode in modes.items() if mode == "batch"),
        recalibrated=tuple(part for part, mode in modes.items() if mode == "recalibrate"),
        optimizer=optimizer.make_optimizer(
            optim,
            trees.unflatten(trained),
            trees.unflatten({path: decay[path] for path in trained}),
            trees.unflatten({path: since[path] for path in trained}),
        ),
    )


def with_rules(strategy: strategies.Strategy, rules: Sequence[tuple[str, strategies.Group]]) -> strategies.Strategy:
    """A strategy with an objective's rules (for paths below ``objective/``) before its own in every phase."""
    own = tuple((f"objective/{regex}", group) for regex, group in rules)
    phases = tuple(dataclasses.replace(phase, rules=(*own, *phase.rules)) for phase in strategy.phases)
    return dataclasses.replace(strategy, phases=phases)


def ever_trained(plans: Sequence[Plan]) -> frozenset[str]:
    """Paths of the parameters that any phase trains; a checkpoint holds these."""
    return frozenset(path for plan in plans for path in plan.trainable)
