"""MobileNetV2: published sizes, resolutions, options."""

import numpy as np
import pytest

from tests.zoo.stage_shapes import stage_shapes
from tljax import models, trees

TINY = "mobilenet_v2(width=0.1, depth=0.3)"


def size(expression):
    return trees.size(models.shapes(models.create(expression, 1000))["params"])


def test_the_sizes_are_those_of_published_models():
    assert size("mobilenet_v2") == 3_504_872  # torchvision's table of weights
    assert round(size("mobilenet_v2(width=1.4)") / 1e6, 1) == 6.1  # timm's, as the next
    assert round(size("mobilenet_v2(width=1.2, depth=1.4, fixed_ends=True)") / 1e6, 1) == 5.8


def test_one_stage_per_resolution():
    sides = [shape[:2] for shape in stage_shapes(models.create(TINY, 3), 64, 48)]
    assert sides == [(32, 24), (32, 24), (16, 12), (8, 6), (4, 3), (2, 2), (2, 2)]


def test_the_options_change_the_network():
    shapes = {options: trees.flatten(models.shapes(models.create(f"mobilenet_v2({options})", 2))) for options in OPTIONS}
    sizes = [sum(int(np.prod(leaf.shape)) for leaf in found.values()) for found in shapes.values()]
    assert len(set(sizes)) == len(sizes)
    kernels = {options: found["params/backbone/last/conv/kernel"].shape[3] for options, found in shapes.items()}
    assert kernels == dict(zip(OPTIONS, (1280, 1280, 1792, 1280), strict=True))


OPTIONS = ("width=0.5", "width=0.5, depth=1.2", "width=1.4", "width=1.4, fixed_ends=True")


@pytest.mark.parametrize(
    ("options", "said"),
    [("width=0.0", r"width=0.0 and depth=1.0 must be above 0"), ("depth=-1.0", "depth=-1.0"), ("padding='same'", "padding='same'")],
)
def test_mistakes_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        models.create(f"mobilenet_v2({options})", 3)
