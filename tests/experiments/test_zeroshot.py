"""The program: class names of a folder, a table, a saved classifier that the other programs take."""

import numpy as np
import pytest

from experiments import evaluate, predict, zeroshot
from tests.weights import two_towers
from tljax import weights


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return two_towers.write(tmp_path_factory.mktemp("towers") / "clip", "clip")


def test_it_measures_and_keeps_what_the_other_programs_measure(clip, photos, tmp_path, capsys):
    source = f"folder({str(photos)!r})"
    zeroshot.main(str(clip / "model.npz"), source, ("a photo of a {}.", "the {}"), str(tmp_path / "kept"), 8, 0)
    said = capsys.readouterr().out
    assert "accuracy" in said and f"Measured on {source}" in said
    kept = weights.open(tmp_path / "kept")
    assert kept.config.labels == ("köln", "猫") and kept.config.head == "cosine" and "'the {}'" in kept.config.source
    again = evaluate.run(str(tmp_path / "kept"), source, batch_size=8)
    result = zeroshot.run(str(clip / "model.npz"), source, ("a photo of a {}.", "the {}"), batch_size=24)
    assert (again["correct"], again["examples"]) == (result["correct"], 24)
    assert again["metrics"]["accuracy"] == result["metrics"]["accuracy"] == result["correct"] / 24
    rows = list(predict.run(str(tmp_path / "kept"), str(photos / "猫"), top=2))
    assert len(rows) == 12 and {p["class"] for p in rows[0]["predictions"]} == {"köln", "猫"}


def test_what_has_no_class_names_or_no_text_tower_is_refused(clip, tmp_path, photos):
    np.savez(tmp_path / "vectors.npz", x=np.zeros((4, 3), np.float32), y=np.arange(4.0, dtype=np.float32))
    with pytest.raises(ValueError, match="one class per example"):
        zeroshot.run(str(clip / "model.npz"), f"npz({str(tmp_path / 'vectors.npz')!r}, x='x', label='y')")
    images = {name: a for name, a in two_towers.arrays("clip").items() if name.startswith(("vision", "visual"))}
    np.savez(tmp_path / "image.npz", **images)
    with pytest.raises(ValueError, match="wanted: the text tower, clip_text_hf"):
        zeroshot.run(str(tmp_path / "image.npz"), f"folder({str(photos)!r})")
