"""Classical classifiers on frozen features: how well they tell the classes apart, by cross-validation and on held-out data."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import threadpoolctl
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from tljax.metrics import standard_error

FOLDS = 5


@dataclasses.dataclass(frozen=True)
class Learner:
    """A classifier of scikit-learn with the one setting that cross-validation chooses.

    Attributes:
      make: its class.
      setting: the name of the setting.
      grid: the values tried, the simplest classifier first: it wins ties.
      default: the value where nothing can be cross-validated.
      bound: the value of the grid beyond which the setting has none.
      fixed: further arguments.
    """

    make: Callable[..., Any]
    setting: str
    grid: tuple[float, ...]
    default: float
    bound: float | None = None
    fixed: dict[str, Any] = dataclasses.field(default_factory=dict)


LEARNERS = {
    # warm_start: each value goes on from the last one's solution, a third of the iterations
    "logistic": Learner(
        LogisticRegression, "C", tuple(10.0 ** (k / 2) for k in range(-8, 5)), 0.01, fixed={"max_iter": 2000, "warm_start": True}
    ),
    "ridge": Learner(RidgeClassifier, "alpha", tuple(10.0 ** (k / 2) for k in range(10, -1, -1)), 100.0),
    "knn": Learner(KNeighborsClassifier, "n_neighbors", (64, 32, 16, 8, 4, 2, 1), 1, bound=1),
}


@dataclasses.dataclass(frozen=True)
class Probe:
    """What a classifier on one kind of features came to.

    Attributes:
      setting: the chosen value of the learner's setting.
      at_edge: whether it is the first or last of the learner's grid, so that a better one may lie beyond; false at the learner's `bound`,
        and where the number of examples ends the grid.
      folds: of the cross-validation; 0: there was none, and `setting` is the learner's default.
      cv: mean accuracy over the folds with that value, on which it was chosen; None without folds.
      cv_spread: standard deviation (n - 1) over the folds of all seeds.
      test: accuracy on the test examples, the classifier being fitted again on all training examples.
      test_error: its standard error (Wald).
    """

    setting: float
    at_edge: bool
    folds: int
    cv: float | None
    cv_spread: float | None
    test: float
    test_error: float


def folds_of(labels: np.ndarray) -> int:
    """How many folds the labels [N] allow: at most `FOLDS`, each holding each class; 0: some class has but one example."""
    smallest = int(np.unique_counts(labels).counts.min())
    return min(FOLDS, smallest) if smallest > 1 else 0


def probe(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray, learner: str = "logistic", seeds: Sequence[int] = (0,)
) -> Probe:
    """Fit a classifier on standardized features; its setting is chosen by stratified cross-validation on the training examples alone.

    The features' means and standard deviations are those of the examples that the classifier is fitted on, in each fold too.

    Args:
      train: `[N, D]` features.
      labels: `[N]` class ids.
      test: `[M, D]` features.
      test_labels: `[M]` class ids.
      learner: one of `LEARNERS`.
      seeds: of the folds; the cross-validation is repeated for each.

    Raises:
      KeyError: an unknown learner. ValueError: training examples of one class, no test example, no seed.
    """
    if learner not in LEARNERS:
        raise KeyError(f"no learner is called {learner!r}; there are {', '.join(LEARNERS)}")
    if len(np.unique(labels)) < 2 or not len(test_labels) or not seeds:
        raise ValueError(
            f"{len(np.unique(labels))} training classes, {len(test_labels)} test examples, {len(seeds)} seeds: wanted are 2, 1, 1"
        )
    kind, folds = LEARNERS[learner], folds_of(labels)
    parts = [p for s in seeds for p in StratifiedKFold(folds, shuffle=True, random_state=s).split(train, labels)] if folds else []
    room = min((len(p[0]) for p in parts), default=0)
    grid = [v for v in kind.grid if kind.setting != "n_neighbors" or v <= room]
    # One thread for each fit: on cores that other work shares, those of BLAS wait for each other (20 to 40 times as long, measured).
    with threadpoolctl.threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
        scores = np.array(list(pool.map(lambda p: _path(kind, grid, train[p[0]], labels[p[0]], train[p[1]], labels[p[1]]), parts)))
        best = grid[int(scores.mean(axis=0).argmax())] if folds else kind.default
        accuracy = _path(kind, [best], train, labels, test, test_labels)[0]
    chosen = scores[:, grid.index(best)] if folds else None
    return Probe(
        setting=best,
        at_edge=folds > 0 and best in (kind.grid[0], kind.grid[-1]) and best != kind.bound,
        folds=folds,
        cv=None if chosen is None else float(chosen.mean()),
        cv_spread=None if chosen is None else float(chosen.std(ddof=1)),
        test=accuracy,
        test_error=standard_error(accuracy, len(test_labels)),
    )


def _path(
    kind: Learner, grid: Sequence[float], train: np.ndarray, labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> list[float]:
    """The accuracy on `test` for each value of the setting, fitted on `train`."""
    scaler, model = StandardScaler().fit(train), kind.make(**kind.fixed)
    train, test = scaler.transform(train), scaler.transform(test)
    return [float(model.set_params(**{kind.setting: value}).fit(train, labels).score(test, test_labels)) for value in grid]
