import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tljax.evaluate import probing


def _drawn(n=60, d=6, classes=3, apart=2.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    return rng.normal(size=(n, d)) + apart * np.eye(d)[labels], labels


@pytest.mark.parametrize("learner", list(probing.LEARNERS))
def test_what_is_separable_is_learnt_and_noise_is_not(learner):
    good = probing.probe(*_drawn(apart=9.0), *_drawn(apart=9.0, seed=1), learner)
    assert good.test == good.cv == 1.0 and good.test_error == 0.0 and good.cv_spread == 0.0 and good.folds == 5
    noise = probing.probe(*_drawn(apart=0.0), *_drawn(apart=0.0, seed=1), learner)
    assert max(noise.cv, noise.test) < 0.6 and noise.test_error > 0.05


def test_the_choice_is_that_of_a_grid_search_which_standardizes_in_each_fold():
    train, labels = _drawn(n=90, d=40, apart=1.0)
    kind = probing.LEARNERS["ridge"]
    pipeline = make_pipeline(StandardScaler(), RidgeClassifier())
    search = GridSearchCV(pipeline, {"ridgeclassifier__alpha": kind.grid}, cv=StratifiedKFold(5, shuffle=True, random_state=3))
    search.fit(train, labels)
    found = probing.probe(train, labels, *_drawn(seed=1, d=40, apart=1.0), "ridge", seeds=(3,))
    assert found.setting == search.best_params_["ridgeclassifier__alpha"] and found.cv == pytest.approx(search.best_score_)


def test_the_test_data_does_not_choose():
    train, labels = _drawn(apart=1.0)
    test, test_labels = _drawn(apart=1.0, seed=1)
    one = probing.probe(train, labels, test, test_labels)
    other = probing.probe(train, labels, test, (test_labels + 1) % 3)
    assert (one.setting, one.cv, one.cv_spread) == (other.setting, other.cv, other.cv_spread) and one.test > other.test


def test_units_and_dead_features_do_not_matter():
    train, labels = _drawn(apart=1.0)
    test, test_labels = _drawn(apart=1.0, seed=1)
    plain = probing.probe(train, labels, test, test_labels, "ridge")
    scale = 10.0 ** np.arange(-3, 3)
    moved = [np.hstack([5 + x * scale, np.zeros((len(x), 1))]) for x in (train, test)]
    assert probing.probe(moved[0], labels, moved[1], test_labels, "ridge") == plain


def test_more_seeds_are_more_folds():
    train, labels = _drawn(apart=1.0)
    one, two = (probing.probe(train, labels, *_drawn(seed=1), "ridge", seeds) for seeds in ((0,), (0, 1)))
    assert one.cv != two.cv and one.folds == two.folds == 5


@pytest.mark.parametrize("learner", list(probing.LEARNERS))
@pytest.mark.parametrize(("counts", "folds"), [((1, 9, 9), 0), ((1, 1, 1), 0), ((2, 9, 9), 2), ((3, 3, 4), 3), ((5, 40, 5), 5)])
def test_small_classes_bring_fewer_folds_or_none(learner, counts, folds):
    labels = np.repeat([0, 2, 5], counts)
    train = np.eye(6)[labels][:, [0, 2, 5]] + 0.01 * np.random.default_rng(0).normal(size=(len(labels), 3))
    found = probing.probe(train, labels, np.eye(3), np.array([0, 2, 5]), learner)
    assert probing.folds_of(labels) == found.folds == folds and (found.cv is None) == (folds == 0)
    if not folds:
        assert found.setting == probing.LEARNERS[learner].default and not found.at_edge and found.test >= 2 / 3


def test_an_edge_is_that_of_the_grid_and_no_natural_bound():
    few, many = _drawn(apart=9.0), _drawn(n=150, apart=9.0)  # separable: the first value of the grid wins
    assert probing.probe(*few, *few, "ridge").at_edge and probing.probe(*many, *many, "knn").at_edge
    cut = probing.probe(*few, *few, "knn")
    assert cut.setting == 32 and not cut.at_edge  # the folds hold 48 examples: 64 neighbors there are not
    rng = np.random.default_rng(0)
    twins, labels = np.repeat(rng.normal(size=(60, 4)), 2, axis=0), np.repeat(rng.permutation(60) % 2, 2)
    one = probing.probe(twins, labels, twins, labels, "knn")
    assert one.setting == 1 and not one.at_edge


def test_what_cannot_be_learnt_is_an_error():
    train, labels = _drawn()
    with pytest.raises(KeyError, match="'tree'; there are logistic, ridge, knn"):
        probing.probe(train, labels, train, labels, "tree")
    with pytest.raises(ValueError, match="1 training classes"):
        probing.probe(train, labels * 0, train, labels)
    with pytest.raises(ValueError, match="0 test examples"):
        probing.probe(train, labels, train[:0], labels[:0])
