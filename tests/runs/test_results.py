"""The end of a run: files, pictures, the share of the most frequent class."""

import json

import numpy as np
import pytest
from PIL import Image

import tljax
from tests.runs.conftest import KINDS, of_kind, parts, start, tiny, with_
from tljax import data
from tljax.report import run_summary
from tljax.runs import results


def test_a_run_leaves_all_that_the_readme_lists(tmp_path):
    result = tljax.fit(tiny(start("mlp(widths=(8,))"), strategy="scratch", steps=4), tmp_path)
    keys = {
        "task",
        "kind",
        "strategy",
        "objective",
        "seed",
        "lr",
        "selected_on",
        "selected_by",
        "measured_on",
        "metrics",
        "params",
        "steps",
    }
    assert keys | {"seconds", "examples_per_second", "certificate", "ended"} <= result.summary.keys()
    assert json.loads((tmp_path / "result.json").read_text()) == json.loads(json.dumps(result.summary))
    names = ("run.json", "start.json", "certificate.json", "metrics.jsonl", "events", "init", "checkpoints", "best")
    for name in (*names, "model/model.safetensors", "model/config.json"):
        assert (tmp_path / name).exists(), name
    for name in ("curves", "confusion", "most_wrong"):
        with Image.open(tmp_path / "figures" / f"{name}.png") as picture:
            assert min(picture.size) > 200
    assert "test (60 examples)" in run_summary.text(result.summary) and "by accuracy" in run_summary.text(result.summary)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_label_has_its_pictures_and_no_warning(kind, tmp_path, caplog):
    tljax.fit(of_kind(kind, steps=2, eval_every=0), tmp_path)
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    own = {"classification": {"confusion.png"}, "regression": {"scatter.png"}, "two numbers": {"scatter0.png", "scatter1.png"}}
    assert drawn >= own.get(kind, set()) | {"curves.png"} and not caplog.records


def test_the_share_of_the_most_frequent_class_is_that_of_the_training_data():
    x = np.zeros((6, 6), np.float32)
    train = data.from_arrays(x, np.array([0, 0, 0, 1, 1, 2]), ("a", "b", "c"))
    test = data.from_arrays(x, np.array([0, 0, 0, 0, 1, 1]), ("b", "a", "c"))  # numbered in another order
    run = of_kind("classification", train=train, val=train, test=test)
    assert results.majority(run) == pytest.approx(2 / 6)
    assert results.majority(of_kind("classification", train=train, val=train, test=test, measure_on="val")) == pytest.approx(3 / 6)
    assert results.majority(of_kind("regression")) is None
    assert results.majority(of_kind("classification", train={"source": train})) is None


def test_a_picture_that_fails_is_a_warning_and_the_result_stands(tmp_path, monkeypatch, caplog):
    def fail(*_, **__):
        raise ValueError("no ink")

    monkeypatch.setattr(results.pictures, "draw", fail)
    result = tljax.fit(of_kind("regression", steps=1, eval_every=0), tmp_path)
    assert "no ink" in caplog.text and (tmp_path / "result.json").exists() and result.metrics


def test_several_validation_streams_are_measured_each_by_its_name(tmp_path):
    train, val, _ = parts("classification")
    both = {"source": val, "target": data.take(val, list(range(10)))}
    run = of_kind("classification", train={"source": train, "target": train}, val=both, objective="cross_entropy(stream='source')")
    run = with_(run, metric="information(stream='target')", measure_on="val", steps=2)
    result = tljax.fit(run, tmp_path, quiet=True)
    assert {"source/accuracy", "target/accuracy"} <= result.metrics.keys()
    assert result.summary["measured_on"] == "source (30 examples), target (10 examples)" and result.summary["metric"] == "information"
