"""Metrics over tokens."""

import numpy as np
import pytest

from tljax.evaluate import measure


def test_only_tokens_with_a_label_are_measured():
    logits = np.eye(3)[np.array([[0, 1, 2], [2, 2, 0]])] * 9.0
    labels = np.array([[0, 1, -100], [2, 0, -1]])
    found = measure.measure(logits, labels)
    assert found["accuracy"] == 0.75 and found["per_class"] == [0.5, 1.0, 1.0] and measure.score(found) == 0.75
    with pytest.raises(ValueError, match="no examples"):
        measure.measure(logits, np.full((2, 3), -100))
    with pytest.raises(ValueError, match=r"wanted are \[N, T, C\]"):
        measure.measure(logits, labels[:, :2])


def test_spans_are_the_best_pair_in_order():
    start, end = np.zeros((4, 6)), np.zeros((4, 6))
    start[0, 2] = end[0, 4] = 5  # 2..4
    start[1, 4] = end[1, 1] = 5  # the best ends are in the wrong order
    start[1, 0], end[1, 5] = 3, 1
    start[2, 1] = end[2, 1] = 5  # 1..1
    labels = np.array([[2, 4], [0, 1], [0, 3], [-1, -1]])
    found = measure.measure({"start": start, "end": end}, labels)
    assert found["exact_match"] == 0.5  # the first, and 0..1 of the second: 3 + 5 beats 5 + 1
    assert found["f1"] == pytest.approx((1 + 1 + 2 * 1 / (1 + 4) + 0) / 4)
    assert measure.score(found) == found["f1"]


def test_the_best_pair_is_that_of_all_pairs():
    r = np.random.default_rng(1)
    start, end = r.normal(size=(50, 7)), r.normal(size=(50, 7))
    pairs = [(s, e) for s in range(7) for e in range(s, 7)]
    best = np.array([max(pairs, key=lambda p: start[n, p[0]] + end[n, p[1]]) for n in range(50)])
    assert measure.measure({"start": start, "end": end}, best) == {"exact_match": 1.0, "f1": 1.0}
    with pytest.raises(ValueError, match="NaN"):
        measure.measure({"start": start * np.nan, "end": end}, best)
