"""Sums of objectives, against the sum by hand."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train.tiny import PLAIN, batch, close, labeled, tiny
from tljax import models, objectives, registry, strategies, trees
from tljax.objectives import Aux, Context, Objective
from tljax.train import training

FIELDS = {"label": jnp.eye(3)[jnp.array([0, 1, 2, 2])], "z": jnp.arange(12.0).reshape(4, 3) % 5, "weight": jnp.array([1.0, 2, 1, 1])}


def evaluated(objective, fields=FIELDS, strengths=None, calls=None):
    def forward(b, variables=None, train=None, start=None, stop=None, taps=()):
        if calls is not None:
            calls.append((variables, train, stop))
        return models.Outputs(b["z"], b["z"], {}, {})

    params, state = objective.init(jax.random.key(0), None, {"params": {"backbone": {"w": jnp.zeros(2)}}}, fields)
    hyper = {**objective.hyper, **(strengths or {})}
    context = Context({"backbone": {"w": jnp.ones(2)}, "objective": params}, state, jax.random.key(0), jnp.int32(0), hyper)
    return objective.loss(forward, fields, context)


def test_the_value_is_the_sum_of_the_terms():
    whole = objectives.create("cross_entropy(label_smoothing=0.1) + 0.25 * cross_entropy(focal=2.0) + 3 * l2_sp")
    first, second = (evaluated(objectives.create(call)) for call in ("cross_entropy(label_smoothing=0.1)", "cross_entropy(focal=2.0)"))
    value, aux = evaluated(whole)
    assert float(value) == pytest.approx(float(first[0]) + 0.25 * float(second[0]) + 3 * 1.0, rel=1e-6)  # |1 - 0|^2 / 2 twice
    assert {name: float(v) for name, v in aux.losses.items()} == pytest.approx(
        {"cross_entropy": float(first[0]), "cross_entropy_1": float(second[0]), "l2_sp": 1.0}
    )
    assert float(aux.weight) == 5 and aux.metrics["accuracy"] == first[1].metrics["accuracy"]
    assert float(aux.metrics["l2_sp/distance"]) == pytest.approx(np.sqrt(2))
    assert whole.hyper == {"cross_entropy": 1.0, "cross_entropy_1": 0.25, "l2_sp": 3.0}
    other, _ = evaluated(whole, strengths={"l2_sp": 5.0})
    assert float(other - value) == pytest.approx(2, rel=1e-5)


def test_the_expression_is_kept_and_makes_the_same_objective():
    for expression in (
        "cross_entropy",
        "cross_entropy + 0.1 * l2_sp",
        "0.5 * cross_entropy(focal=2.0) + cross_entropy",
        "2.0 * l2_sp(head=0.1)",
    ):
        assert objectives.create(expression).call == expression
    twice = objectives.create("cross_entropy + 0.5 * (cross_entropy(focal=1.0) + 0.5 * l2_sp)")
    assert objectives.create(twice.call).call == twice.call
    flat = objectives.create("cross_entropy + 0.5 * cross_entropy(focal=1.0) + 0.25 * l2_sp")
    assert twice.call != flat.call and float(evaluated(twice)[0]) == pytest.approx(float(evaluated(flat)[0]), rel=1e-6)
    made = objectives.add(objectives.cross_entropy(), (objectives.l2_sp(), 0.1))
    assert made.call == "cross_entropy + 0.1 * l2_sp"
    assert objectives.create(made) is made


def test_facts_reach_every_term():
    made = objectives.create(
        "cross_entropy(class_weights='balanced') + 2 * cross_entropy(class_weights='balanced')", class_counts=[1, 1, 2]
    )
    single = objectives.create("cross_entropy(class_weights='balanced')", class_counts=[1, 1, 2])
    assert float(evaluated(made)[0]) == pytest.approx(3 * float(evaluated(single)[0]), rel=1e-6)


def test_terms_on_one_batch_share_a_pass_and_others_do_not():
    calls = []
    evaluated(objectives.create("cross_entropy + cross_entropy(focal=1.0) + 0.1 * l2_sp"), calls=calls)
    assert calls == [(None, None, None)]

    def twice(forward, fields, context):
        a, b = forward(fields, None, ["stem", "head"]), forward(fields, None, ("stem", "head"))
        forward(fields, train=()), forward(fields, stop="head"), forward(dict(fields))
        return (a.logits - b.logits).sum(), Aux(jnp.float32(4), {})

    calls.clear()
    evaluated(objectives.add(objectives.cross_entropy(), Objective(twice)), calls=calls)
    assert len(calls) == 1 + 1 + 3


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        ("cross_entropy +", ValueError, "not an expression such as cross_entropy"),
        ("cross_entropy - mse", ValueError, "neither a name nor a call"),
        ("cross_entropy * 0.1", ValueError, "a strength is a number before its term"),
        ("True * mse", ValueError, "a strength is a number before its term"),
        ("lr * mse", ValueError, "a strength is a number before its term"),
        ("", ValueError, "not an expression"),
        ("cross_entropi + mse", KeyError, "did you mean cross_entropy"),
        ("cross_entropy + l2_sp(strength=1)", ValueError, "it is called as l2_sp"),
        ("cross_entropy + mse", ValueError, r"cross_entropy, mse read different forms of label"),
    ],
)
def test_wrong_expressions_are_named(expression, error, message):
    with pytest.raises(error, match=message):
        objectives.create(expression)


def counting(name, coupled="", streams=(), views=None, forms=()):
    """An objective with a parameter, a state that counts examples, and a strength of its own."""

    def loss(forward, fields, context):
        value = (context.params["objective"]["w"] * context.hyper["inner"]).sum()
        return value, Aux(jnp.float32(1), {}, kept=fields["z"][:, 0], losses={"part": value})

    made = Objective(
        loss,
        init=lambda key, model, variables, fields: ({"w": jax.random.normal(key, (2,))}, {"count": jnp.zeros(())}),
        prepare=lambda params, state, model, variables, one_pass: (params, {"count": state["count"] + 100}),
        after=lambda variables, state, kept, step: {"count": state["count"] + kept.shape[0]},
        streams=streams, views=views, forms=forms, rules=(("w", strategies.FROZEN),), hyper={"inner": 2.0},
        couples_examples=coupled,
    )  # fmt: skip
    return registry.remember(made, name)


def test_every_term_keeps_its_own_parameters_state_strengths_and_rules():
    whole = objectives.add(objectives.cross_entropy(), (counting("a", coupled="x"), 0.5), (counting("a", coupled="y"), 2.0))
    params, state = whole.init(jax.random.key(0), None, {}, FIELDS)
    assert params.keys() == {"a", "a_2"} and not np.array_equal(params["a"]["w"], params["a_2"]["w"])
    value, aux = evaluated(whole)
    alone = float(evaluated(objectives.cross_entropy())[0])
    assert float(value) == pytest.approx(alone + 2 * float((0.5 * params["a"]["w"] + 2 * params["a_2"]["w"]).sum()), rel=1e-5)
    assert {"a/part", "a_2/part"} <= aux.losses.keys()
    _, state = whole.prepare(params, state, None, {}, lambda: iter(()))
    state = whole.after({}, state, aux.kept, 0)
    assert {name: dict(own) for name, own in state.items()} == {"cross_entropy": {}, "a": {"count": 104}, "a_2": {"count": 104}}
    assert trees.label(params, whole.rules) == {"a": {"w": strategies.FROZEN}, "a_2": {"w": strategies.FROZEN}}
    assert whole.couples_examples == "x; y"
    assert whole.hyper == {"cross_entropy": 1.0, "a": 0.5, "a_2": 2.0, "a.inner": 2.0, "a_2.inner": 2.0}


def test_streams_forms_and_views_are_joined():
    def view(name):
        return lambda fields, key: {name: fields | {"noise": jax.random.normal(key, ())}}

    whole = objectives.add(counting("a", streams=("s", "t"), views=view("v")), counting("b", streams=("t", "u"), views=view("w")))
    assert whole.streams == ("s", "t", "u")
    views = whole.views(FIELDS, jax.random.key(0))
    assert views.keys() == {"v", "w"} and views["v"]["noise"] != views["w"]["noise"]
    with pytest.raises(ValueError, match="objective b: the view 'v' is made by another term"):
        objectives.add(counting("a", views=view("v")), counting("b", views=view("v"))).views(FIELDS, jax.random.key(0))
    joined = objectives.add(counting("a", forms=("distribution", "classes")), counting("b"), counting("c", forms=("classes",)))
    assert joined.forms == ("classes",) and objectives.add(counting("a")).forms == ()
    with pytest.raises(ValueError, match="no term"):
        objectives.add()


def test_l2_sp_pulls_to_the_start_and_its_anchor_rests():
    run = tiny("full", model=PLAIN, objective="cross_entropy + 0.1 * l2_sp", weight_decay=0.0)
    state = run.begin()
    anchor = state.params["objective"]["l2_sp"]["anchor"]
    assert close(anchor, run.training.pretrained["params"]["backbone"], atol=0)
    assert not any(path.startswith("objective/") for path in run.plans[0].trainable)
    assert run.certify(run.step(), run.plans[0], state).problems == ()
    moved, _ = run.advance(2)
    assert close(moved.params["objective"]["l2_sp"]["anchor"], run.training.pretrained["params"]["backbone"], atol=0)

    l2_sp = objectives.create("l2_sp(head=0.5)")

    def value(trained):
        context = Context({**trained, "objective": {"anchor": moved.params["objective"]["l2_sp"]["anchor"]}}, {}, None, None, {})
        return l2_sp.loss(None, labeled(batch(0)), context)[0]

    grads = jax.grad(value)({"backbone": moved.params["backbone"], "head": moved.params["head"]})
    away = jax.tree.map(lambda w, w0: w - w0, moved.params["backbone"], moved.params["objective"]["l2_sp"]["anchor"])
    assert close(grads["backbone"], away) and max(float(jnp.abs(x).max()) for x in jax.tree.leaves(away)) > 1e-3
    assert close(grads["head"], jax.tree.map(lambda v: 0.5 * v, moved.params["head"]))
    with pytest.raises(ValueError, match="must not be negative"):
        objectives.l2_sp(head=-1.0)


def test_a_strength_scales_the_pull_in_a_step():
    """Plain gradient descent: the step differs by rate * strength * (w - w0) between two strengths, both from `State.hyper`."""
    run = tiny(
        "full", model=PLAIN, objective="cross_entropy + 0.1 * l2_sp", weight_decay=0.0, clip=0.0, name="sgd(momentum=0.0, nesterov=False)"
    )
    moved, _ = run.advance(2)
    moved = jax.tree.map(np.array, moved)
    ends = []
    for strength in (0.0, 1.0):
        hyper = moved.hyper | {"objective": {"cross_entropy": np.float32(1), "l2_sp": np.float32(strength)}}
        where = jax.tree.map(lambda x: x.sharding, run.begin())
        ends.append(run.advance(1, jax.device_put(moved.replace(hyper=hyper), where)))
    lr = float(ends[0][1]["lr"])
    pull = jax.tree.map(lambda w, w0: -lr * (w - w0), moved.params["backbone"], moved.params["objective"]["l2_sp"]["anchor"])
    assert close(jax.tree.map(jnp.subtract, ends[1][0].params["backbone"], ends[0][0].params["backbone"]), pull, atol=1e-7)
    assert max(float(np.abs(x).max()) for x in jax.tree.leaves(pull)) > 1e-6
    assert training.hyper(run.training.optim, run.training.objective)["objective"] == {"cross_entropy": 1, "l2_sp": np.float32(0.1)}
    assert dataclasses.is_dataclass(run.training)
