"""A classifier on the features of each stage, at sizes of seconds."""

import json
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tljax import data
from tljax.evaluate import features
from tljax.runs import probing


@pytest.fixture
def held_out(photos):
    """Other files with the content of `photos`."""
    return shutil.copytree(photos, photos.with_name("held out"))


def test_probe_measures_each_stage_once_and_keeps_the_features(source_model, photos, held_out, tmp_path, monkeypatch):
    train, test = f"folder({str(photos)!r})", f"folder({str(held_out)!r})"
    result = probing.probe(str(source_model), train, test, tmp_path, pixels=4)
    assert [row["stage"] for row in result["rows"]] == ["pixels 4", "stem", "stage1"]
    assert [row["D"] for row in result["rows"]] == [16, 4, 6] and {row["n"] for row in result["rows"]} == {24}
    assert result["majority"] == 0.5 and result["rows"][0]["test"] > 0.9
    assert json.loads((tmp_path / "probe.json").read_text()) == json.loads(json.dumps(result))
    said = probing.report(result, tmp_path)
    assert "C chosen by 5-fold cross-validation (1 seed) on train" in said and "(24 examples)" in said and "pixels 4" in said
    assert (tmp_path / "table.md").exists() and (tmp_path / "figures" / "probe.png").exists()

    monkeypatch.setattr(features, "compile_features", None)  # whoever ran the model now would fail
    again = probing.probe(str(source_model), train, test, tmp_path, learner="ridge", pixels=4)
    assert again["setting"] == "alpha" and len(again["rows"]) == 3
    with pytest.raises(TypeError):
        probing.probe(str(source_model), train, test, tmp_path, stages="stem")


def test_a_damaged_file_of_features_is_computed_again(source_model, photos, held_out, tmp_path, capsys):
    train, test = f"folder({str(photos)!r})", f"folder({str(held_out)!r})"
    first = probing.probe(str(source_model), train, test, tmp_path, stages="stem")
    kept, _ = (tmp_path / "features").iterdir()
    kept.write_bytes(kept.read_bytes()[:200])
    assert probing.probe(str(source_model), train, test, tmp_path, stages="stem") == first
    assert "is damaged" in capsys.readouterr().out


def test_one_example_a_class_is_said_and_not_cross_validated(source_model, photos, held_out, tmp_path):
    for image in photos.glob("*/*.png"):
        if image.stem != "1":
            image.unlink()
    train, test = f"folder({str(photos)!r})", f"folder({str(held_out)!r})"
    result = probing.probe(str(source_model), train, test, tmp_path, stages="stage1")
    assert result["rows"][0]["cv"] is None and "nothing can be cross-validated" in probing.report(result, tmp_path)


def test_labels_that_are_no_classes_and_unknown_classes_are_named(source_model, photos, tmp_path):
    x = np.zeros((6, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "numbers.npz", x=x, y=np.arange(6) / 2)
    np.savez(tmp_path / "several.npz", x=x, y=np.eye(6, 3, dtype=int))
    np.savez(tmp_path / "names.npz", x=x, y=np.array(["köln", "oslo"] * 3))
    folder = f"folder({str(photos)!r})"
    for name in ("numbers", "several"):
        with pytest.raises(ValueError, match=rf"--train=npz.*{name}.*one class per example"):
            probing.probe(str(source_model), f"npz({str(tmp_path / f'{name}.npz')!r})", folder, tmp_path / "w")
    with pytest.raises(ValueError, match=r"^--test=.*names the classes \['oslo'\] that the training data lacks"):
        probing.probe(str(source_model), folder, f"npz({str(tmp_path / 'names.npz')!r})", tmp_path / "w")
    with pytest.raises(ValueError, match="there are stem, stage1"):
        probing.probe(str(source_model), folder, folder, tmp_path / "w", stages="stage7")
    assert not (tmp_path / "w").exists()


def test_classes_are_matched_by_name_where_the_test_data_lacks_some(source_model, photos, held_out, tmp_path):
    shutil.rmtree(held_out / "köln")
    assert data.create(f"folder({str(held_out)!r})").classes == ("猫",)
    result = probing.probe(str(source_model), f"folder({str(photos)!r})", f"folder({str(held_out)!r})", tmp_path, stages="stem", pixels=4)
    assert (
        result["majority"] == 0.0 and result["rows"][0]["test"] > 0.9 and result["rows"][0]["n"] == 12
    )  # 猫 is class 1 of train, 0 of test


def test_examples_that_train_and_test_share_are_an_error(source_model, photos, tmp_path):
    folder = f"folder({str(photos)!r})"
    (tmp_path / "list.csv").write_text("köln/0.png,köln\n猫/3.png,猫\n", encoding="utf-8")
    listed = f"listed({str(photos)!r}, {str(tmp_path / 'list.csv')!r})"
    for train, test, n in ((folder, folder, 24), (folder, listed, 2), ("digits", "digits", 1797)):
        with pytest.raises(ValueError, match=rf"^--test=.* holds {n} of its examples"):
            probing.probe(str(source_model), train, test, tmp_path / "w")
    np.savez(tmp_path / "both.npz", a=np.zeros((6, 8, 8, 1), np.uint8), b=np.ones((6, 8, 8, 1), np.uint8), y=np.arange(6) % 2)
    one, other = (f"npz({str(tmp_path / 'both.npz')!r}, x={name!r})" for name in "ab")
    assert len(probing.probe(str(source_model), one, other, tmp_path / "w", stages="stem")["rows"]) == 1


def test_the_workdir_of_another_program_is_left_alone(source_model, photos, held_out):
    before = sorted(source_model.rglob("*"))
    with pytest.raises(ValueError, match="holds a run of another program"):
        probing.probe(str(source_model), f"folder({str(photos)!r})", f"folder({str(held_out)!r})", source_model)
    assert sorted(source_model.rglob("*")) == before


@pytest.mark.skipif("TLJAX_DATA" not in os.environ, reason="TLJAX_DATA names no folder with the published weights and data")
def test_imagenet_features_know_flowers_that_pixels_do_not(tmp_path):
    root = Path(os.environ["TLJAX_DATA"])
    with tarfile.open(root / "archives" / "oxford_flowers12_960.tar") as tar:
        tar.extractall(tmp_path, filter="data")
    train, test = (f"folder({str(tmp_path / 'flowers' / split)!r})" for split in ("train", "test"))
    mobilenet = str(root / "weights" / "imagenet_mobilenet_v1_0.25_224_keras_full.h5")
    pixels, last = probing.probe(mobilenet, train, test, tmp_path / "run", stages="stage5", pixels=16)["rows"]
    assert last["D"] == 256 and last["folds"] == 5 and min(last["cv"], last["test"]) >= 0.94  # .963 and .958, measured
    assert 0.5 < pixels["test"] < 0.7  # .592, measured
