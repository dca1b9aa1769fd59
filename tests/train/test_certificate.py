"""The certificate holds for sound phases and catches each fault that is planted."""

import dataclasses
import functools
import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.train.tiny import batch, tiny
from tljax import models, objectives, strategies, trees
from tljax.objectives import Aux, Objective, cross_entropy
from tljax.strategies import FROZEN
from tljax.train import certificate, initialization, logger, loop, optimizer, plan, program, sharding, step, training

OPTIM = optimizer.Optim(clip=0.5, weight_decay=0.1)
X = np.random.default_rng(0).normal(size=(64, 32, 32, 3)).astype(np.float32)
WHOLE = {"x": X, "label": np.eye(5, dtype=np.float32)[np.arange(64) % 5], "valid": np.ones(64, np.float32), "index": np.arange(64)}


def wide_batch(streams=()):
    return {name: dict(WHOLE) for name in streams} if streams else dict(WHOLE)


def plain():
    return objectives.create("cross_entropy")


def streams():
    """Cross-entropy on one stream, nearness of mean features to the other."""

    def loss(forward, batch, context):
        near, far = forward(batch["source"]), forward(batch["target"])
        value, aux = cross_entropy(stream="source").loss(lambda b: near, batch, context)
        return value + ((near.features - far.features) ** 2).mean(), aux

    return Objective(loss, streams=("source", "target"))


def views():
    """Two views of an image are to give the same features."""

    def make(batch, key):
        return {name: {"x": batch["x"] * scale} for name, scale in (("a", 1.0), ("b", jax.random.uniform(key)))}

    def loss(forward, batch, context):
        a, b = forward(batch["a"]), forward(batch["b"])
        return ((a.features - b.features) ** 2).mean() + (a.logits**2).mean(), Aux(jnp.float32(a.logits.shape[0]), {})

    return Objective(loss, views=make)


def slices():
    """Features of a stage, mixed within the batch, go on to the head; a tap of another stage stays small."""

    def loss(forward, batch, context):
        early = forward(batch, stop="stage1", taps=("stem",))
        mixed = {**early.batch, "x": (early.batch["x"] + early.batch["x"][::-1]) / 2}
        late = forward(mixed, start="stage1", taps=("stage1",))
        value, aux = cross_entropy().loss(lambda b: late, batch, context)
        return value + 0.1 * (late.taps["stage1"] ** 2).mean() + 0.1 * (early.taps["stem"] ** 2).mean(), aux

    return Objective(loss)


def teacher():
    """A frozen teacher of the same shape under ``params["objective"]``."""

    def init(key, model, variables, batch):
        return {"teacher": jax.tree.map(jnp.asarray, dict(variables["params"]))}, {
            "stats": jax.tree.map(jnp.asarray, variables["batch_stats"])
        }

    def loss(forward, batch, context):
        outputs = forward(batch)
        variables = {"params": context.params["objective"]["teacher"], "batch_stats": context.state["stats"]}
        taught = jax.nn.softmax(forward(batch, variables=variables).logits)
        value, aux = cross_entropy().loss(lambda b: outputs, batch, context)
        return value - (taught * jax.nn.log_softmax(outputs.logits)).sum(-1).mean(), aux

    return Objective(loss, init, rules=(("teacher/.*", FROZEN),))


@functools.cache
def wide(strategy, make=plain, accumulate=2):
    """A model whose convolutions outweigh its optimizer, at the sizes where the FLOPs bound is stated."""
    model, objective = models.create("cnn(widths=(8, 16, 16))", 5, input_size=(32, 32)), make()
    chosen = plan.with_rules(strategies.create(strategy, model.stages), objective.rules)
    setup = training.Training(
        model, objective, chosen, plans=(), mesh=sharding.make_mesh(), seed=0, optim=OPTIM, hyper=training.hyper(OPTIM, objective),
        multiplier=optimizer.multiplier(OPTIM, 50), one_pass=lambda: iter([wide_batch(objective.streams)]), accumulate=accumulate,
        ema_decay=0.9,
    )  # fmt: skip
    plans = plan.make_plans(chosen, initialization.initial_shapes(setup)[0], stages=model.stages, optim=OPTIM, total_steps=50)
    setup = dataclasses.replace(setup, plans=plans)
    return setup, plans[0], initialization.shapes_at(setup, 0), wide_batch(objective.streams)


def proof(step_, setup, phase, state, whole):
    proved = certificate.certify(program.build(step_, state, whole), phase, state)
    return certificate.compare(proved, setup, plan=phase, state=state, batch=whole)


def looped(setup, phase):
    """The step as the comparison sees it: micro-batches in a loop, whose body is counted once."""
    return step.make_step(setup, phase, in_program=1)


def bounded(held):
    """Whether the FLOPs stay within 1.01 of the suffix, or what goes beyond it is the update's and elementwise work on what trains."""
    beyond = held.update_flops + certificate.ELEMENTWISE * held.trainable
    return held.step_flops <= certificate.TOLERANCE * held.suffix_flops + beyond


@pytest.mark.parametrize("strategy", ["linear_probe", "freeze_first(1)", "freeze_first(2)"])
def test_a_frozen_prefix_costs_its_forward_pass_and_nothing_else(strategy):
    setup, phase, state, whole = wide(strategy)
    held = proof(looped(setup, phase), setup, phase, state, whole)
    assert held.problems == ()
    assert 0.9 < held.ratio <= 1.01, str(held)
    assert held.moment_bytes == 2 * held.trainable_bytes
    assert held.trainable + held.frozen == trees.size(state.params)
    json.dumps(dataclasses.asdict(held))


def test_the_flops_are_those_of_one_micro_batch_in_a_loop_or_one_by_one():
    setup, phase, state, whole = wide("freeze_first(2)")
    looped, unrolled = (program.build(step.make_step(setup, phase, n), state, whole, copies=n).flops() for n in (1, 2))
    assert unrolled == pytest.approx(looped, rel=0.02)


@pytest.mark.parametrize("make", [streams, views, slices, teacher])
def test_the_bound_holds_for_streams_views_slices_and_teachers(make):
    setup, phase, state, whole = wide("freeze_first(1)", make)
    held = proof(looped(setup, phase), setup, phase, state, whole)
    assert held.problems == () and bounded(held) and 0.9 < held.ratio <= 1.02, str(held)
    if make is teacher:
        assert held.frozen > trees.size(state.params["objective"])


@pytest.mark.parametrize("make", [streams, slices])
def test_a_prefix_that_is_differentiated_is_caught_whatever_the_objective(make):
    setup, phase, state, whole = wide("freeze_first(2)", make)
    teaching = {path for path in trees.flatten(state.params) if path.startswith("objective/")}
    everything = dataclasses.replace(phase, trainable=frozenset(set(trees.flatten(state.params)) - teaching), optimizer=thrown(phase))
    held = proof(looped(setup, everything), setup, phase, state, whole)
    assert any("FLOP" in p for p in held.problems) and held.ratio > 1.1, str(held)


def thrown(phase):
    """The phase's optimizer for gradients of everything: they are clipped together, then those of frozen leaves thrown away."""

    def optimizer_(weight_decay):
        own = phase.optimizer(weight_decay)

        def update(grads, opt_state, params):
            clipped, _ = optax.clip_by_global_norm(0.5).update(grads, optax.EmptyState())
            updates, opt_state = own.update(trees.pick(clipped, phase.trainable), opt_state, trees.pick(params, phase.trainable))
            return trees.merge(updates, jax.tree.map(jnp.zeros_like, trees.drop(params, phase.trainable))), opt_state

        return optax.GradientTransformation(own.init, update)

    return optimizer_


def test_fault_clip_before_the_split():
    setup, phase, state, whole = wide("linear_probe")
    everything = dataclasses.replace(phase, trainable=frozenset(trees.flatten(state.params)), optimizer=thrown(phase))
    held = proof(looped(setup, everything), setup, phase, state, whole)
    assert any("FLOP" in p for p in held.problems) and held.ratio > 1.5


def test_the_full_step_trains_everything_but_what_the_objective_keeps_fixed(tmp_path):
    run = tiny("freeze_first(1)", model="cnn(widths=(4, 4))", objective=teacher, bn=(("stage1", "recalibrate"),), accumulate=2)
    state, phase = run.begin(), run.plans[0]
    everything = loop._everything(run.training, phase, state)
    assert everything.trainable == {path for path in trees.flatten(state.params) if not path.startswith("objective/")}
    assert not everything.recalibrated and everything.batch_stats_in == ("stem", "head")  # stage1 keeps the statistics of its rule
    with logger.Logger(tmp_path, 0, 12, 1, quiet=True) as log:
        loop.build(run.training, phase, state, batch(0), log=log, full=True)
    (entry,) = json.loads((tmp_path / "certificate.json").read_text()).values()
    assert entry["problems"] == [] and entry["step_flops"] < entry["full_flops"] and entry["suffix_flops"] > 0
    assert entry["frozen"] >= trees.size(state.params["objective"])


def test_a_cached_phase_has_its_certificate_too(tmp_path):
    run = tiny("freeze_first(1)", model="cnn(widths=(4, 4))")
    state = run.begin()
    held = {"params": state.params, "batch_stats": state.stats}
    activations = batch(0) | {"x": np.asarray(run.model.apply(held, batch(0)["x"], stop="stage1").batch["x"])}
    with logger.Logger(tmp_path, 0, 12, 1, quiet=True) as log:
        loop.build(run.training, dataclasses.replace(run.plans[0], start="stage1"), state, activations, log=log, full=True)
    (entry,) = json.loads((tmp_path / "certificate.json").read_text()).values()
    assert entry["problems"] == [] and entry["suffix_flops"] <= entry["step_flops"]


def test_fault_decay_outside_the_group():
    """Weight decay over all parameters: frozen weights shrink."""
    run = tiny("linear_probe")
    sound = run.step(run.plans[0])

    def faulty(state, batch):
        state, metrics = sound(state, batch)
        return state.replace(params=jax.tree.map(lambda p: p * (1 - 1e-3), state.params)), metrics

    held = run.certify(faulty, run.plans[0], run.begin())
    frozen = [p for p in trees.flatten(run.begin().params) if p.startswith("backbone/")]
    assert len(held.problems) == len(frozen) and all(any(path in p for p in held.problems) for path in frozen)
    assert run.certify(sound, run.plans[0], run.begin()).problems == ()


def test_fault_a_teacher_that_moves():
    run = tiny("linear_probe", model="cnn(widths=(4, 4))", objective=teacher)
    sound = run.step(run.plans[0])

    def faulty(state, batch):
        state, metrics = sound(state, batch)
        moved = jax.tree.map(lambda w: w * 0.99, state.params["objective"])
        return state.replace(params=state.params | {"objective": moved}), metrics

    held = run.certify(faulty, run.plans[0], run.begin())
    assert len(held.problems) == len(trees.flatten(run.begin().params["objective"])) > 0
    assert all(re.match("frozen parameter objective/teacher/.* is changed", p) for p in held.problems)


def test_fault_batch_norm_of_a_frozen_stage_in_training_mode():
    run = tiny("freeze_first(1)")
    faulty = run.step(dataclasses.replace(run.plans[0], batch_stats_in=("stem",)))
    held = run.certify(faulty, run.plans[0], run.begin())
    assert sorted(held.problems) == [f"statistic backbone/stem/bn/{s} of a frozen part is changed by the step" for s in ("mean", "var")]


def test_fault_optimizer_state_for_frozen_leaves():
    run = tiny("linear_probe")
    everything = tiny("full")
    state = run.begin().replace(opt_state=everything.begin().opt_state)
    held = certificate.certify(program.build(lambda s, b: (s, {}), state, batch(0)), run.plans[0], state)
    assert sum("optimizer state for the frozen parameter backbone" in p for p in held.problems) == 2 * len(
        trees.flatten(run.begin().params["backbone"])
    )


def test_a_phase_that_does_not_hold_is_refused(tmp_path, monkeypatch):
    run = tiny("linear_probe")
    sound = run.step(run.plans[0])
    monkeypatch.setattr(
        step, "make_step", lambda setup, phase, in_program=None: lambda s, b: sound(s.replace(params=jax.tree.map(jnp.sin, s.params)), b)
    )
    with (
        logger.Logger(tmp_path, 0, 12, 1, quiet=True) as log,
        pytest.raises(ValueError, match=r"does not hold: .*NOT SOUND: frozen parameter"),
    ):
        loop.build(run.training, run.plans[0], run.begin(), batch(0), log=log)
    assert not (tmp_path / "certificate.json").exists()


def test_statistics_that_are_updated_by_request_are_named_as_such_by_the_plan():
    run = tiny("linear_probe", bn=((".*", "batch"),))
    held = run.certify(run.step(run.plans[0]), run.plans[0], run.begin())
    assert held.problems == () and held.fixed_statistics == 0
