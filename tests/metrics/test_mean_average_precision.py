import numpy as np
import pytest
from sklearn import metrics as sk

from tljax import metrics


def _measure(measured, logits, labels, **kwargs):
    return measured(metrics.mean_average_precision(), np.asarray(logits, np.float32), np.asarray(labels, np.float32), **kwargs)


@pytest.mark.parametrize("batch_size", [1, 32, 60])
def test_agrees_with_scikit_learn_on_the_labels_that_hold(measured, batch_size):
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(60, 4)), rng.integers(0, 2, (60, 4))
    labels[:, 3] = 0
    numbers = _measure(measured, logits, labels, batch_size=batch_size)
    assert numbers["mean_average_precision"] == pytest.approx(sk.average_precision_score(labels[:, :3], logits[:, :3], average="macro"))
    assert numbers["macro_f1"] == pytest.approx(sk.f1_score(labels[:, :3], logits[:, :3] > 0, average="macro"))
    assert numbers["micro_f1"] == pytest.approx(sk.f1_score(labels, logits > 0, average="micro", labels=range(4)))
    assert numbers["exact_match"] == ((logits > 0) == labels).all(axis=1).mean()
    assert numbers["per_class"][3] is None and np.mean(numbers["per_class"][:3]) == pytest.approx(numbers["mean_average_precision"])
    p = 1 / (1 + np.exp(-logits))
    assert numbers["loss"] == pytest.approx(-(labels * np.log(p) + (1 - labels) * np.log(1 - p)).mean(), rel=1e-6)


def test_perfect_and_impossible(measured):
    labels = np.array([[1, 0], [0, 1], [1, 1]])
    perfect = _measure(measured, 20.0 * labels - 10, labels)
    assert {perfect[k] for k in ("mean_average_precision", "micro_f1", "macro_f1", "exact_match")} == {1.0}
    with pytest.raises(ValueError, match="no class holds"):
        _measure(measured, np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"found .* at index 1"):
        _measure(measured, np.zeros((2, 2)), np.array([[0, 1], [2, 0]]))
    with pytest.raises(ValueError, match=r"\[B, C\]"):
        _measure(measured, np.zeros((2, 2)), np.zeros(2))
    with pytest.raises(metrics.NotFinite, match="index 1"):
        _measure(measured, np.array([[0, 1], [np.nan, 0]]), labels[:2])


def test_one_example_of_one_class(measured):
    numbers = _measure(measured, [[-1.0]], [[1.0]])
    assert numbers["mean_average_precision"] == 1.0 and numbers["micro_f1"] == 0.0 and numbers["exact_match"] == 0.0


def test_equal_logits_earn_the_share_of_the_label(measured):
    assert _measure(measured, np.zeros((8, 1)), np.arange(8)[:, None] < 2)["mean_average_precision"] == 0.25
