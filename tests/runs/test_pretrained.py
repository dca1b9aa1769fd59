"""Predict, measure and save agree with the training, for each kind of label."""

import math

import numpy as np
import pytest

import tljax
from tests.runs.conftest import KINDS, of_kind, parts, vector_start
from tljax import data, metrics


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """``kind -> (workdir, result)``, each kind trained once."""
    done = {}

    def of(kind):
        if kind not in done:
            root = tmp_path_factory.mktemp(kind.replace(" ", "_"))
            done[kind] = (root, tljax.fit(of_kind(kind), root, quiet=True))
        return done[kind]

    return of


@pytest.mark.parametrize("kind", KINDS)
def test_saved_opened_and_measured_gives_the_same_numbers(kind, fitted):
    root, result = fitted(kind)
    test = parts(kind)[2]
    opened = tljax.open(root)
    assert result.metrics and opened.task == result.pretrained.task and not opened.new_head
    for model in (result.pretrained, opened, tljax.open(root / "model", labels=parts(kind)[0])):
        measured = model.measure(test, batch_size=7)
        for name, value in result.metrics.items():
            assert measured[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name


@pytest.mark.parametrize("kind", KINDS)
def test_the_untrained_model_does_not_win(kind, fitted):
    root, result = fitted(kind)
    rows = [row for row in tljax.train.logger.read(root) if row["split"] == "val"]
    assert (
        rows[0]["step"] == 0
        and result.step > 0
        and result.score == rows[[r["step"] for r in rows].index(result.step)][result.summary["metric"]]
    )
    assert max(rows, key=lambda row: row["score"])["step"] == result.step
    metric = metrics.create(result.pretrained.task.metric, **result.pretrained.task.facts(3))
    untrained = vector_start(kind).measure(parts(kind)[2])
    assert metric.signed(result.metrics) > metric.signed(untrained)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_those_that_are_measured(kind, fitted):
    _, result = fitted(kind)
    test = parts(kind)[2]
    rows, labels = result.pretrained.predict(test), np.stack([test[i]["label"] for i in range(len(test))])
    assert len(rows) == len(test) and len({row["file"] for row in rows}) == len(test)
    if kind in ("classification", "distribution"):
        truth = labels if kind == "classification" else labels.argmax(1)
        right = np.mean([row["class"] == test.classes[y] for row, y in zip(rows, truth, strict=True)])
        assert right == pytest.approx(result.metrics["accuracy"]) and right > 0.6
        assert all(sum(p["probability"] for p in row["predictions"]) == pytest.approx(1, abs=1e-5) for row in rows)
    elif kind == "multilabel":
        exact = np.mean(
            [
                set(row["classes"]) == {c for c, y in zip(test.classes, label, strict=True) if y}
                for row, label in zip(rows, labels, strict=True)
            ]
        )
        assert exact == pytest.approx(result.metrics["exact_match"]) and exact > 0.25
        assert any(sum(p["probability"] for p in row["predictions"]) > 1.2 for row in rows)  # no softmax
    else:
        values = np.array([row.get("values", [row.get("value")]) for row in rows])
        errors = (values - labels.reshape(values.shape)) ** 2
        assert errors.mean() == pytest.approx(result.metrics["mse"], rel=1e-4)
        assert (errors.mean(0) < 0.5 * labels.reshape(values.shape).var(0)).all()  # in the targets' own units


def test_classes_are_matched_by_name_whatever_their_order(fitted):
    for kind in ("classification", "multilabel"):
        _, result = fitted(kind)
        test = parts(kind)[2]
        turned = data.relabel(test, tuple(reversed(test.classes)))
        assert turned.classes != test.classes
        for name, value in result.pretrained.measure(turned).items():
            assert value == pytest.approx(result.metrics[name]), name
        by_order = result.pretrained.measure(turned, by_order=True)
        assert by_order["loss"] > 1.2 * result.metrics["loss"]
    with pytest.raises(ValueError, match=r"names the classes \['d'\]"):
        fitted("classification")[1].pretrained.measure(data.from_arrays(np.zeros((2, 6), np.float32), np.array([0, 1]), ("a", "d")))


def test_another_kind_of_label_is_refused_by_name(fitted):
    with pytest.raises(
        ValueError, match=r"the task regression needs a label of the kind number; its fields are x \(vector\), label \(class\)"
    ):
        fitted("regression")[1].pretrained.measure(parts("classification")[2])


def test_another_metric_can_be_measured(fitted):
    model = fitted("classification")[1].pretrained
    found = model.measure(parts("classification")[2], "information")
    assert 0 < found["information"] < math.log(3)
    unlabeled = data.from_arrays(np.eye(6, dtype=np.float32))
    assert model.measure(unlabeled, "information").keys() == found.keys()


def test_features_of_stages_and_a_saved_model(fitted, tmp_path):
    model = fitted("classification")[1].pretrained
    assert {k: v.shape for k, v in model.features(parts("classification")[2]).items()} == {"layer0": (30, 8)}
    model.save(tmp_path / "saved")
    assert tljax.open(tmp_path / "saved").measure(parts("classification")[2]) == model.measure(parts("classification")[2])


def test_inputs_are_sources_paths_or_lists_of_paths(source_model, photos):
    model = tljax.open(source_model)
    paths = sorted(photos.rglob("*.png"))
    folder, several, one = model.predict(photos), model.predict([str(p) for p in paths]), model.predict(str(paths[3]))
    assert [row["file"] for row in folder] == [row["file"] for row in several] == [str(p) for p in paths]
    assert folder == several and one == [folder[3]]
    assert model.predict(f"folder({str(photos)!r})", top=1)[0]["predictions"][0]["class"] == folder[0]["class"]
    with pytest.raises(ValueError, match="predict: expected a source, a path or a list of paths, got int"):
        model.predict(3)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        model.predict("nowhere.jpg")
