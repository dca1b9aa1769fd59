"""Keras's ResNets: old and new names of the classifier, numbered names, what is no such ResNet."""

import numpy as np
import pytest

from tests.weights import foreign
from tljax import models, weights
from tljax.weights.keymap import table

V1, V2 = "resnet50(width=4, stride_first=True, bias=True, epsilon=1.001e-05)", "resnet50_v2(blocks=(2, 1), width=4)"
FAMILIES = {"resnet_keras": V1, "resnet_v2_keras": V2}
ORDER = ("kernel", "bias"), ("gamma", "beta", "moving_mean", "moving_variance")


def numbered(name):
    layer, leaf = name.split("/")
    return f"{layer}/{next(order.index(leaf) for order in ORDER if leaf in order)}"


@pytest.mark.parametrize("family", FAMILIES)
def test_all_spellings_are_the_same_model(tmp_path, family):
    arrays = foreign.drawn(family, models.create(FAMILIES[family], 5))
    for change in (lambda name: name, numbered, lambda name: name.replace("predictions", "probs")):
        np.savez(tmp_path / "x.npz", **{change(name): a for name, a in arrays.items()})
        found = weights.open(tmp_path / "x.npz")
        assert found.config.model == FAMILIES[family] and found.config.num_classes == 5 and not found.report.new
        np.testing.assert_array_equal(found.variables["params"]["head"]["bias"], arrays["predictions/bias"])
        np.testing.assert_array_equal(
            found.variables["params"]["backbone"]["stage1"]["block1"]["conv3"]["kernel"], arrays["conv2_block2_3_conv/kernel"]
        )


def test_configs():
    fields = {"model": "resnet50", "num_classes": 1000, "in_channels": 3}
    caffe, unit = (table(family).config(dict(fields)) for family in FAMILIES)
    assert caffe.channel_order == "BGR" and caffe.mean == pytest.approx((103.939 / 255, 116.779 / 255, 123.68 / 255))
    assert caffe.std == pytest.approx((1 / 255,) * 3) and unit.channel_order == "RGB" and unit.mean == unit.std == (0.5,) * 3


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_no_such_resnet_is_told_why(family):
    shapes = foreign.shapes(family, models.create(FAMILIES[family], 5))
    with pytest.raises(ValueError, match=r"conv1_conv is \(3, 3, 3, 4\), not \[7, 7, channels, width\]"):
        table(family).infer(shapes | {"conv1_conv/kernel": (3, 3, 3, 4)})
    with pytest.raises(ValueError, match=r"conv1_conv is \(\)"):
        table(family).infer({})
    if family == "resnet_keras":
        with pytest.raises(ValueError, match=r"four stages have \[3, 4, 6, 2\] bottleneck blocks"):
            table(family).infer({name: shape for name, shape in shapes.items() if not name.startswith("conv5_block3")})
