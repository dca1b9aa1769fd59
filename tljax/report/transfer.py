"""What transfer gave: a learning curve's start, slope and asymptote; whether it beats training from scratch."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


def summary(steps: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """The three places where transfer can show in a learning curve (Torrey and Shavlik, Transfer Learning, 2009).

    Of T points: start = the first value; slope = the least-squares slope ``sum (s - mean s)(v - mean v) / sum (s - mean s)^2`` over the
    first max(2, ceil(T/3)) points, per step; asymptote = the mean of the last ceil(T/3) values.

    Args:
      steps: [T], rising, T >= 2.
      values: [T], measured at these steps.

    Raises:
      ValueError: fewer than two points, other lengths, steps that do not rise, a value that is not finite.
    """
    s, v = np.asarray(steps, np.float64), np.asarray(values, np.float64)
    if s.ndim != 1 or s.shape != v.shape or len(s) < 2:
        raise ValueError(f"learning curve: steps {s.shape} and values {v.shape}: two or more points of one length are wanted")
    if not (np.diff(s) > 0).all():
        raise ValueError("learning curve: the steps do not rise")
    _finite(v, "learning curve")
    third = math.ceil(len(s) / 3)
    early = slice(0, max(2, third))
    centered = s[early] - s[early].mean()
    return {
        "start": float(v[0]),
        "slope": float(centered @ (v[early] - v[early].mean()) / (centered @ centered)),
        "asymptote": float(v[-third:].mean()),
    }


def difference(transfer: Sequence[float], scratch: Sequence[float], *, paired: bool = False) -> tuple[float, float, float]:
    """``(mean difference, lower, upper)``: transfer minus scratch with its 95 % t interval over seeds.

    Unpaired (Welch 1947), ``n`` and ``m`` values of variances a, b: half-width ``t(0.975, dof) sqrt(a/n + b/m)`` with
    ``dof = (a/n + b/m)^2 / ((a/n)^2/(n-1) + (b/m)^2/(m-1))``. Paired: of the n differences d, ``t(0.975, n-1) sqrt(var(d)/n)``.
    Variances are sample variances; where they are all 0 the interval is the point.

    Args:
      transfer: one value for each seed, larger is better; at least two.
      scratch: the same; when `paired`, position i of both is the same seed on the same data.
      paired: take the differences seed by seed.

    Raises:
      ValueError: fewer than two values, a value that is not finite, paired values of other lengths.
    """
    a, b = np.asarray(transfer, np.float64), np.asarray(scratch, np.float64)
    if min(len(a), len(b)) < 2:
        raise ValueError(f"{len(a)} and {len(b)} seeds: a spread needs two or more of each")
    if paired and len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} seeds cannot be paired")
    _finite(a, "transfer")
    _finite(b, "scratch")
    parts = [(a - b).var(ddof=1) / len(a)] if paired else [a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)]
    mean, variance = float(a.mean() - b.mean()), sum(parts)
    if variance == 0:
        return mean, mean, mean
    counts = [len(a)] if paired else [len(a), len(b)]
    dof = variance**2 / sum(p**2 / (n - 1) for p, n in zip(parts, counts, strict=True))
    half = float(stats.t.ppf(0.975, dof) * math.sqrt(variance))
    return mean, mean - half, mean + half


def verdict(transfer_values: Sequence[float], scratch_values: Sequence[float], *, paired: bool = False) -> str:
    """One line: whether transfer helped, hurt (negative transfer) or cannot be told, with the difference and its 95 % interval.

    It can be told where `difference`'s interval leaves out 0. Arguments and errors are `difference`'s, but a single seed gives a line too.

    Example:
      >>> verdict([0.80, 0.82, 0.81], [0.70, 0.72, 0.74])
      'transfer helped: +0.090 (95 % interval +0.048 to +0.132; 3 against 3 seeds)'
    """
    n, m = len(transfer_values), len(scratch_values)
    if not n or not m:
        raise ValueError(f"{n} transfer and {m} scratch values: there is nothing to compare")
    if min(n, m) < 2:
        gap = float(np.mean(transfer_values) - np.mean(scratch_values))
        return f"cannot be told from one seed: {gap:+.3f} ({n} against {m} seeds)"
    mean, low, high = difference(transfer_values, scratch_values, paired=paired)
    told = "transfer helped" if low > 0 else "transfer hurt (negative transfer)" if high < 0 else "cannot be told"
    seeds = f"{n} pairs of seeds" if paired else f"{n} against {m} seeds"
    return f"{told}: {mean:+.3f} (95 % interval {low:+.3f} to {high:+.3f}; {seeds})"


def _finite(values: np.ndarray, name: str) -> None:
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(f"{name}: the value at index {bad[0]} is not finite")
