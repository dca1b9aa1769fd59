import numpy as np
import pytest
from PIL import Image

from tljax.report import probe


@pytest.mark.parametrize("n", [1, 4, 26])
@pytest.mark.parametrize("folds", [True, False])
def test_the_picture_holds_every_stage(tmp_path, n, folds):
    cv = {"cv": 0.5, "cv_spread": 0.1} if folds else {"cv": None, "cv_spread": None}
    rows = [{"stage": f"block{i:02d}", "test": i / n, "test_error": 0.02} | cv for i in range(n)]
    path = probe.stage_accuracy(rows, tmp_path / "p.png", {"pixels 32": 0.3, "most frequent class": 0.1}, "$title_1")
    with Image.open(path) as image:
        assert image.width >= 40 * n and np.asarray(image.convert("L")).std() > 0


def test_no_rows_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="no rows"):
        probe.stage_accuracy([], tmp_path / "p.png", {})
