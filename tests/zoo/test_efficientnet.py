"""EfficientNet: published sizes, compound scaling, resolutions, stochastic depth."""

import numpy as np
import pytest

from tests.zoo.stage_shapes import stage_shapes
from tljax import models, trees
from tljax.zoo.efficientnet.model import VARIANTS, plan

TINY = "efficientnet_b0(width=0.1, depth=0.3)"


@pytest.mark.parametrize(("name", "parameters"), [("efficientnet_b0", 5_288_548), ("efficientnet_b2", 9_109_994)])
def test_the_sizes_are_those_of_published_models(name, parameters):
    assert trees.size(models.shapes(models.create(name, 1000))["params"]) == parameters  # torchvision's table of weights


def test_compound_scaling():
    blocks, channels, resolutions = [], [], []
    for name, (width, depth, side) in VARIANTS.items():
        network = plan(width, depth)
        blocks.append(sum(map(len, network.stages.values())))
        channels.append((network.stem, network.last))
        resolutions.append(models.create(name, 2).input_spec["x"].shape[:2])
        assert resolutions[-1] == (side, side)
    assert blocks == [16, 23, 23, 26, 32, 39, 45, 55]
    assert channels[::7] == [(32, 1280), (64, 2560)] and sorted(channels) == channels and resolutions[::7] == [(224, 224), (600, 600)]


def test_one_stage_per_resolution():
    sides = [shape[:2] for shape in stage_shapes(models.create(TINY, 3), 64, 48)]
    assert sides == [(32, 24), (32, 24), (16, 12), (8, 6), (4, 3), (2, 2), (2, 2)]


def test_the_rate_of_dropped_branches_grows_from_none_by_equal_steps():
    rates = [spec.drop_path for specs in plan(1.0, 1.0, 0.2).stages.values() for spec in specs]
    assert rates[0] == 0 and rates[-1] < 0.2
    np.testing.assert_allclose(np.diff(rates), 0.2 / len(rates))
    assert not any(spec.drop_path for specs in plan(1.0, 1.0).stages.values() for spec in specs)


def test_squeezed_channels_are_a_quarter_of_a_block_s_inputs():
    specs = [spec for stage in plan(1.0, 1.0).stages.values() for spec in stage]
    inputs = [32] + [spec.width for spec in specs[:-1]]
    assert [spec.squeeze for spec in specs] == [n // 4 for n in inputs]


@pytest.mark.parametrize(
    ("options", "said"),
    [("width=0.0", "width=0.0"), ("depth=-1.0", "depth=-1.0"), ("drop_path=1.0", "drop_path=1.0 a rate"), ("depht=1", "depht")],
)
def test_mistakes_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        models.create(f"efficientnet_b0({options})", 3)
