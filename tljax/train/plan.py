"""What a phase comes to for a given model: groups, parts in training mode, optimizer."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import optax

from tljax import strategies, trees
from tljax.train import optimizer


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """One phase, resolved.

    Attributes:
      span: the phase with its steps.
      groups: the `strategies.Group` of every parameter, a tree of the parameters' structure.
      trainable: paths of the trained leaves.
      train: parts (stages, ``"head"``) with dropout on: those that train.
      batch_stats_in: parts whose BatchNorm uses and updates batch statistics.
      optimizer: over the trained leaves.
    """

    span: strategies.Span
    groups: trees.Tree
    trainable: frozenset[str]
    train: tuple[str, ...]
    batch_stats_in: tuple[str, ...]
    optimizer: optax.GradientTransformation


def make(
    strategy: strategies.Strategy, params: Mapping[str, Any], stages: Sequence[str], optim: optimizer.Optim, total_steps: int
) -> tuple[Plan, ...]:
    """The plans of all phases.

    Args:
      strategy: with the objective's rules already placed before its own (`with_rules`).
      params: arrays or shapes.
      stages: the backbone's, from input to output.
      optim: optimizer settings.
      total_steps: of the run.

    Raises:
      ValueError: rules that leave a parameter uncovered or win none; a phase without a step; a phase that trains nothing.
    """
    optim.validate()
    phases = strategies.spans(strategy, total_steps)
    decay = trees.flatten(trees.label(params, strategy.decay))
    plans = []
    for span, born in zip(phases, strategies.births(phases, params), strict=True):
        groups = strategies.groups(span.phase, params)
        trained = {path: g for path, g in trees.flatten(groups).items() if not g.frozen}
        if not trained:
            raise ValueError(f"phase {span.index} (steps {span.start}..{span.stop}) trains no parameter")
        parts = strategies.trained_parts(groups, stages)
        flat_born = trees.flatten(born)
        tx = optimizer.make(
            optim,
            trees.unflatten(trained),
            trees.unflatten({p: decay[p] for p in trained}),
            trees.unflatten({p: flat_born[p] for p in trained}),
        )
        batch_stats_in = (*stages, "head") if strategy.bn == "update" else parts
        plans.append(Plan(span, groups, frozenset(trained), parts, batch_stats_in, tx))
    return tuple(plans)


def with_rules(strategy: strategies.Strategy, rules: Sequence[tuple[str, strategies.Group]]) -> strategies.Strategy:
    """The strategy with an objective's rules (for paths below ``objective/``) before its own in every phase."""
    own = tuple((f"objective/{regex}", group) for regex, group in rules)
    phases = tuple(dataclasses.replace(phase, rules=(*own, *phase.rules)) for phase in strategy.phases)
    return dataclasses.replace(strategy, phases=phases)


def ever_trained(plans: Sequence[Plan]) -> frozenset[str]:
    """The paths that some phase trains: what a checkpoint holds of the parameters."""
    return frozenset(path for plan in plans for path in plan.trainable)
