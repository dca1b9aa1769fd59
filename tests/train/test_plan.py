"""A phase resolved for a model: what trains, where dropout is on, whose statistics a BatchNorm uses."""

import dataclasses

import jax
import numpy as np
import pytest

from tests.train.tiny import batch, same, tiny
from tljax import strategies
from tljax.train import plan


def one(**changes):
    """Full fine-tuning in one phase with other settings."""
    phase = strategies.create("full", ("stem", "stage1")).phases[0]
    return strategies.Strategy((dataclasses.replace(phase, **changes),))


def test_dropout_is_on_where_parameters_train_unless_the_phase_says_otherwise():
    parts = [tiny(strategy).plans[0].train for strategy in ("full", "freeze_first(1)", "linear_probe", one(train=("head",)), one(train=()))]
    assert parts == [("stem", "stage1", "head"), ("stage1", "head"), ("head",), ("head",), ()]
    seeds = [np.uint32(0), np.uint32(1)]  # of the dropout
    for strategy, still in ((one(), False), (one(train=()), True)):
        run = tiny(strategy)
        step, state = jax.jit(run.step()), run.begin()
        losses = [float(step(state.replace(seed=seed), batch(0))[1]["loss"]) for seed in seeds]
        assert (losses[0] == losses[1]) == still


def test_statistics_move_at_the_full_rate_and_where_the_phase_says_so():
    assert all(tiny(strategy).plans[0].batch_stats_in == ("stem", "stage1", "head") for strategy in ("scratch", "full"))
    run = tiny("full", bn=(("stage1", "batch"), (".*", "stored")))
    start = jax.tree.map(np.array, run.begin().stats)
    state, _ = run.advance(1)
    assert same(state.stats, start, lambda p: "stem" in p) and not same(state.stats, start, lambda p: "stage1" in p)
    assert [p.recalibrated for p in tiny("lp_ft", bn=((".*", "recalibrate"),)).plans] == [("stem", "stage1", "head"), ()]


def test_the_rules_of_an_objective_come_first_in_every_phase():
    strategy = strategies.create("lp_ft", ("stem",))
    ruled = plan.with_rules(strategy, (("anchor/.*", strategies.FROZEN),))
    assert [p.rules[0] for p in ruled.phases] == [("objective/anchor/.*", strategies.FROZEN)] * 2
    assert [p.rules[1:] for p in ruled.phases] == [p.rules for p in strategy.phases]


def test_checkpoints_hold_what_any_phase_trains():
    run = tiny("lp_ft")
    assert run.plans[0].trainable == {"head/kernel", "head/bias"} < run.plans[1].trainable == plan.ever_trained(run.plans)


def test_a_phase_that_trains_nothing_is_refused():
    nothing = strategies.Strategy((strategies.Phase(((".*", strategies.FROZEN),)),))
    with pytest.raises(ValueError, match=r"phase 0 \(steps 0..12\) trains no parameter"):
        tiny(nothing)
