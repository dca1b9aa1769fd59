import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy

from tljax import metrics


@pytest.mark.parametrize("batch_size", [1, 8, 50])
def test_agrees_with_the_formulas(measured, batch_size):
    logits = np.random.default_rng(0).normal(size=(50, 6), scale=2).astype(np.float32)
    p = softmax(logits.astype(np.float64), axis=1)
    numbers = measured(metrics.information(), logits, batch_size=batch_size)
    assert numbers["entropy"] == pytest.approx(entropy(p, axis=1).mean(), rel=1e-5)
    assert numbers["marginal_entropy"] == pytest.approx(entropy(p.mean(axis=0)), rel=1e-5)
    assert numbers["information"] == pytest.approx(entropy(p.mean(axis=0)) - entropy(p, axis=1).mean(), rel=1e-4)
    assert numbers == measured(metrics.entropy(), logits, batch_size=batch_size)


def test_information_prefers_sure_and_even_predictions_and_entropy_falls_for_a_collapse(measured):
    sure = 50 * np.eye(4, dtype=np.float32)
    unsure, collapsed = 0 * sure, np.repeat(sure[:1], 4, axis=0)
    numbers = {name: measured(metrics.information(), logits) for name, logits in (("sure", sure), ("unsure", unsure), ("one", collapsed))}
    assert numbers["sure"]["information"] == pytest.approx(np.log(4))
    assert numbers["unsure"]["information"] == pytest.approx(0, abs=1e-6) and numbers["one"]["information"] == pytest.approx(0, abs=1e-6)
    least = metrics.entropy()
    assert least.signed(numbers["sure"]) == pytest.approx(least.signed(numbers["one"]), abs=1e-6)
    assert least.signed(numbers["sure"]) > least.signed(numbers["unsure"])


def test_one_example_tells_nothing_of_the_inputs(measured):
    assert 0 <= measured(metrics.information(), np.array([[1.0, 0.3, 2.0]], np.float32))["information"] < 1e-6


def test_awkward(measured):
    with pytest.raises(ValueError, match="at least two classes, found"):
        measured(metrics.information(), np.zeros((3, 1), np.float32))
    with pytest.raises(ValueError, match=r"found \(3, 4, 5\)"):
        measured(metrics.entropy("target"), np.zeros((3, 4, 5), np.float32))
    with pytest.raises(metrics.NotFinite, match="1 of 2 examples"):
        measured(metrics.entropy(), np.array([[0.0, 1.0], [-np.inf, 0.0]], np.float32))
