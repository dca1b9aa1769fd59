"""The step: what moves, what rests, accumulation, averages, strengths."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.train.tiny import PLAIN, batch, close, leaves, same, stream_of_two, tiny, two_streams
from tljax import objectives, trees
from tljax.objectives import Aux, Objective, cross_entropy
from tljax.train import initialization, program


@pytest.mark.parametrize("strategy", ["linear_probe", "freeze_first(1)"])
@pytest.mark.parametrize("mode", ["stored", "batch"])
def test_what_is_frozen_keeps_its_bits_and_what_keeps_its_statistics_keeps_them(strategy, mode):
    run = tiny(strategy, accumulate=2, ema=0.9, bn=(("stage1", mode),))
    before = run.begin()
    before = jax.tree.map(np.array, (before.params, before.stats))
    state, metrics = run.advance(50)
    still = "backbone/" if strategy == "linear_probe" else "backbone/stem/"
    assert same(before[0], state.params, lambda p: p.startswith(still))
    assert same(before[1], state.stats, lambda p: mode == "stored" or p.startswith("backbone/stem/"))
    assert same(before[1], state.stats) == (mode == "stored")
    flat = trees.flatten(before[0])
    assert {p for p, v in trees.flatten(state.params).items() if not np.array_equal(v, flat[p])} == run.plans[0].trainable
    assert np.isfinite(metrics["loss"]) and metrics["grad_norm"] > 0


@pytest.mark.parametrize(("name", "k"), [("adamw", 2), ("lamb", 2), ("sgd", 1), ("sgd(momentum=0.9, nesterov=False)", 1)])
def test_moments_are_k_times_the_trained_bytes_and_the_loss_falls(name, k):
    run = tiny("freeze_first(1)", name=name, lr=1e-2 if name == "adamw" else 0.1, weight_decay=1e-4, warmup=0.0, schedule="constant")
    state = run.begin()
    trained = trees.nbytes(trees.pick(state.params, run.plans[0].trainable))
    assert sum(x.nbytes for x in leaves(state.opt_state) if x.ndim) == k * trained
    state, first = run.advance(1, state, lambda k: iter([batch(0)]))
    first = float(first["loss"])
    _, last = run.advance(29, state, lambda k: iter([batch(0)] * 29))
    assert float(last["loss"]) < 0.8 * first


def test_micro_batches_equal_one_batch_where_no_batch_norm_trains():
    lopsided = batch(0) | {"valid": np.array([1, 1, 1, 0, 1, 0, 0, 0], np.float32), "weight": np.linspace(0.5, 2, 8).astype(np.float32)}
    out = []
    for run in (tiny(model=PLAIN, accumulate=k) for k in (1, 4)):
        state, step = run.begin(), jax.jit(run.step())
        for _ in range(3):
            state, metrics = step(state, lopsided)
        out.append((trees.flatten(state.params), metrics))
    for path, value in out[0][0].items():
        np.testing.assert_allclose(value, out[1][0][path], rtol=2e-5, atol=1e-6, err_msg=path)
    np.testing.assert_allclose(out[0][1]["loss"], out[1][1]["loss"], rtol=1e-5)
    np.testing.assert_allclose(out[0][1]["accuracy"], out[1][1]["accuracy"], rtol=1e-5)


DECAY, SLOTS = 0.5, 20


def remembering():
    """Cross-entropy; a moving-average teacher with its own statistics and the features of the last 20 examples in the order of the data."""

    def init(key, model, variables, batch):
        width = model.apply(variables, {"x": batch["x"]}, stop="head").features.shape[-1]
        teacher = jax.tree.map(jnp.asarray, dict(variables))
        return {}, {"teacher": teacher, "features": jnp.zeros((SLOTS, width)), "index": jnp.zeros(SLOTS, jnp.int32)}

    def loss(forward, batch, context):
        outputs = forward(batch, train=())
        teacher = forward(batch, variables=context.state["teacher"]).logits
        value, aux = cross_entropy().loss(lambda b: outputs, batch, context)
        away = ((outputs.logits - teacher) ** 2).mean() + ((outputs.features[:, None] - context.state["features"]) ** 2).mean()
        return value + 0.1 * away, aux._replace(kept={"features": outputs.features, "index": batch["index"]})

    def after(variables, state, kept, step):
        teacher = jax.tree.map(lambda old, new: DECAY * old + (1 - DECAY) * new, state["teacher"], model_of(variables))
        return {"teacher": teacher} | {name: jnp.concatenate([state[name], kept[name]])[-SLOTS:] for name in kept}

    return Objective(loss, init, after=after)


def model_of(variables):
    return {"params": objectives.model_params(variables["params"]), "batch_stats": variables["batch_stats"]}


def test_a_teacher_and_a_queue_are_the_same_whatever_the_accumulation():
    runs = [tiny("freeze_first(1)", objective=remembering, accumulate=k, lr=1e-3, bn=((".*", "stored"),)) for k in (1, 2, 4)]
    states = [run.advance(3)[0] for run in runs]
    assert states[0].objective["index"].tolist() == [k % 24 for k in range(4, 24)]
    start = runs[0].begin().objective["teacher"]["params"]
    assert not same(start, states[0].objective["teacher"]["params"])
    for state in states[1:]:
        assert close(state.objective, states[0].objective) and close(state.params, states[0].params)


def test_a_teacher_has_its_own_statistics():
    run = tiny(objective=remembering, bn=((".*", "batch"),))
    first = run.begin()
    stats = [trees.flatten(jax.tree.map(np.array, first.stats))]
    mean = stats[0]
    state = first
    for _ in range(2):
        state, _ = run.advance(1, state)
        stats.append(trees.flatten(jax.tree.map(np.array, state.stats)))
        mean = {path: DECAY * mean[path] + (1 - DECAY) * value for path, value in stats[-1].items()}
    teacher = trees.flatten(state.objective["teacher"]["batch_stats"])
    assert not any(np.array_equal(stats[0][path], stats[2][path]) for path in mean)
    for path, value in mean.items():
        np.testing.assert_allclose(teacher[path], value, rtol=1e-6, atol=1e-7)


def test_the_step_is_traced_once_and_a_wrapped_gradient_is_used():
    run, calls = tiny(model=PLAIN), []

    def counting(function, **kwargs):
        calls.append(kwargs)
        return jax.value_and_grad(function, **kwargs)

    state, step = run.begin(), jax.jit(run.step(grad=counting))
    for k in range(5):
        state, _ = step(state, batch(k))
    assert int(state.step) == 5 and calls == [{"has_aux": True}]


def test_another_rate_decay_or_strength_runs_the_same_program():
    expression = "cross_entropy + {} * l2_sp"
    run = tiny(model=PLAIN, objective=expression.format(0.1))
    settings = [(0.1, {}), (0.1, {"lr": 0.05}), (0.1, {"weight_decay": 5.0}), (9.0, {})]
    others = [tiny(model=PLAIN, objective=expression.format(strength), **optim) for strength, optim in settings]
    state, _ = run.advance(2)
    state = jax.tree.map(np.array, state)
    ends = []
    for other in others:
        same_weights = jax.device_put(state.replace(hyper=other.training.hyper), jax.tree.map(lambda x: x.sharding, run.begin()))
        ends.append(run.advance(1, same_weights)[0].params)  # a compiled program: it cannot be traced again
        assert close(jax.jit(other.step())(state.replace(hyper=other.training.hyper), batch(2))[0].params, ends[-1], atol=1e-7)
    assert not any(close(a, b, atol=1e-5) for i, a in enumerate(ends) for b in ends[:i])


def test_moving_average_follows_its_formula():
    run = tiny(model=PLAIN, ema=0.75)
    state = run.begin()
    average = trees.flatten(jax.tree.map(np.array, state.params))
    for _ in range(3):
        state, _ = run.advance(1, state)
        average = {p: 0.75 * average[p] + 0.25 * np.asarray(v) for p, v in trees.flatten(state.params).items()}
    for path, value in trees.flatten(state.ema).items():
        np.testing.assert_allclose(value, average[path], rtol=1e-5, atol=1e-7)


def test_a_padded_example_changes_nothing():
    run = tiny(model=PLAIN)
    step, state = jax.jit(run.step()), run.begin()
    masked = batch(0) | {"valid": np.array([1] * 6 + [0] * 2, np.float32)}
    other = {**masked, "x": np.where(np.arange(8)[:, None, None, None] < 6, masked["x"], 7.0).astype(np.float32)}
    assert same(step(state, masked)[0].params, step(state, other)[0].params)


def test_at_a_phase_change_moments_go_on_and_new_leaves_start_at_count_zero():
    run = tiny("gradual_unfreezing", model="mlp(widths=(8, 8))", clip=0.0, weight_decay=0.0, warmup=0.0, schedule="constant")
    state, _ = run.advance(4)
    before = _moments(state.opt_state)
    entered = initialization.enter_phase(run.training, state, run.plans[1])
    after = _moments(entered.opt_state)
    assert before.keys() < after.keys()
    for key, value in after.items():
        np.testing.assert_array_equal(value, before.get(key, np.zeros_like(value)))
    counts = {path: int(leaf) for path, leaf in _counts(entered.opt_state).items()}
    assert {("since4" in path, count) for path, count in counts.items()} == {(False, 4), (True, 0)}
    # The first Adam step of a new leaf is sign(g) * lr, as if it had trained alone; a shared count would make it several times that.
    old = jax.tree.map(np.array, entered.params)
    state, _ = run.advance(1, entered, index=1)
    moved = np.abs(np.asarray(state.params["backbone"]["layer1"]["dense"]["kernel"]) - old["backbone"]["layer1"]["dense"]["kernel"])
    assert np.isclose(moved[moved > 0], 1e-2, rtol=0.05).mean() > 0.9


def _moments(opt_state):
    out = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(opt_state):
        if leaf.ndim:
            keys = [getattr(k, "key", getattr(k, "name", None)) for k in path]
            out[tuple(k for k in keys if k and not str(k).startswith("since"))] = np.asarray(leaf)
    return out


def _counts(opt_state):
    return {str(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(opt_state) if not leaf.ndim}


def test_a_head_without_parameters_trains_the_backbone():
    run = tiny(model="cnn(widths=(4, 3))", head="features", accumulate=2)
    before = jax.tree.map(np.array, run.begin().params)
    state, metrics = run.advance(2)
    assert before.keys() == {"backbone"} and np.isfinite(metrics["loss"])
    flat = trees.flatten(before)
    assert all(not np.array_equal(v, flat[p]) for p, v in trees.flatten(state.params).items())
    with pytest.raises(ValueError, match="trains no parameter"):
        tiny("linear_probe", model="cnn(widths=(4, 3))", head="features")


def test_a_phase_that_begins_at_a_stage_takes_the_step_of_the_frozen_prefix():
    run = tiny("freeze_first(1)", accumulate=2)
    cached = dataclasses.replace(run.plans[0], start="stage1")
    state, whole = run.begin(), batch(0)
    held = {"params": state.params, "batch_stats": state.stats}
    prefix = run.model.apply(held, whole["x"], stop="stage1").batch["x"]
    a, seen = jax.jit(run.step())(state, whole)
    b, told = jax.jit(run.step(cached))(state, whole | {"x": np.asarray(prefix)})
    assert close(a, b, atol=2e-6) and float(seen["loss"]) == pytest.approx(float(told["loss"]), rel=1e-6)


def both_streams():
    """Cross-entropy on the source; the mean feature of the target stays near the source's. It keeps what it saw of the target."""

    def loss(forward, batch, context):
        source, target = forward(batch["source"]), forward(batch["target"])
        value, aux = cross_entropy(stream="source").loss(lambda b: source, batch, context)
        apart = ((source.features.mean(0) - target.features.mean(0)) ** 2).sum()
        losses = {"source": value, "apart": apart}
        return value + 0.1 * apart, Aux(aux.weight, aux.metrics, {"index": batch["target"]["index"]}, losses)

    def init(key, model, variables, batch):
        assert batch["source"]["label"].shape == (8, 3) and "label" not in batch["target"]
        return {}, {"index": jnp.zeros(4, jnp.int32)}

    return Objective(loss, init, after=lambda variables, state, kept, step: kept, streams=("source", "target"))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_streams_go_through_the_step(accumulate):
    run = tiny(
        "freeze_first(1)", "cnn(widths=(4, 4))", objective=both_streams, make=two_streams, accumulate=accumulate, bn=(("stem", "batch"),)
    )
    state, metrics = run.advance(3, batches=stream_of_two)
    assert state.objective["index"].tolist() == two_streams(2)["target"]["index"].tolist()
    assert float(metrics["loss"]) == pytest.approx(float(metrics["loss/source"] + 0.1 * metrics["loss/apart"]), rel=1e-6)
    assert not same(state.stats, run.begin().stats) and state.stats.keys() == run.begin().stats.keys()


def test_a_stream_that_is_not_named_is_said():
    run = tiny(objective=both_streams, make=two_streams)
    wrong = dataclasses.replace(run.training.objective, loss=lambda forward, batch, context: (forward(batch).logits.sum(), Aux(1.0, {})))
    with pytest.raises(ValueError, match=r"no 'x', it holds source, target; .*forward\(batch\['source'\]\)"):
        jax.eval_shape(run.step(objective=wrong), run.begin(), two_streams(0))


def test_the_program_names_its_leaves():
    run = tiny("linear_probe")
    built = run.program()
    assert isinstance(built, program.Program) and "params/backbone/stem/conv/kernel" in built.names and built.flops() > 0


def test_the_gradient_norm_is_clipped_over_trained_leaves_only():
    run = tiny("linear_probe", clip=1e-3)
    state, grads = run.begin(), {"head": {"kernel": jnp.ones((4, 3)), "bias": jnp.zeros(3)}}
    updates, _ = run.plans[0].optimizer(0.1).update(grads, state.opt_state, {"head": state.params["head"]})
    assert updates["head"].keys() == {"kernel", "bias"} and "backbone" not in updates
    assert _norm_seen(run) == pytest.approx(1e-3, rel=1e-4)


def _norm_seen(run):
    """The norm of what the moments take in at the first step: (1 - b1) times the clipped gradient."""
    state, _ = run.advance(1)
    first = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(state.opt_state) if ".mu" in jax.tree_util.keystr(path)]
    return float(optax.tree.norm(first)) / 0.1
