"""The `forward` that an objective is handed: slices, views, teachers, statistics, preprocessing on the device."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train.tiny import PLAIN, batch, same, tiny
from tljax import trees
from tljax.train import forward

RUN = tiny(bn=((".*", "batch"),))  # dropout and batch statistics everywhere
DROPPING = tiny(model="mlp(widths=(16, 8), dropout=0.3)")


def calls(function, run=RUN, plan=None, transform=lambda b: b):
    """``function(forward)`` traced as a step traces it, and the statistics after it."""
    state, phase = run.begin(), plan or run.plans[0]

    @jax.jit
    def traced(params, stats):
        own = forward.split_stats(stats, phase.batch_stats_in)
        call, statistics = forward.for_training(run.model, transform, params, stats=own, plan=phase, key=jax.random.key(3))
        return function(call), statistics()

    return traced(state.params, state.stats)


X = {"x": batch(0)["x"]}


def test_two_slices_give_the_bits_of_the_whole_dropout_and_statistics_included():
    def slices(call):
        early = call(X, stop="stage1")
        return call(early.batch, start="stage1").logits

    def thirds(call):
        early = call(X, stop="stage1")
        late = call(early.batch, start="stage1", stop="head")
        return call(late.batch, start="head").logits

    whole, stats = calls(lambda call: call(X).logits)
    for cut in (slices, thirds):
        logits, trained_stats = calls(cut)
        np.testing.assert_array_equal(logits, whole)
        assert same(trained_stats, stats)
    assert not same(stats, RUN.begin().stats)


def test_a_second_pass_draws_other_dropout_and_its_slices_go_with_it():
    def passes(call):
        first, second = call(X), call(X)
        early = call(X, stop="layer1")
        between = call(X).logits  # another pass before the slice goes on
        return first.logits, second.logits, call(early.batch, start="layer1").logits, between

    first, second, third, fourth = calls(passes, DROPPING)[0]
    four = calls(lambda call: [call(X).logits for _ in range(4)], DROPPING)[0]
    np.testing.assert_array_equal([first, second], four[:2])
    logits = np.stack(four)
    assert all(not np.allclose(a, b, atol=1e-3) for i, a in enumerate(logits) for b in logits[:i])
    np.testing.assert_array_equal([third, fourth], four[2:])


def test_dropout_off_and_a_part_of_it():
    off, again = calls(lambda call: (call(X, train=()).logits, call(X, train=()).logits), DROPPING)[0]
    np.testing.assert_array_equal(off, again)
    early, same_early, late, other_late = calls(
        lambda call: [call(X, train=("layer1",), stop=stop).features for stop in ("layer1", "layer1", "head", "head")], DROPPING
    )[0]
    np.testing.assert_array_equal(early, same_early)
    assert not np.array_equal(late, other_late)


def test_other_variables_are_only_read():
    other = jax.tree.map(lambda v: v + 0.5, RUN.training.pretrained)

    def teach(call):
        taught = call(X, variables=other)
        late = call(call(X, variables=other, stop="stage1").batch, variables=other, start="stage1")
        return taught.logits, late.logits

    (taught, late), stats = calls(teach)
    expected = RUN.model.apply(other, X["x"]).logits  # stored statistics, no dropout
    np.testing.assert_allclose(taught, expected, atol=1e-5)
    np.testing.assert_array_equal(taught, late)
    assert same(stats, RUN.begin().stats)


def test_statistics_are_threaded_from_pass_to_pass():
    def stats(n):
        return trees.flatten(calls(lambda call: [call({"x": X["x"] + i}).logits for i in range(n)])[1])

    start, once, twice = trees.flatten(RUN.begin().stats), stats(1), stats(2)
    mean = "backbone/stem/bn/mean"
    first = (once[mean] - 0.9 * start[mean]) / 0.1
    np.testing.assert_allclose((twice[mean] - 0.9 * once[mean]) / 0.1 - first, _shift(), rtol=1e-3, atol=1e-4)


def _shift():
    """How much a brighter image moves the mean of the first convolution's outputs."""
    kernel = RUN.begin().params["backbone"]["stem"]["conv"]["kernel"]
    ones = jax.lax.conv_general_dilated(jnp.ones_like(X["x"]), kernel, (1, 1), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return ones.mean((0, 1, 2))


def test_the_device_half_of_preprocessing_is_applied_once_and_at_the_input_alone():
    def halves(call):
        early = call(X, stop="stage1")
        return call(early.batch, start="stage1").logits, call(X, variables=RUN.training.pretrained).logits

    def doubled(batch):
        return {**batch, "x": batch["x"] * 2}

    own, teacher = calls(halves, transform=doubled)[0]
    np.testing.assert_array_equal(own, calls(lambda call: call({"x": X["x"] * 2}).logits)[0])
    np.testing.assert_allclose(teacher, RUN.model.apply(RUN.training.pretrained, X["x"] * 2).logits, atol=1e-5)


def test_evaluation_uses_stored_statistics_and_reads_other_variables():
    variables, other = RUN.training.pretrained, jax.tree.map(lambda v: v + 0.5, RUN.training.pretrained)
    with_objective = {**variables, "params": {**variables["params"], "objective": {"w": np.ones(3)}}}
    call = forward.for_evaluation(RUN.model, lambda b: b, with_objective)
    np.testing.assert_allclose(call(X).logits, RUN.model.apply(variables, X["x"]).logits, atol=1e-6)
    np.testing.assert_allclose(call(X, variables=other).logits, RUN.model.apply(other, X["x"]).logits, atol=1e-6)
    early = call(X, stop="stage1", taps=("stem",))
    assert early.logits is None and set(early.taps) == {"stem"}
    np.testing.assert_allclose(call(early.batch, start="stage1").logits, call(X).logits, atol=1e-6)


def test_inputs_that_are_missing_are_named():
    plain = tiny(model=PLAIN)
    for make in (lambda call: call({"target": X}), lambda call: call({"target": X}, start="layer0")):
        with pytest.raises(ValueError, match="the batch has no 'x', it holds target"):
            calls(make, run=plain)
