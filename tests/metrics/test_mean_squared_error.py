import numpy as np
import pytest

from tljax import metrics


def _measure(measured, outputs, labels, *, batch_size=None, **facts):
    metric = metrics.create("mean_squared_error", **facts)
    return measured(metric, np.asarray(outputs, np.float32), np.asarray(labels, np.float32), batch_size=batch_size)


@pytest.mark.parametrize(("d", "batch_size"), [(1, 30), (3, 8)])
def test_agrees_with_the_formulas_in_the_targets_own_units(measured, d, batch_size):
    rng = np.random.default_rng(2)
    outputs, labels = (rng.normal(size=(30, d)).astype(np.float32) for _ in range(2))
    mean, std = tuple(1e6 * (1.0 + np.arange(d))), tuple(3.0 + np.arange(d))
    numbers = _measure(measured, outputs, labels, mean=mean, std=std, batch_size=batch_size)
    p, t = outputs.astype(np.float64) * std + mean, labels.astype(np.float64) * std + mean
    assert numbers["mse"] == pytest.approx(((p - t) ** 2).mean()) and numbers["rmse"] == pytest.approx(numbers["mse"] ** 0.5)
    assert numbers["mae"] == pytest.approx(np.abs(p - t).mean())
    assert numbers["r2"] == pytest.approx(np.mean(1 - ((p - t) ** 2).sum(axis=0) / ((t - t.mean(axis=0)) ** 2).sum(axis=0)))


def test_without_facts_the_units_are_those_of_the_labels(measured):
    assert _measure(measured, [[1.0]], [[3.0]]) == {"mse": 4.0, "rmse": 2.0, "mae": 2.0, "r2": None}
    assert _measure(measured, [[1.0]], [[3.0]], mean=(9.0,), std=(10.0,))["mae"] == 20.0


def test_the_right_model_is_better_than_a_constant_one(measured):
    labels = np.random.default_rng(0).normal(size=(20, 2))
    metric = metrics.mean_squared_error()
    best, constant = _measure(measured, labels, labels), _measure(measured, 0 * labels, labels)
    assert metric.signed(best) == 0 > metric.signed(constant) and best["r2"] == 1.0 and constant["r2"] <= 0


def test_awkward(measured):
    with pytest.raises(metrics.NotFinite, match="predictions are not finite in 1 of 2 examples, first at index 1"):
        _measure(measured, [[1.0], [np.nan]], [[3.0], [1.0]])
    with pytest.raises(metrics.NotFinite, match="targets"):
        _measure(measured, [[1.0], [2.0]], [[np.inf], [1.0]])
    with pytest.raises(ValueError, match=r"one shape \[B, D\]"):
        _measure(measured, np.zeros((3, 1)), np.zeros(3))
    with pytest.raises(ValueError, match="expected 2 values for std, one per target, found 3"):
        _measure(measured, np.zeros((3, 2)), np.zeros((3, 2)), std=(1.0, 1.0, 1.0))
