import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from tljax.evaluate import metrics


def _drawn(n=200, c=7, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, c, n)
    return rng.normal(size=(n, c)) + 1.5 * np.eye(c)[labels], labels


def test_classification_agrees_with_scikit_learn():
    logits, labels = _drawn()
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    result = metrics.classification(logits, labels, 7)
    predicted = logits.argmax(axis=1)
    assert result["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert result["loss"] == pytest.approx(sk.log_loss(labels, probabilities))
    assert result["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    assert result["per_class"] == pytest.approx(list(sk.recall_score(labels, predicted, average=None)))
    assert result["top5"] == pytest.approx(sk.top_k_accuracy_score(labels, logits, k=5))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 2**31), st.floats(-500, 500))
def test_classification_ignores_order_and_a_constant_added_to_the_logits(n, c, seed, shift):
    rng = np.random.default_rng(seed)
    logits, labels, order = rng.normal(size=(n, c)), rng.integers(0, c, n), rng.permutation(n)
    one = metrics.classification(logits, labels, c)
    other = metrics.classification((logits + shift)[order], labels[order], c)
    for key in ("accuracy", "balanced_accuracy", "loss"):
        assert other[key] == pytest.approx(one[key], abs=1e-9)
    assert 0 <= one["accuracy"] <= 1 and one["loss"] >= 0
    assert ("top5" in one) == (c > 5)


def test_a_class_without_examples_has_no_recall_and_does_not_count():
    result = metrics.classification(np.eye(3)[[0, 0, 1]], np.array([0, 0, 0]), 3)
    assert result["per_class"] == [pytest.approx(2 / 3), None, None]
    assert result["balanced_accuracy"] == pytest.approx(2 / 3)


def test_one_class_and_one_example():
    assert metrics.classification(np.array([[3.0]]), np.array([0]), 1) == {
        "accuracy": 1.0,
        "loss": 0.0,
        "balanced_accuracy": 1.0,
        "per_class": [1.0],
    }


def test_loss_stays_finite_for_huge_logits():
    assert metrics.classification(np.array([[1e4, -1e4]]), np.array([1]), 2)["loss"] == pytest.approx(2e4)


def test_equal_logits_do_not_earn_top5():
    assert metrics.classification(np.zeros((4, 10)), np.array([0, 3, 6, 9]), 10)["top5"] == 0.0


def test_float32_logits_are_measured_in_float64():
    logits, labels = _drawn(n=5000)
    single = metrics.classification(logits.astype(np.float32), labels, 7)["loss"]
    assert single == pytest.approx(metrics.classification(logits.astype(np.float32).astype(np.float64), labels, 7)["loss"], abs=1e-14)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_not_finite_is_named(bad):
    logits, labels = _drawn(n=6)
    logits[4, 2] = bad
    with pytest.raises(ValueError, match="index 4"):
        metrics.classification(logits, labels, 7)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "no examples"),
        (np.zeros((2, 4)), np.zeros(2, int), r"wanted \[N, 3\]"),
        (np.zeros((2, 3)), np.zeros(3, int), "2 predictions for 3 labels"),
        (np.zeros((2, 3)), np.array([0, 3]), "3 at index 1 is not in 0..2"),
        (np.zeros((2, 3)), np.array([-1, 0]), "-1 at index 0"),
        (np.zeros((2, 3)), np.array([0.0, 1.0]), "integers"),
    ],
)
def test_what_does_not_fit_is_an_error(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        metrics.classification(logits, labels, 3)


def test_confusion_has_true_rows_and_keeps_absent_classes():
    matrix = metrics.confusion(np.array([1, 1, 0]), np.array([0, 1, 0]), 4)
    assert matrix.shape == (4, 4) and matrix.dtype == np.int64 and matrix.sum() == 3
    assert matrix[0, 1] == matrix[1, 1] == matrix[0, 0] == 1


def test_wrong_lists_the_surest_mistakes_first():
    logits = np.array([[5.0, 0], [0, 1.0], [9.0, 0], [0, 3.0]])
    rows = metrics.wrong(logits, np.array([1, 0, 1, 1]), ("cat", "dog"))
    assert [r["index"] for r in rows] == [2, 0, 1]
    assert rows[0]["true"] == "dog" and rows[0]["predicted"] == "cat"
    assert rows[0]["probability"] == pytest.approx(1 / (1 + np.exp(-9)))
    assert [r["index"] for r in metrics.wrong(logits, np.array([1, 0, 1, 1]), ("cat", "dog"), limit=1)] == [2]
    assert metrics.wrong(logits, logits.argmax(axis=1), ("cat", "dog")) == []


def test_multilabel_agrees_with_scikit_learn_on_the_labels_that_hold():
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(60, 4)), rng.integers(0, 2, (60, 4))
    labels[:, 3] = 0
    result = metrics.multilabel(logits, labels)
    assert result["mean_average_precision"] == pytest.approx(sk.average_precision_score(labels[:, :3], logits[:, :3], average="macro"))
    assert result["macro_f1"] == pytest.approx(sk.f1_score(labels[:, :3], logits[:, :3] > 0, average="macro"))
    assert result["micro_f1"] == pytest.approx(sk.f1_score(labels, logits > 0, average="micro", labels=range(4)))
    p = 1 / (1 + np.exp(-logits))
    assert result["loss"] == pytest.approx(-(labels * np.log(p) + (1 - labels) * np.log(1 - p)).mean())


def test_multilabel_perfect_and_impossible():
    labels = np.array([[1, 0], [0, 1], [1, 1]])
    perfect = metrics.multilabel(20.0 * labels - 10, labels)
    assert {perfect[k] for k in ("mean_average_precision", "micro_f1", "macro_f1", "exact_match")} == {1.0}
    with pytest.raises(ValueError, match="no label holds"):
        metrics.multilabel(np.zeros((2, 2)), np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="index 1 holds"):
        metrics.multilabel(np.zeros((2, 2)), np.array([[0, 1], [2, 0]]))
    with pytest.raises(ValueError, match=r"\[N, C\]"):
        metrics.multilabel(np.zeros((2, 2)), np.zeros(2, int))


@pytest.mark.parametrize("shape", [(30,), (30, 3)])
def test_regression_agrees_with_the_formulas(shape):
    rng = np.random.default_rng(2)
    t, p = rng.normal(size=shape), rng.normal(size=shape)
    result = metrics.regression(p, t)
    assert result["mse"] == pytest.approx(((p - t) ** 2).mean())
    assert result["mae"] == pytest.approx(np.abs(p - t).mean())
    assert result["r2"] == pytest.approx(np.mean(1 - ((p - t) ** 2).sum(axis=0) / ((t - t.mean(axis=0)) ** 2).sum(axis=0)))


def test_regression_awkward():
    assert metrics.regression(np.array([1.0]), np.array([3.0])) == {"mse": 4.0, "mae": 2.0, "r2": None}
    with pytest.raises(ValueError, match="predicted: not finite at index 1"):
        metrics.regression(np.array([1.0, np.nan]), np.array([3.0, 1.0]))
    with pytest.raises(ValueError, match="same shape"):
        metrics.regression(np.zeros((3, 1)), np.zeros(3))
