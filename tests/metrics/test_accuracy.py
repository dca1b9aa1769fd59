import types

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sk

from tljax import metrics


def _drawn(n=200, c=7, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, c, n)
    return (rng.normal(size=(n, c)) + 1.5 * np.eye(c)[labels]).astype(np.float32), labels


@pytest.mark.parametrize("batch_size", [1, 64, 200])
def test_agrees_with_scikit_learn_whatever_the_batches(measured, one_hot, batch_size):
    logits, labels = _drawn()
    exact = logits.astype(np.float64)
    probabilities = np.exp(exact) / np.exp(exact).sum(axis=1, keepdims=True)
    numbers = measured(metrics.accuracy(), logits, one_hot(labels, 7), batch_size=batch_size)
    predicted = logits.argmax(axis=1)
    assert numbers["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert numbers["loss"] == pytest.approx(sk.log_loss(labels, probabilities), rel=1e-6)
    assert numbers["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    assert numbers["per_class"] == pytest.approx(list(sk.recall_score(labels, predicted, average=None)))
    assert numbers["top5"] == pytest.approx(sk.top_k_accuracy_score(labels, logits, k=5))


@pytest.mark.parametrize(("n", "c", "shift"), [(1, 2, 0), (9, 5, -300), (40, 6, 300)])
def test_order_and_a_constant_added_to_the_logits_do_not_matter(measured, one_hot, n, c, shift):
    logits, labels = _drawn(n, c, seed=n)
    order = np.random.default_rng(n).permutation(n)
    one = measured(metrics.accuracy(), logits, one_hot(labels, c))
    other = measured(metrics.accuracy(), (logits + np.float32(shift))[order], one_hot(labels[order], c))
    for key in ("accuracy", "balanced_accuracy", "loss"):
        assert other[key] == pytest.approx(one[key], abs=1e-4)
    assert 0 <= one["accuracy"] <= 1 and one["loss"] >= 0
    assert ("top5" in one) == (c > 5)


def test_a_class_without_examples_has_no_recall_and_does_not_count(measured, one_hot):
    numbers = measured(metrics.accuracy(), one_hot([0, 0, 1], 3), one_hot([0, 0, 0], 3))
    assert numbers["per_class"] == [pytest.approx(2 / 3), None, None]
    assert numbers["balanced_accuracy"] == pytest.approx(2 / 3)


def test_one_class_and_one_example(measured):
    numbers = measured(metrics.accuracy(), np.array([[3.0]], np.float32), np.ones((1, 1), np.float32))
    assert numbers == {"accuracy": 1.0, "loss": 0.0, "balanced_accuracy": 1.0, "per_class": [1.0]}


def test_the_loss_of_huge_logits_is_finite(measured, one_hot):
    assert measured(metrics.accuracy(), np.array([[1e4, -1e4]], np.float32), one_hot([1], 2))["loss"] == pytest.approx(2e4)


def test_equal_logits_do_not_earn_top5(measured, one_hot):
    numbers = measured(metrics.accuracy(), np.zeros((4, 10), np.float32), one_hot([0, 3, 6, 9], 10))
    assert numbers["top5"] == 0.0 and numbers["accuracy"] == 0.25


def test_half_precision_logits_are_measured_in_float32(measured, one_hot):
    logits, labels = _drawn(n=50)
    half = jnp.asarray(logits, jnp.bfloat16)
    expected = measured(metrics.accuracy(), np.asarray(half, np.float32), one_hot(labels, 7))
    assert measured(metrics.accuracy(), half, one_hot(labels, 7)) == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_not_finite_is_named(measured, one_hot, value):
    logits, labels = _drawn(n=6)
    logits[4, 2] = value
    with pytest.raises(metrics.NotFinite, match="1 of 6 examples, first at index 4"):
        measured(metrics.accuracy(), logits, one_hot(labels, 7), batch_size=4)


def test_shapes_that_do_not_fit_are_an_error(measured):
    for logits, labels in (((2, 4), (2, 3)), ((2, 3, 4), (2, 3, 4)), ((2, 3), (2,))):
        with pytest.raises(ValueError, match=r"one shape \[B, C\], found logits \(2, "):
            measured(metrics.accuracy(), np.zeros(logits, np.float32), np.zeros(labels, np.float32))
    with pytest.raises(ValueError, match="of type dict"):
        measured(metrics.accuracy(), {"start": np.zeros((2, 3))}, np.zeros((2, 3), np.float32))


def test_an_empty_split_is_an_error():
    rows = {name: np.zeros(0, int) for name in ("predicted", "label", "rank", "classes", "finite", "nll", "probability")}
    with pytest.raises(ValueError, match="no examples"):
        metrics.accuracy().host({"": rows})


def test_wrong_lists_the_surest_mistakes_first(one_hot):
    logits = np.array([[5.0, 0], [0, 1.0], [9.0, 0], [0, 3.0]], np.float32)
    outputs = types.SimpleNamespace(logits=jnp.asarray(logits))
    rows = metrics.accuracy().device(lambda batch: outputs, {"label": jnp.asarray(one_hot([1, 0, 1, 1], 2))})
    listed = metrics.most_wrong(rows, ("cat", "dög"))
    assert [r["index"] for r in listed] == [2, 0, 1]
    assert listed[0]["true"] == "dög" and listed[0]["predicted"] == "cat"
    assert listed[0]["probability"] == pytest.approx(1 / (1 + np.exp(-9)))
    assert [r["index"] for r in metrics.most_wrong(rows, ("cat", "dög"), limit=1)] == [2]
    assert metrics.most_wrong({**rows, "label": rows["predicted"]}, ("cat", "dög")) == []
