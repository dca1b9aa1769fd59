"""Optimizers by name, schedules, decay and rates by group."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train.tiny import PLAIN, tiny
from tljax import trees
from tljax.train import optimizer


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant", "staircase"])
@pytest.mark.parametrize("warmup", [0.0, 0.2])
def test_schedules_rise_to_one_and_never_leave_zero_to_one(schedule, warmup):
    factor = optimizer.multiplier(optimizer.Optim(schedule=schedule, warmup=warmup), 50)
    values = np.asarray(jax.vmap(factor)(jnp.arange(50)))
    assert (values > 0).all() and values.max() == pytest.approx(1.0) and values.argmax() == round(warmup * 50)
    assert (np.diff(values[values.argmax() :]) <= 1e-7).all()
    assert {
        "cosine": values[-1] < 0.01,
        "linear": values[-1] < 0.05,
        "constant": values[-1] == 1,
        "staircase": values[-1] == pytest.approx(0.01),
    }[schedule]


def test_decay_spares_biases_and_groups_have_their_rates():
    run = tiny("full(backbone_rate=0.5)", model=PLAIN, clip=0.0, warmup=0.0, schedule="constant", lr=0.1)
    state = run.begin()
    zero = jax.tree.map(jnp.zeros_like, state.params)
    updates = trees.flatten(run.plans[0].optimizer(0.5).update(zero, state.opt_state, state.params)[0])
    for path, value in trees.flatten(jax.tree.map(np.array, state.params)).items():
        rate = 0.5 if path.startswith("backbone") else 1.0
        expected = 0 * value if path.endswith("bias") else -rate * 0.5 * value
        np.testing.assert_allclose(updates[path], expected, atol=1e-7)


def test_plain_momentum_follows_its_formula():
    build = optimizer.optimizers.create("sgd(momentum=0.9, nesterov=False)")
    transform, gradient, params = build(0.1), np.array([1.0, -2.0], np.float32), np.array([3.0, 5.0], np.float32)
    state, velocity = transform.init(params), np.zeros(2)
    for _ in range(3):
        update, state = transform.update(gradient, state, params)
        velocity = 0.9 * velocity + gradient + 0.1 * params
        np.testing.assert_allclose(update, velocity, rtol=1e-6)
    nesterov = optimizer.optimizers.create("sgd")(None)
    assert nesterov.update(gradient, nesterov.init(params))[0] == pytest.approx(1.9 * gradient)


@pytest.mark.parametrize(
    ("field", "value"),
    [("schedule", "cosinus"), ("lr", -1.0), ("lr", float("nan")), ("clip", -1.0), ("weight_decay", -1.0), ("warmup", 1.0)],
)
def test_bad_settings_are_named(field, value):
    with pytest.raises(ValueError, match=f"optim.{field}="):
        optimizer.Optim(**{field: value}).validate()


def test_an_unknown_optimizer_has_its_near_names_and_wrong_arguments_their_own():
    with pytest.raises(KeyError, match="no optimizer is called 'adam'; did you mean adamw"):
        optimizer.Optim(name="adam").validate()
    with pytest.raises(ValueError, match="it is called as sgd"):
        optimizer.Optim(name="sgd(beta=0.9)").validate()
    assert set(optimizer.optimizers) >= {"adamw", "lamb", "sgd"}
