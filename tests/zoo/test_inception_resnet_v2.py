"""Inception-ResNet-v2: published sizes, resolutions, blocks."""

import pytest

from tests.zoo.stage_shapes import stage_shapes
from tljax import models, trees

TINY = "inception_resnet_v2(width=0.03125, blocks=(1, 2, 0))"


@pytest.mark.parametrize(
    ("options", "parameters"),
    [("", 55_843_464), ("(norm_scale=False)", 55_873_736 - 60_544)],  # timm's; Keras's summary, less BatchNorm's statistics
)
def test_the_sizes_are_those_of_the_published_models(options, parameters):
    assert trees.size(models.shapes(models.create(f"inception_resnet_v2{options}", 1000))["params"]) == parameters


def test_resolutions_and_blocks():
    assert stage_shapes(models.create(TINY, 3), 299, 299) == [(147, 147, 2), (71, 71, 6), (35, 35, 10), (17, 17, 34), (8, 8, 48)]
    stages = models.shapes(models.create(TINY, 3))["params"]["backbone"]
    blocks = {stage: sorted(name for name in parts if name.startswith(("block", "last"))) for stage, parts in stages.items()}
    assert blocks == {"stem": [], "stage1": [], "stage2": ["block0"], "stage3": ["block0", "block1"], "stage4": ["last"]}


def test_mistakes_are_named():
    for options, said in (("width=0.0", "width=0.0 must be positive"), ("blocks=(1, 2)", r"blocks=\(1, 2\) three numbers")):
        with pytest.raises(ValueError, match=said):
            models.create(f"inception_resnet_v2({options})", 3)
    with pytest.raises(ValueError, match="the images are too small"):
        stage_shapes(models.create(TINY, 3), 40, 40)
