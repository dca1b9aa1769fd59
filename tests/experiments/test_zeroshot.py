"""The program: class names of a folder, a table, a saved classifier that the other programs take."""

import json

import numpy as np
import pytest

import tljax
from tests.experiments.conftest import call
from tests.weights import two_towers


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return two_towers.write(tmp_path_factory.mktemp("towers") / "clip", "clip")


def test_it_measures_and_keeps_what_the_other_programs_measure(clip, photos, tmp_path, capsys):
    source, out = f"folder({str(photos)!r})", tmp_path / "kept"
    flags = (f"--weights={clip / 'model.npz'}", f"--data={source}", "--template=a photo of a {}.", "--template=the {}")
    call("zeroshot", *flags, f"--out={out}", "--batch_size=8")
    text = capsys.readouterr().out
    assert "accuracy" in text and f"Measured on {source}" in text
    kept = tljax.open(out)
    assert kept.config.labels == ("köln", "猫") and kept.config.head == "cosine" and "'the {}'" in kept.config.source
    assert kept.task.name == "classification"
    call("evaluate", f"--weights={out}", f"--data={source}", f"--out={tmp_path / 'e.json'}", "--batch_size=24")
    result = json.loads((tmp_path / "e.json").read_text())
    assert result["examples"] == 24 and f"{result['metrics']['accuracy']:.4f}" in text
    rows = kept.predict(photos / "猫", top=2)
    assert len(rows) == 12 and {p["class"] for p in rows[0]["predictions"]} == {"köln", "猫"}


def test_what_has_no_class_names_or_no_text_tower_is_refused(clip, tmp_path, photos):
    np.savez(tmp_path / "vectors.npz", x=np.zeros((4, 3), np.float32), y=np.arange(4.0, dtype=np.float32))
    with pytest.raises(ValueError, match="one class per example"):
        call("zeroshot", f"--weights={clip / 'model.npz'}", f"--data=npz({str(tmp_path / 'vectors.npz')!r}, x='x', label='y')")
    images = {name: a for name, a in two_towers.arrays("clip").items() if name.startswith(("vision", "visual"))}
    np.savez(tmp_path / "image.npz", **images)
    with pytest.raises(ValueError, match="wanted: the text tower, clip_text_hf"):
        call("zeroshot", f"--weights={tmp_path / 'image.npz'}", f"--data=folder({str(photos)!r})")
