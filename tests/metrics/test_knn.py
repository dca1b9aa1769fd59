import sys

import numpy as np
import pytest

from tljax import metrics
from tljax.metrics.knn import _neighbors


def _measure(measured, features, labels, *, k=5, num_classes=None, **kwargs):
    one_hot = np.eye(num_classes or int(np.max(labels)) + 1, dtype=np.float32)[np.asarray(labels)]
    features = np.asarray(features, np.float32)
    return measured(metrics.knn(k), np.zeros(len(features), np.float32), one_hot, features=features, **kwargs)


def _by_hand(features, labels, k):
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    predicted = []
    for n in range(len(unit)):
        near = sorted((m for m in range(len(unit)) if m != n), key=lambda m: -unit[n] @ unit[m])[:k]
        classes = set(labels[near].tolist())
        predicted.append(
            max(classes, key=lambda c: (sum(labels[m] == c for m in near), sum(unit[n] @ unit[m] for m in near if labels[m] == c)))
        )
    return np.array(predicted)


@pytest.mark.parametrize(("k", "batch_size"), [(1, 60), (4, 7), (5, 60), (200, 60)])
def test_agrees_with_a_search_by_hand(measured, monkeypatch, k, batch_size):
    monkeypatch.setattr(sys.modules["tljax.metrics.knn"], "BLOCK", 500)  # several blocks, the last one short
    rng = np.random.default_rng(k)
    labels = rng.integers(0, 4, 60)
    features = rng.normal(size=(60, 5)) + 0.8 * np.eye(5)[labels]
    predicted = _by_hand(features, labels, k)
    numbers = _measure(measured, features, labels, k=k, num_classes=5, batch_size=batch_size)
    assert numbers["accuracy"] == pytest.approx((predicted == labels).mean())
    assert numbers["per_class"][:4] == pytest.approx([(predicted == labels)[labels == c].mean() for c in range(4)])
    assert numbers["per_class"][4] is None and numbers["balanced_accuracy"] == pytest.approx(np.mean(numbers["per_class"][:4]))


def test_lengths_do_not_matter_and_an_example_is_not_its_own_neighbor(measured):
    features = np.array([[1, 0], [50, 1], [0, 2], [0.1, 1e-3], [0, 1e30], [0, 1e-30]])
    assert _measure(measured, features, [0, 0, 1, 0, 1, 1], k=2)["accuracy"] == 1.0
    assert _measure(measured, [[1, 0], [1, 0]], [0, 1], k=1)["accuracy"] == 0.0


def test_collapsed_features_earn_no_more_than_chance(measured):
    for features in (np.ones((20, 3)), np.zeros((20, 3))):
        assert _measure(measured, features, np.repeat(np.arange(4), 5), k=3)["accuracy"] <= 0.25


def test_memory_is_bounded_by_the_block(monkeypatch):
    monkeypatch.setattr(sys.modules["tljax.metrics.knn"], "BLOCK", 1000)
    blocks = list(_neighbors(np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32), 4))
    assert [len(index) for _, index in blocks] == [3] * 100 and all(near.dtype == np.float32 for near, _ in blocks)


def test_awkward(measured):
    with pytest.raises(ValueError, match="at least two examples"):
        _measure(measured, [[1.0]], [0])
    with pytest.raises(ValueError, match="k of at least 1, found 0"):
        metrics.knn(0)
    with pytest.raises(metrics.NotFinite, match="features are not finite in 1 of 3 examples, first at index 1"):
        _measure(measured, [[1.0], [np.nan], [2.0]], [0, 0, 1])
    with pytest.raises(ValueError, match=r"features \[B, D\]"):
        _measure(measured, np.zeros((3, 2, 2)), [0, 0, 1])
    with pytest.raises(ValueError, match="found None"):
        measured(metrics.knn(), np.zeros(3), np.ones((3, 1), np.float32), features=None)
    assert _measure(measured, [[1.0], [2.0], [3.0]], [0, 0, 0])["accuracy"] == 1.0
