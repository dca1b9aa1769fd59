"""Whose a folder is, and what can be had of a run that was cut off."""

import json
import shutil

import numpy as np
import pytest

import tljax
from tests.runs.conftest import of_kind, parts
from tljax.runs import setup, workdirs
from tljax.train import logger


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """A workdir whose run ended after step 11 of 40."""
    root = tmp_path_factory.mktemp("cut")
    true_batches = setup.Setup.batches

    def batches(self, phase, step):
        for i, batch in enumerate(true_batches(self, phase, step)):
            if step + i == 11:
                raise KeyboardInterrupt
            yield batch

    setup.Setup.batches = batches
    try:
        with pytest.raises(KeyboardInterrupt):
            tljax.fit(of_kind("classification", eval_every=5, strategy="scratch"), root, quiet=True)
    finally:
        setup.Setup.batches = true_batches
    return root


def test_an_interrupted_run_says_so_and_gives_its_best_weights_on_request(cut):
    with pytest.raises(
        ValueError, match=r"the run has not finished \(step 1[01] of 40\); the command that started it resumes it.*best=True \(--best\)"
    ):
        tljax.open(cut)
    opened = tljax.open(cut, best=True)
    best = max((row for row in logger.read(cut) if row["split"] == "val"), key=lambda row: row["score"])
    assert opened.measure(parts("classification")[1])["accuracy"] == pytest.approx(best["accuracy"]) and best["step"] > 0
    assert opened.config.labels == ("a", "ö", "c") and opened.task.name == "classification" and not opened.new_head


def test_a_run_that_has_saved_nothing_says_so(cut, tmp_path):
    shutil.copytree(cut, tmp_path / "w", dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "w" / "best")
    with pytest.raises(ValueError, match=r"(best holds no checkpoint|has saved nothing yet)"):
        tljax.open(tmp_path / "w", best=True)


def test_run_json_tells_the_run_and_what_it_was_made_with(cut):
    content = json.loads((cut / "run.json").read_text())
    assert content["run"]["steps"] == 40 and len(content["hash"]) == 16
    assert content["versions"]["tljax"] == tljax.__version__ and content["device"]["count"] >= 1


def test_a_damaged_or_an_old_workdir_is_named(tmp_path):
    (tmp_path / "run.json").write_text('{"run": ')
    with pytest.raises(ValueError, match=r"run.json is damaged .*delete the workdir to start again"):
        tljax.fit(of_kind("classification"), tmp_path, quiet=True)
    (tmp_path / "run.json").unlink()
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="a run of an earlier version"):
        tljax.fit(of_kind("classification"), tmp_path, quiet=True)


def test_a_small_file_is_whole_or_absent(tmp_path, monkeypatch):
    workdirs.write_json(tmp_path / "a.json", {"ö": 1})
    assert workdirs.read_json(tmp_path / "a.json") == {"ö": 1}
    with pytest.raises(TypeError):
        workdirs.write_json(tmp_path / "a.json", {"x": np.zeros(2)})
    assert workdirs.read_json(tmp_path / "a.json") == {"ö": 1} and [p.name for p in tmp_path.iterdir()] == ["a.json"]
