import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.train.tiny import batch, leaves, same, tiny
from tljax import trees
from tljax.train import initialise, optimizer, program, sharding


def advance(run, state, steps, step_=None, start=0):
    prog = program.build(step_, state, batch(0)).run if step_ else run.program(0).run
    metrics = {}
    for k in range(start, start + steps):
        state, metrics = prog(state, sharding.put_batch(batch(k), run.start.mesh))
    return state, metrics


@pytest.mark.parametrize("strategy", ["probe", "freeze_first(1)"])
def test_what_is_frozen_keeps_its_bits_and_statistics(strategy):
    run = tiny(strategy, accumulate=2, ema=0.9)
    state = run.begin()
    before = jax.tree.map(np.array, (state.params, state.stats))
    state, metrics = advance(run, state, 50)
    still = "backbone/" if strategy == "probe" else "backbone/stem/"
    assert same(before[0], state.params, lambda p: p.startswith(still)) and same(before[1], state.stats, lambda p: p.startswith(still))
    moved = [p for p, v in trees.flatten(state.params).items() if not np.array_equal(v, trees.flatten(before[0])[p])]
    assert set(moved) == run.plans[0].trainable
    assert np.isfinite(metrics["loss"]) and metrics["grad_norm"] > 0


@pytest.mark.parametrize(("name", "k"), [("adamw", 2), ("lamb", 2), ("sgd", 1)])
def test_moments_are_k_times_the_trained_bytes_and_the_loss_falls(name, k):
    run = tiny("freeze_first(1)", name=name, lr=1e-2 if name == "adamw" else 0.1, weight_decay=1e-4, warmup=0.0, schedule="constant")
    state = run.begin()
    trained = trees.nbytes(trees.pick(state.params, run.plans[0].trainable))
    assert sum(x.nbytes for x in leaves(state.opt_state) if x.ndim) == k * trained
    prog, first = run.program(0).run, None
    for i in range(30):
        state, metrics = prog(state, sharding.put_batch(batch(0), run.start.mesh))
        first = float(metrics["loss"]) if i == 0 else first
    assert float(metrics["loss"]) < 0.8 * first


def test_micro_batches_equal_one_batch_where_no_batch_norm_trains():
    one, four = (tiny("full", model="mlp(widths=(8,))", accumulate=k) for k in (1, 4))
    lopsided = batch(0) | {"valid": np.array([1, 1, 1, 0, 1, 0, 0, 0], np.float32), "weight": np.linspace(0.5, 2, 8).astype(np.float32)}
    out = []
    for run in (one, four):
        state = run.begin()
        step_ = jax.jit(run.step(run.plans[0]))
        for _ in range(3):
            state, metrics = step_(state, lopsided)
        out.append((trees.flatten(state.params), metrics))
    for path, value in out[0][0].items():
        np.testing.assert_allclose(value, out[1][0][path], rtol=2e-5, atol=1e-6, err_msg=path)
    np.testing.assert_allclose(out[0][1]["loss"], out[1][1]["loss"], rtol=1e-5)
    np.testing.assert_allclose(out[0][1]["accuracy"], out[1][1]["accuracy"], rtol=1e-5)


def test_the_step_is_traced_once_and_a_wrapped_gradient_is_used():
    run, calls = tiny("full", model="mlp(widths=(8,))"), []

    def counting(function, **kwargs):
        calls.append(kwargs)
        return jax.value_and_grad(function, **kwargs)

    state, _ = advance(run, run.begin(), 5, run.step(run.plans[0], grad=counting))
    assert int(state.step) == 5 and calls == [{"has_aux": True}]


def test_moving_average_follows_its_formula():
    run = tiny("full", model="mlp(widths=(8,))", ema=0.75)
    state = run.begin()
    average = trees.flatten(jax.tree.map(np.array, state.params))
    for k in range(3):
        state, _ = advance(run, state, 1, start=k)
        average = {p: 0.75 * average[p] + 0.25 * np.asarray(v) for p, v in trees.flatten(state.params).items()}
    for path, value in trees.flatten(state.ema).items():
        np.testing.assert_allclose(value, average[path], rtol=1e-5, atol=1e-7)


def test_a_padded_example_changes_nothing():
    run = tiny("full", model="mlp(widths=(8,))")
    step_, state = jax.jit(run.step(run.plans[0])), run.begin()
    masked = batch(0) | {"valid": np.array([1] * 6 + [0] * 2, np.float32)}
    other = {**masked, "x": np.where(np.arange(8)[:, None, None, None] < 6, masked["x"], 7.0).astype(np.float32)}
    assert same(step_(state, masked)[0].params, step_(state, other)[0].params)


def test_at_a_phase_change_moments_go_on_and_new_leaves_start_at_count_zero():
    run = tiny("gradual_unfreezing", model="mlp(widths=(8, 8))", clip=0.0, weight_decay=0.0, warmup=0.0, schedule="constant")
    state, _ = advance(run, run.begin(), 4)
    before = _moments(state.opt_state)
    entered = initialise.enter_phase(run.start, state, run.plans[1])
    after = _moments(entered.opt_state)
    assert before.keys() < after.keys()
    for key, value in after.items():
        np.testing.assert_array_equal(value, before.get(key, np.zeros_like(value)))
    counts = {path: int(leaf) for path, leaf in _counts(entered.opt_state).items()}
    assert {("born4" in path, count) for path, count in counts.items()} == {(False, 4), (True, 0)}
    # The first Adam step of a new leaf is sign(g) * lr, as if it had trained alone; a shared count would make it several times that.
    old = jax.tree.map(np.array, entered.params)
    state, _ = run.program(1).run(entered, sharding.put_batch(batch(4), run.start.mesh))
    moved = np.abs(np.asarray(state.params["backbone"]["layer1"]["dense"]["kernel"]) - old["backbone"]["layer1"]["dense"]["kernel"])
    assert np.isclose(moved[moved > 0], 1e-2, rtol=0.05).mean() > 0.9


def _moments(opt_state):
    out = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(opt_state):
        if leaf.ndim:
            keys = [getattr(k, "key", getattr(k, "name", None)) for k in path]
            out[tuple(k for k in keys if k and not str(k).startswith("born"))] = np.asarray(leaf)
    return out


def _counts(opt_state):
    return {str(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(opt_state) if not leaf.ndim}


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant", "staircase"])
@pytest.mark.parametrize("warmup", [0.0, 0.2])
def test_schedules_rise_to_one_and_never_leave_zero_to_one(schedule, warmup):
    factor = optimizer.multiplier(optimizer.Optim(schedule=schedule, warmup=warmup), 50)
    values = np.array([factor(s) for s in range(50)])
    assert (values > 0).all() and values.max() == pytest.approx(1.0) and values.argmax() == round(warmup * 50)
    assert (np.diff(values[values.argmax() :]) <= 1e-7).all()
    assert {
        "cosine": values[-1] < 0.01,
        "linear": values[-1] < 0.05,
        "constant": values[-1] == 1,
        "staircase": values[-1] == pytest.approx(0.01),
    }[schedule]


def test_decay_spares_biases_and_groups_have_their_rates():
    run = tiny("full(backbone_rate=0.5)", model="mlp(widths=(8,))", clip=0.0, weight_decay=0.5, warmup=0.0, schedule="constant", lr=0.1)
    state = run.begin()
    params = jax.tree.map(np.array, state.params)
    zero = jax.tree.map(jnp.zeros_like, state.params)
    updates, _ = run.plans[0].optimizer.update(zero, state.opt_state, state.params)
    moved = trees.flatten(updates)
    for path, value in trees.flatten(params).items():
        rate = 0.5 if path.startswith("backbone") else 1.0
        wanted = 0 * value if path.endswith("bias") else -rate * 0.5 * value
        np.testing.assert_allclose(moved[path], wanted, atol=1e-7)


@pytest.mark.parametrize(
    ("field", "value"), [("name", "adam"), ("schedule", "cosinus"), ("lr", -1.0), ("lr", float("nan")), ("clip", -1.0), ("warmup", 1.0)]
)
def test_bad_settings_are_named(field, value):
    with pytest.raises(ValueError, match=f"optim.{field}="):
        dataclasses.replace(optimizer.Optim(), **{field: value}).validate()


def test_the_gradient_norm_is_clipped_over_trained_leaves_only():
    run = tiny("probe", clip=1e-3)
    state, grads = run.begin(), {"head": {"kernel": jnp.ones((4, 3)), "bias": jnp.zeros(3)}}
    updates, _ = run.plans[0].optimizer.update(grads, state.opt_state, {"head": state.params["head"]})
    assert updates["head"].keys() == {"kernel", "bias"} and "backbone" not in updates
    assert _norm_seen(run) == pytest.approx(1e-3, rel=1e-4)


def _norm_seen(run):
    """The norm of what the moments take in at the first step: (1 - b1) times the clipped gradient."""
    state, _ = advance(run, run.begin(), 1)
    first = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(state.opt_state) if ".mu" in jax.tree_util.keystr(path)]
    return float(optax.tree.norm(first)) / 0.1
