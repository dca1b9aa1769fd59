"""GoogLeNet: published size, resolutions."""

import pytest

from tests.zoo.stage_shapes import stage_shapes
from tljax import models, trees

TINY = "googlenet(width=0.0625)"


def test_the_size_is_that_of_the_published_model():
    assert trees.size(models.shapes(models.create("googlenet", 1000))["params"]) == 6_624_904  # torchvision's table of weights


def test_resolutions_round_up_and_widths_add_up():
    assert stage_shapes(models.create(TINY, 3), 107, 80) == [(54, 40, 4), (27, 20, 12), (13, 10, 30), (6, 5, 52), (3, 3, 64)]
    assert [shape[0] for shape in stage_shapes(models.create(TINY, 3), 224, 224)] == [112, 56, 28, 14, 7]  # the paper's


@pytest.mark.parametrize(("width", "said"), [(0.0, "width=0.0 must be positive"), (0.05, "leaves a convolution with 16 outputs none")])
def test_mistakes_are_named(width, said):
    with pytest.raises(ValueError, match=said):
        models.create(f"googlenet(width={width})", 3)


def test_images_that_leave_no_pixel_are_refused():
    with pytest.raises(ValueError, match="the images are too small"):
        stage_shapes(models.create(TINY, 3), 4, 4)
