import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from tljax import metrics


def _drawn(n=30, c=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, c)).astype(np.float32), rng.dirichlet(np.ones(c), n).astype(np.float32)


@pytest.mark.parametrize("batch_size", [1, 7, 30])
def test_agrees_with_the_formulas(measured, batch_size):
    logits, labels = _drawn()
    numbers = measured(metrics.log_loss(), logits, labels, batch_size=batch_size)
    assert numbers["loss"] == pytest.approx(-(labels * log_softmax(logits, axis=1)).sum(1).mean(), rel=1e-5)
    assert numbers["kl"] == pytest.approx(entropy(labels, softmax(logits, axis=1), axis=1).mean(), rel=1e-4)
    assert numbers["accuracy"] == (logits.argmax(1) == labels.argmax(1)).mean()


def test_the_right_model_is_the_best_and_has_no_divergence(measured):
    logits, labels = _drawn()
    metric = metrics.log_loss()
    best = measured(metric, np.log(labels), labels)
    assert best["kl"] == pytest.approx(0, abs=1e-6) and best["accuracy"] == 1.0
    assert metric.signed(best) > metric.signed(measured(metric, logits, labels))


def test_a_hard_label_makes_it_the_classification_loss(measured, one_hot):
    logits, labels = _drawn()[0], one_hot(np.arange(30) % 4, 4)
    numbers = measured(metrics.log_loss(), logits, labels)
    assert numbers["loss"] == numbers["kl"] == pytest.approx(measured(metrics.accuracy(), logits, labels)["loss"], rel=1e-6)


def test_every_largest_class_is_right(measured):
    labels = np.array([[0.4, 0.4, 0.2]] * 3, np.float32)
    assert measured(metrics.log_loss(), np.eye(3, dtype=np.float32), labels)["accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("where", ["logits", "labels"])
def test_what_is_not_finite_is_named(measured, where):
    logits, labels = _drawn(5)
    (logits if where == "logits" else labels)[3, 1] = np.nan
    with pytest.raises(metrics.NotFinite, match="first at index 3"):
        measured(metrics.log_loss(), logits, labels)


def test_one_class(measured):
    numbers = measured(metrics.log_loss(), np.array([[7.0]], np.float32), np.ones((1, 1), np.float32))
    assert numbers == {"loss": 0.0, "kl": 0.0, "accuracy": 1.0}
