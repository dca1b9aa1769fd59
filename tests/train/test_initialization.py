"""The start: pretrained values, recalibration, the head, the objective's own values, in their order."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train.test_run import Killed, dying
from tests.train.tiny import DATA, PLAIN, batch, leaves, same, stream_of_two, tiny, two_streams
from tljax import models, objectives, strategies, tasks, trees
from tljax.train import initialization, plan

RECALIBRATED = ((".*", "recalibrate"),)


def test_pretrained_values_go_in_and_a_new_head_is_imprinted_through_recalibrated_statistics():
    setup = dataclasses.replace(tiny("linear_probe", bn=RECALIBRATED).training, head_init="imprint")
    state = initialization.initialize(setup, None)
    assert same(state.params["backbone"], setup.pretrained["params"]["backbone"])
    assert not same(state.stats, setup.pretrained["batch_stats"])
    variables = {"params": setup.pretrained["params"], "batch_stats": state.stats}
    features = np.asarray(setup.model.apply(variables, DATA["x"]).features, np.float64)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    means = np.stack([unit[DATA["label"] == c].mean(0) for c in range(3)], 1)
    np.testing.assert_allclose(state.params["head"]["kernel"], means / np.linalg.norm(means, axis=0), rtol=1e-4, atol=1e-6)


def test_recalibrated_statistics_are_those_of_the_data():
    run = tiny(model="cnn(widths=(4, 4))", bn=(("stem", "recalibrate"),))
    variables = run.training.pretrained
    stats = initialization.recalibrate(run.training, variables, run.plans[0])
    kernel = variables["params"]["backbone"]["stem"]["conv"]["kernel"]
    out = jax.lax.conv_general_dilated(DATA["x"], kernel, (1, 1), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC"))
    np.testing.assert_allclose(stats["backbone"]["stem"]["bn"]["mean"], out.mean((0, 1, 2)), atol=1e-5)
    np.testing.assert_allclose(stats["backbone"]["stem"]["bn"]["var"], out.var((0, 1, 2)), rtol=1e-4)
    assert same(stats["backbone"]["stage1"], variables["batch_stats"]["backbone"]["stage1"])
    assert "stem" not in run.plans[0].batch_stats_in  # its new statistics are stored ones


def test_statistics_are_recalibrated_on_the_target_where_there_is_one():
    run = tiny("linear_probe", objective="cross_entropy(stream='source')", make=two_streams, bn=RECALIBRATED)
    target = np.concatenate([two_streams(k)["target"]["x"] for k in range(3)])
    kernel = run.training.pretrained["params"]["backbone"]["stem"]["conv"]["kernel"]
    out = jax.lax.conv_general_dilated(target, kernel, (1, 1), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC"))
    np.testing.assert_allclose(run.begin().stats["backbone"]["stem"]["bn"]["mean"], out.mean((0, 1, 2)), atol=1e-5)


def recalibrating_later():
    """Two phases of six steps; the second measures the statistics anew."""
    chosen = strategies.create("lp_ft", ("stem", "stage1"))
    first, second = chosen.phases
    return dataclasses.replace(chosen, phases=(first, dataclasses.replace(second, bn=RECALIBRATED)))


@pytest.mark.parametrize("at", [5, 6, 8])
def test_a_later_phase_recalibrates_once_and_a_resumed_run_ends_in_the_same_bits(tmp_path, at):
    run = tiny(recalibrating_later())
    whole = leaves(run.run(tmp_path / "whole", save_every=6))
    with pytest.raises(Killed):
        run.run(tmp_path / "cut", batches=dying(at), save_every=2)
    stats = []
    state = run.run(tmp_path / "cut", evaluate=lambda step, state: stats.append(jax.tree.map(np.array, state.stats)), eval_every=2)
    assert all(np.array_equal(a, b) for a, b in zip(leaves(state), whole, strict=True))
    assert not same(state.stats, run.begin().stats) and same(stats[-1], stats[-2])


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="have no BatchNorm"):
        tiny("full", model=PLAIN, bn=RECALIBRATED).begin()
    with pytest.raises(ValueError, match=r"the rule 'stage9' matches no part; the parts are stem, stage1, head"):
        tiny("full", bn=(("stage9", "batch"),))
    with pytest.raises(ValueError, match="phase 0: train names"):
        only = dataclasses.replace(strategies.create("full", ("stem", "stage1")).phases[0], train=("stage9",))
        tiny(strategies.Strategy((only,)))
    for options in ({"model": PLAIN, "head": "mlp(mlp_dim=4)"}, {"model": "cnn(widths=(4, 3))", "head": "features"}):
        with pytest.raises(ValueError, match=r"head_init='ridge' needs a head with one kernel \(linear, cosine\); this head has"):
            initialization.initialize(dataclasses.replace(tiny(**options).training, head_init="ridge"), None)


def test_the_same_seed_gives_the_same_start_and_another_does_not():
    setup = dataclasses.replace(tiny("full").training, pretrained=None)
    a, b = (initialization.initialize(setup, None) for _ in range(2))
    c = initialization.initialize(dataclasses.replace(setup, seed=1), None)
    assert same(a.params, b.params) and not same(a.params, c.params)
    assert trees.flatten(a.params).keys() == trees.flatten(models.shapes(setup.model)["params"]).keys()


def _numbered(name, labels):
    """A run on a task's labels, its head initialized by ridge, and the labels in the task's form."""
    task = tasks.create(name)
    if name == "regression":
        task = dataclasses.replace(task, mean=(100.0,), std=(5.0,))
    run = tiny("linear_probe", model="cnn(widths=(8, 16))", objective=task.objective, outputs=labels.shape[1] if labels.ndim == 2 else 3)
    rows = {**DATA, "label": labels}
    halves = [{key: value[part] for key, value in rows.items()} for part in (slice(12), slice(12, 24))]
    setup = dataclasses.replace(
        run.training, one_pass=lambda: iter(halves), labeled=lambda b: task.labeled(b, 3), link=task.link, head_init="ridge(l2=0.01)"
    )
    return setup, task.labeled(rows, 3)


X = DATA["x"]
TARGETS = {
    "classification": (X.mean((1, 2, 3)) * 8 > np.quantile(X.mean((1, 2, 3)) * 8, [[0.33], [0.67]])).sum(0).astype(np.int32),
    "multilabel": np.stack([X[:, :4].mean((1, 2, 3)) > 0.05, X[:, 4:].mean((1, 2, 3)) > 0.1], 1).astype(np.float32),
    "regression": (100 + 50 * X.mean((1, 2, 3))).astype(np.float32)[:, None],
}


@pytest.mark.parametrize("name", TARGETS)
def test_the_ridge_head_predicts_better_than_a_head_of_zeros(name):
    setup, rows = _numbered(name, TARGETS[name])

    def loss(start):
        state = initialization.initialize(start, None)
        logits = setup.model.apply({"params": state.params, "batch_stats": state.stats}, DATA["x"])
        context = objectives.Context(state.params, {}, jax.random.key(0), jnp.int32(0), {})
        return float(setup.objective.loss(lambda b: logits, rows, context)[0]), np.asarray(logits.logits)

    zero, _ = loss(dataclasses.replace(setup, head_init="zeros"))
    fitted, logits = loss(setup)
    assert fitted < 0.8 * zero
    if name == "multilabel":  # the right side of one half, more often than the commoner answer of each label
        right = (logits > 0) == (TARGETS[name] > 0.5)
        assert right.mean() > np.maximum(TARGETS[name].mean(0), 1 - TARGETS[name].mean(0)).mean()


def test_a_head_init_may_be_a_function():
    seen = []

    def mine(features, labels, outputs, seed):
        seen.append((features.shape, labels.shape, outputs))
        return np.full((features.shape[1], outputs), 2.0, np.float32), np.zeros(outputs, np.float32)

    state = initialization.initialize(dataclasses.replace(tiny("linear_probe").training, head_init=mine), None)
    assert seen == [((24, 4), (24, 3), 3)] and (np.asarray(state.params["head"]["kernel"]) == 2).all()


def prepared():
    """Counts the examples of one pass after the head is there, and takes an anchor before it."""

    def init(key, model, variables, batch):
        return {"anchor": {"kernel": variables["params"]["head"]["kernel"]}}, {"count": jnp.zeros(()), "head": jnp.zeros(())}

    def prepare(params, state, model, variables, one_pass):
        count = sum(batch["label"].shape[0] for batch in one_pass())
        return params, {"count": jnp.float32(count), "head": jnp.abs(jnp.asarray(variables["params"]["head"]["kernel"])).sum()}

    plain = objectives.create("cross_entropy")
    return dataclasses.replace(plain, init=init, prepare=prepare, rules=(("anchor/.*", strategies.FROZEN),))


def test_the_objective_is_prepared_after_the_head_and_initialized_before_it():
    run = tiny("linear_probe", objective=prepared)
    state = initialization.initialize(dataclasses.replace(run.training, head_init="zeros"), None)
    assert float(state.objective["count"]) == 24 and float(state.objective["head"]) == 0
    assert same(state.params["objective"]["anchor"], {"kernel": run.training.pretrained["params"]["head"]["kernel"]})
    assert "objective/anchor/kernel" not in plan.ever_trained(run.plans)
    assert float(run.begin().objective["head"]) > 0


def test_features_of_named_streams_come_from_the_labeled_one():
    run = tiny("linear_probe", objective="cross_entropy(stream='source')", make=two_streams)
    features, labels = initialization.collect_features(run.training, run.training.pretrained)
    assert features.shape == (24, 4) and labels.shape == (24, 3) and (labels.argmax(1) == DATA["label"]).all()
    assert next(stream_of_two(0))["target"]["x"].shape[0] == 4 and batch(0)["x"].shape[0] == 8
