"""The certificate holds for sound phases and catches each fault that is planted."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.train.tiny import batch, tiny
from tljax import models, objectives, strategies, trees
from tljax.train import certificate, initialise, optimizer, plan, program, sharding, step

ACCUMULATE = 2
OPTIM = optimizer.Optim(clip=0.5, weight_decay=0.1)


def wide(strategy):
    """A model whose convolutions outweigh its optimizer, at the sizes where the FLOPs bound is stated."""
    model = models.create("cnn(widths=(8, 16, 16))", 5, input_size=(32, 32))
    x = np.random.default_rng(0).normal(size=(64, 32, 32, 3)).astype(np.float32)
    whole = {"x": x, "label": np.arange(64, dtype=np.int32) % 5, "valid": np.ones(64, np.float32), "index": np.arange(64, dtype=np.int32)}
    plans = plan.make(strategies.create(strategy, model.stages), models.shapes(model)["params"], model.stages, OPTIM, 50)
    objective = objectives.create("cross_entropy")
    start = initialise.Start(
        model,
        objective,
        strategies.create(strategy, model.stages),
        plans,
        sharding.make_mesh(),
        0,
        1e-3,
        lambda: iter([whole]),
        ema=True,
    )
    state = initialise.shapes_at(start, 0)
    return model, objective, plans[0], state, whole


def proof(step_, model, objective, phase, state, whole, full=None):
    prog = program.build(step_, state, whole)
    micro = {k: v[: len(v) // ACCUMULATE] for k, v in whole.items()}
    return certificate.compare(certificate.certify(prog, phase, state), model, objective, phase, state, micro, full)


def built(model, objective, phase, **changes):
    multiplier = optimizer.multiplier(OPTIM, 50)
    return step.make_step(model, objective, phase, multiplier, accumulate=ACCUMULATE, ema_decay=0.9, **changes)


@pytest.mark.parametrize("strategy", ["probe", "freeze_first(1)", "freeze_first(2)"])
def test_a_frozen_prefix_costs_its_forward_pass_and_nothing_else(strategy):
    model, objective, phase, state, whole = wide(strategy)
    found = proof(built(model, objective, phase), model, objective, phase, state, whole)
    assert found.problems == ()
    assert 0.9 < found.ratio <= 1.01, str(found)
    assert found.moment_bytes == 2 * found.trainable_bytes
    assert found.trainable + found.frozen == trees.size(state.params)
    json.dumps(dataclasses.asdict(found))


def test_fault_clip_before_the_split():
    """All parameters are differentiated and clipped together, then the frozen ones' gradients thrown away."""
    model, objective, phase, state, whole = wide("probe")
    sound = built(model, objective, phase)
    all_trained = dataclasses.replace(phase, trainable=frozenset(trees.flatten(state.params)))

    class Thrown:
        init = phase.optimizer.init

        @staticmethod
        def update(grads, opt_state, params):
            clipped, _ = optax.clip_by_global_norm(0.5).update(grads, optax.EmptyState())
            updates, opt_state = phase.optimizer.update(
                trees.pick(clipped, phase.trainable), opt_state, trees.pick(params, phase.trainable)
            )
            still = jax.tree.map(jnp.zeros_like, trees.drop(params, phase.trainable))
            return trees.merge(updates, still), opt_state

    faulty = built(model, objective, dataclasses.replace(all_trained, optimizer=Thrown))
    found = proof(faulty, model, objective, phase, state, whole)
    assert any("FLOP" in p for p in found.problems) and found.ratio > 1.5
    assert proof(sound, model, objective, phase, state, whole).problems == ()


def test_fault_decay_outside_the_group():
    """Weight decay over all parameters: frozen weights shrink."""
    run = tiny("probe")
    sound = run.step(run.plans[0])

    def faulty(state, batch):
        state, metrics = sound(state, batch)
        return state.replace(params=jax.tree.map(lambda p: p * (1 - 1e-3), state.params)), metrics

    found = run.certify(faulty, run.plans[0], run.begin())
    frozen = [p for p in trees.flatten(run.begin().params) if p.startswith("backbone/")]
    assert len(found.problems) == len(frozen) and all(any(path in p for p in found.problems) for path in frozen)
    assert run.certify(sound, run.plans[0], run.begin()).problems == ()


def test_fault_batch_norm_of_a_frozen_stage_in_training_mode():
    run = tiny("freeze_first(1)")
    faulty = run.step(dataclasses.replace(run.plans[0], batch_stats_in=("stem", "stage1", "head")))
    found = run.certify(faulty, run.plans[0], run.begin())
    assert sorted(found.problems) == [f"statistic backbone/stem/bn/{s} of a frozen part is changed by the step" for s in ("mean", "var")]


def test_fault_optimizer_state_for_frozen_leaves():
    run = tiny("probe")
    everything = tiny("full")
    state = run.begin().replace(opt_state=everything.begin().opt_state)
    phase = dataclasses.replace(run.plans[0], optimizer=optax.set_to_zero())
    found = certificate.certify(program.build(lambda s, b: (s, {}), state, batch(0)), phase, state)
    assert sum("optimizer state for the frozen parameter backbone" in p for p in found.problems) == 2 * len(
        trees.flatten(run.begin().params["backbone"])
    )


def test_update_mode_is_named_as_such_by_the_plan():
    run = tiny("probe", bn="update")
    found = run.certify(run.step(run.plans[0]), run.plans[0], run.begin())
    assert found.problems == () and found.still_statistics == 0
