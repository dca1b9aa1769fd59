import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tljax.report import transfer


def test_a_straight_line_has_its_slope():
    result = transfer.summary([0, 10, 20, 30, 40, 50], [0.1 + 0.01 * s for s in (0, 10, 20, 30, 40, 50)])
    assert result == pytest.approx({"start": 0.1, "slope": 0.01, "asymptote": 0.55})


def test_slope_is_of_the_first_third_and_asymptote_of_the_last():
    values = [0.0, 0.3, 0.6, 0.1, 0.1, 0.1, 0.7, 0.8, 0.9]
    assert transfer.summary(range(9), values) == pytest.approx({"start": 0.0, "slope": 0.3, "asymptote": 0.8})


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20), st.floats(-5, 5), st.integers(1, 50))
def test_a_shift_moves_start_and_asymptote_and_a_slower_clock_flattens_the_slope(values, shift, clock):
    steps = np.arange(len(values))
    one = transfer.summary(steps, values)
    other = transfer.summary(clock * steps, np.array(values) + shift)
    assert other["start"] == pytest.approx(one["start"] + shift, abs=1e-9)
    assert other["asymptote"] == pytest.approx(one["asymptote"] + shift, abs=1e-9)
    assert other["slope"] * clock == pytest.approx(one["slope"], abs=1e-9)


@pytest.mark.parametrize(
    ("steps", "values", "message"),
    [
        ([1], [1], "two or more"),
        ([1, 2], [1], "one length"),
        ([2, 2], [1, 1], "do not rise"),
        ([1, 2], [1, np.nan], "index 1 is not finite"),
    ],
)
def test_summary_errors(steps, values, message):
    with pytest.raises(ValueError, match=message):
        transfer.summary(steps, values)


def test_the_intervals_are_scipys():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.8, 0.02, 5), rng.normal(0.7, 0.1, 3)
    welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert transfer.difference(a, b) == pytest.approx((a.mean() - b.mean(), welch.low, welch.high))
    pairs = stats.ttest_rel(a[:3], b).confidence_interval(0.95)
    assert transfer.difference(a[:3], b, paired=True) == pytest.approx((a[:3].mean() - b.mean(), pairs.low, pairs.high))


def test_the_three_verdicts():
    good, bad = [0.80, 0.82, 0.81], [0.70, 0.72, 0.74]
    assert transfer.verdict(good, bad).startswith("transfer helped: +0.090")
    assert transfer.verdict(bad, good).startswith("transfer hurt (negative transfer): -0.090")
    assert transfer.verdict([0.6, 0.8], [0.65, 0.7]).startswith("cannot be told: +0.025")
    assert transfer.verdict([0.9], bad).startswith("cannot be told from one seed: +0.180")
    assert transfer.verdict(good, [0.7]).startswith("cannot be told from one seed")


def test_pairs_tell_what_a_large_common_spread_hides():
    scratch = [0.2, 0.5, 0.8]
    better = [0.25, 0.56, 0.85]
    assert transfer.verdict(better, scratch).startswith("cannot be told")
    assert transfer.verdict(better, scratch, paired=True).startswith("transfer helped")


def test_without_any_spread_the_interval_is_the_point():
    assert transfer.verdict([0.5, 0.5], [0.5, 0.5]).startswith("cannot be told: +0.000")
    assert transfer.difference([0.5, 0.5], [0.25, 0.25]) == (0.25, 0.25, 0.25)


def test_verdict_errors():
    with pytest.raises(ValueError, match="nothing to compare"):
        transfer.verdict([], [0.1])
    with pytest.raises(ValueError, match="cannot be paired"):
        transfer.verdict([0.1, 0.2], [0.1, 0.2, 0.3], paired=True)
    with pytest.raises(ValueError, match="transfer: the value at index 1 is not finite"):
        transfer.verdict([0.1, np.nan], [0.1, 0.2])
    with pytest.raises(ValueError, match="1 and 2 seeds"):
        transfer.difference([0.1], [0.1, 0.2])
