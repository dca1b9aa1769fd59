"""Pictures of a task become files."""

import numpy as np
import pytest
from PIL import Image

from tljax.report import pictures
from tljax.tasks import Grid, Matrix, Scatter


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(
    "picture",
    [
        Matrix(np.array([[3, 1], [0, 2]]), ("köln", "b")),
        Grid([np.zeros((4, 4, 1), np.uint8)], ["a"], "t"),
        Grid([], [], "t", empty="Nothing."),
        Scatter(np.array([1.0, 2.0]), np.array([1.5, 2.0]), "target"),
        Scatter(np.array([3.0]), np.array([3.0]), "one example, no spread"),
    ],
)
def test_each_picture_is_drawn(picture, tmp_path):
    path = pictures.draw(picture, tmp_path / "new" / "p.png")
    assert path == tmp_path / "new" / "p.png" and pixels(path).std() > 0


def test_a_picture_that_does_not_fit_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="does not fit 3 class names"):
        pictures.draw(Matrix(np.zeros((2, 2)), ("a", "b", "c")), tmp_path / "p.png")
    assert list(tmp_path.iterdir()) == []
