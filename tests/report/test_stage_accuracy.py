import numpy as np
import pytest
from PIL import Image

from tljax.report import stage_accuracy


@pytest.mark.parametrize("n", [1, 4, 26])
@pytest.mark.parametrize("folds", [True, False])
def test_the_picture_holds_every_stage(tmp_path, n, folds, monkeypatch):
    drawn, save = [], stage_accuracy.png.save
    monkeypatch.setattr(stage_accuracy.png, "save", lambda figure, path: drawn.append(figure) or save(figure, path))
    cv = {"cv": 0.5, "cv_spread": 0.1} if folds else {"cv": None, "cv_spread": None}
    rows = [{"stage": f"block{i:02d}", "test": i / n, "test_error": 0.02} | cv for i in range(n)]
    path = stage_accuracy.draw(rows, tmp_path / "p.png", {"pixels 32": 0.3, "most frequent class": 0.1}, "$title_1")
    with Image.open(path) as image:
        assert image.width >= 40 * n
    (axes,) = drawn[0].axes
    assert [t.get_text() for t in axes.get_xticklabels()] == [row["stage"] for row in rows] and axes.get_title() == "$title_1"
    lines = {bars.get_label(): bars for bars in axes.containers}
    assert list(lines) == ["cross-validation ± sd over folds"] * folds + ["test ± se"]
    for bars, key, spread in zip(lines.values(), ["cv"] * folds + ["test"], ["cv_spread"] * folds + ["test_error"], strict=True):
        np.testing.assert_allclose(bars.lines[0].get_ydata(orig=False), [row[key] for row in rows])
        np.testing.assert_allclose([np.ptp(bar[:, 1]) / 2 for bar in bars.lines[2][0].get_segments()], [row[spread] for row in rows])
    said = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert sorted(said) == sorted([*lines, "pixels 32: 0.300", "most frequent class: 0.100"])
    level = {line.get_label(): line.get_ydata()[0] for line in axes.lines if ": " in str(line.get_label())}
    assert level == {"pixels 32: 0.300": 0.3, "most frequent class: 0.100": 0.1}


def test_no_rows_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="no rows"):
        stage_accuracy.draw([], tmp_path / "p.png", {})
