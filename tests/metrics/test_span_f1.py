import numpy as np
import pytest

from tljax import metrics


def _measure(measured, start, end, labels, **kwargs):
    logits = {"start": np.asarray(start, np.float32), "end": np.asarray(end, np.float32)}
    return measured(metrics.span_f1(), logits, np.asarray(labels, np.int32), **kwargs)


@pytest.mark.parametrize("batch_size", [1, 3, 4])
def test_spans_are_the_best_pair_in_order(measured, batch_size):
    start, end = np.zeros((4, 6)), np.zeros((4, 6))
    start[0, 2] = end[0, 4] = 5  # 2..4
    start[1, 4] = end[1, 1] = 5  # the best ends are in the wrong order
    start[1, 0], end[1, 5] = 3, 1
    start[2, 1] = end[2, 1] = 5  # 1..1
    numbers = _measure(measured, start, end, [[2, 4], [0, 1], [0, 3], [-1, -1]], batch_size=batch_size)
    assert numbers["exact_match"] == 0.5  # the first, and 0..1 of the second: 3 + 5 beats 5 + 1
    assert numbers["f1"] == pytest.approx((1 + 1 + 2 * 1 / (1 + 4) + 0) / 4)
    assert metrics.span_f1().signed(numbers) == numbers["f1"]


def _best_pairs(start, end, real):
    pairs = [[(s, e) for s in np.flatnonzero(row) for e in np.flatnonzero(row) if s <= e] for row in real]
    return np.array([max(candidates, key=lambda p: start[n, p[0]] + end[n, p[1]]) for n, candidates in enumerate(pairs)])


def test_the_best_pair_is_that_of_all_pairs_of_real_tokens(measured):
    rng = np.random.default_rng(1)
    start, end = (rng.normal(size=(50, 7)).astype(np.float32) for _ in range(2))
    all_real, mask = np.ones((50, 7), np.int32), (rng.random((50, 7)) < 0.5).astype(np.int32)
    mask[:, 3] = 1
    assert _measure(measured, start, end, _best_pairs(start, end, all_real)) == {"exact_match": 1.0, "f1": 1.0}
    spoilt = np.where(mask, start, np.nan)  # outside the mask no value matters
    assert _measure(measured, spoilt, end, _best_pairs(start, end, mask), mask=mask) == {"exact_match": 1.0, "f1": 1.0}


def test_f1_counts_common_tokens_as_sets_do(measured):
    rng = np.random.default_rng(2)
    start, end, labels = rng.normal(size=(40, 9)), rng.normal(size=(40, 9)), np.sort(rng.integers(0, 9, (40, 2)), axis=1)
    tokens = [
        (set(range(a, b + 1)), set(range(s, e + 1)))
        for (a, b), (s, e) in zip(_best_pairs(start, end, np.ones((40, 9))), labels, strict=True)
    ]
    expected = np.mean([2 * len(p & t) / (len(p) + len(t)) for p, t in tokens])
    assert _measure(measured, start, end, labels)["f1"] == pytest.approx(expected)


def test_equal_logits_give_the_first_token(measured):
    assert _measure(measured, np.zeros((1, 4)), np.zeros((1, 4)), [[0, 0]])["exact_match"] == 1.0
    assert _measure(measured, np.zeros((1, 1)), np.zeros((1, 1)), [[0, 0]])["f1"] == 1.0


def test_an_answer_that_is_cut_off_at_one_end_is_missed(measured):
    start, end = np.eye(4)[[0, 0]], np.eye(4)[[2, 2]]  # 0..2
    assert _measure(measured, start, end, [[-1, 2], [0, -1]]) == {"f1": 0.0, "exact_match": 0.0}


def test_awkward(measured):
    start = np.zeros((3, 4))
    with pytest.raises(metrics.NotFinite, match="index 2"):
        _measure(measured, np.where(np.arange(3)[:, None] == 2, np.nan, start), start, np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"labels \[B, 2\], found .*labels \(3,\)"):
        _measure(measured, start, start, np.zeros(3))
    with pytest.raises(ValueError, match=r"found logits \(3, 4\)"):
        measured(metrics.span_f1(), start, np.zeros((3, 2), np.int32))
