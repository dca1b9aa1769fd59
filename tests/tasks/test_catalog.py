"""Every task of the catalog: what is predicted, measured, selected and minimized agree."""

import functools
import math
import pathlib

import jax
import numpy as np
import pytest

import tljax
from tests.runs.conftest import KINDS, of_kind
from tljax import metrics, objectives, tasks

TRAINED = {"classification", "distribution", "multilabel", "regression", "features", "tagging", "spans", "segmentation"}


@functools.cache
def fitted(kind, tmp):
    return tljax.fit(of_kind(kind), f"{tmp}/{kind.replace(' ', '_')}", quiet=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("catalog"))


def test_the_catalog_is_complete_and_its_defaults_fit_each_other():
    assert set(tasks.tasks) >= TRAINED
    here = pathlib.Path(__file__).parent
    assert all((here / f"test_{name}.py").is_file() for name in set(tasks.tasks) - TRAINED), "a new task has a test of its own here"
    for name in tasks.tasks:
        task = tasks.create(name)
        assert str(task) == name and tasks.create(str(task)) == task
        metric = metrics.create(task.metric, **task.facts(3))
        assert metric.score[1] in (-1.0, 1.0)
        if task.objective:
            assert task.form in objectives.create(task.objective).forms


@pytest.mark.parametrize("kind", KINDS)
def test_the_right_model_beats_an_untrained_one_by_every_measure(kind, folder):
    run, result = of_kind(kind), fitted(kind, folder)
    metric = metrics.create(result.pretrained.task.metric, **result.pretrained.task.facts(result.pretrained.config.num_classes))
    before, after = run.pretrained.measure(run.test), result.pretrained.measure(run.test)
    assert metric.signed(after) > metric.signed(before)
    assert result.step > 0  # selection did not take the untrained model
    assert _loss(result.pretrained, run) < _loss(run.pretrained, run)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_opened_and_measured_it_is_the_same_number(kind, folder):
    run, result = of_kind(kind), fitted(kind, folder)
    opened = tljax.open(f"{folder}/{kind.replace(' ', '_')}")
    assert opened.task == result.pretrained.task and opened.measure(run.test) == result.pretrained.measure(run.test)
    numbers = {name: value for name, value in result.metrics.items() if not isinstance(value, list)}
    assert numbers == pytest.approx({name: opened.measure(run.test)[name] for name in numbers})


@pytest.mark.parametrize("kind", KINDS)
def test_what_predict_says_is_what_is_measured(kind, folder):
    run, result = of_kind(kind), fitted(kind, folder)
    rows, measured = result.pretrained.predict(run.test, top=3), result.pretrained.measure(run.test)
    labels, names = np.asarray(run.test.labels), result.pretrained.config.labels
    if kind in ("classification", "distribution"):
        best = labels if kind == "classification" else labels.argmax(1)
        assert np.mean([row["class"] == names[c] for row, c in zip(rows, best, strict=True)]) == pytest.approx(measured["accuracy"])
        assert all(math.isclose(sum(p["probability"] for p in row["predictions"]), 1, abs_tol=1e-4) for row in rows)
    elif kind == "multilabel":
        exact = [
            set(row["classes"]) == {n for n, y in zip(names, label, strict=True) if y} for row, label in zip(rows, labels, strict=True)
        ]
        assert np.mean(exact) == pytest.approx(measured["exact_match"])
    else:
        values = np.array([row["values"] if "values" in row else [row["value"]] for row in rows])
        assert np.mean((values - labels.reshape(len(labels), -1)) ** 2) == pytest.approx(measured["mse"], rel=1e-4)


def test_a_new_task_is_one_class():
    """The smallest task there can be: it needs nothing but its class."""

    class Sign(tasks.Task):
        kinds, form, objective, metric = ("number",), "number", "mse", "mean_squared_error"

        def outputs(self, source):
            return 1

    assert Sign().form == "number" and tasks.infer(of_kind("regression").train).name == "regression"


def _loss(pretrained, run):
    """The task's own objective on the test split, in evaluation mode."""
    from tljax.train import forward

    objective = objectives.create(pretrained.task.objective)
    source = pretrained.view(run.test)
    batch = {name: np.stack([source[i][name] for i in range(len(source))]) for name in ("x", "label")}
    run_model = forward.for_evaluation(pretrained.model, lambda b: b, pretrained.variables)
    return float(jax.jit(lambda b: objective.loss(run_model, pretrained.task.labeled(b, pretrained.config.num_classes), None)[0])(batch))
