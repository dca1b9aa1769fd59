"""MobileNetV3 of Keras: three spellings of its names, files without a top, what is no such MobileNetV3."""

import re

import numpy as np
import pytest

from tests.weights import foreign
from tljax import models, weights
from tljax.weights.keymap import table

SMALL = "mobilenet_v3_small(width=0.1, ratios=True, padding='asymmetric')"
FAMILY = "mobilenet_v3_keras"
NUMBERS = {"kernel": "0", "bias": "1", "gamma": "0", "beta": "1", "moving_mean": "2", "moving_variance": "3"}


def opened(folder, arrays, **overrides):
    np.savez(folder / "x.npz", **arrays)
    return weights.open(folder / "x.npz", **overrides)


def numbered(name):
    layer, leaf = name.split("/")
    return f"{layer}/{NUMBERS[leaf]}"


def published(name):
    """As in the files of keras.applications: ``expanded_conv_3/squeeze_excite/Conv_1/kernel``, ``Conv/BatchNorm/gamma``."""
    layer, leaf = name.split("/")
    if match := re.fullmatch(r"(expanded_conv(?:_\d+)?)_(expand|depthwise|project|squeeze_excite)(?:_(bn|conv|conv_1))?", layer):
        layer = "/".join(filter(None, (match[1], match[2], {"bn": "BatchNorm", "conv": "Conv", "conv_1": "Conv_1"}.get(match[3]))))
    else:
        layer = layer[0].upper() + layer[1:].replace("_bn", "/BatchNorm")
    return f"{layer}/{'depthwise_kernel' if layer.endswith('depthwise') and leaf == 'kernel' else leaf}"


def test_the_spellings_of_keras_2_and_3_are_the_same_model(tmp_path):
    arrays = foreign.drawn(FAMILY, models.create(SMALL, 5))
    assert published("expanded_conv_3_squeeze_excite_conv_1/bias") == "expanded_conv_3/squeeze_excite/Conv_1/bias"
    for change in (lambda name: name, numbered, published):
        renamed = {change(name): a for name, a in arrays.items()}
        assert len(renamed) == len(arrays)
        found = opened(tmp_path, renamed)
        assert found.config.num_classes == 5 and found.report.family == FAMILY and not found.report.new
        assert models.create(found.config.model, 5) == models.create(SMALL, 5)
        params = found.variables["params"]
        np.testing.assert_array_equal(params["backbone"]["penultimate"]["fc"]["kernel"], arrays["conv_2/kernel"][0, 0])
        expand = params["backbone"]["stage3"]["block3_1"]["se"]["expand"]["bias"]
        np.testing.assert_array_equal(expand, arrays["expanded_conv_4_squeeze_excite_conv_1/bias"])


def test_a_file_without_its_top_has_no_penultimate_layer(tmp_path):
    arrays = {name: a for name, a in foreign.drawn(FAMILY, models.create(SMALL, 5)).items() if not name.startswith(("conv_2", "logits"))}
    found = opened(tmp_path, arrays)
    assert found.config.head == "features" and not found.report.new and found.model.stages[-1] == "last"
    assert set(opened(tmp_path, arrays, num_classes=4).report.new) == {"params/head/kernel", "params/head/bias"}


def test_the_config():
    config = table(FAMILY).config({"model": "mobilenet_v3_small", "num_classes": 1000, "in_channels": 3})
    assert config.mean == config.std == (0.5,) * 3 and config.input_size == (224, 224) and len(config.labels) == 1000
    assert "MobileNetV3Small" in config.source and "assumed" in config.source


def test_what_is_no_such_mobilenet_is_told_why(tmp_path):
    arrays = foreign.drawn(FAMILY, models.create(SMALL, 5))
    minimal = {name: a for name, a in arrays.items() if "squeeze" not in name}  # the minimalistic ones
    with pytest.raises(ValueError, match=r"block1_0/se/reduce/kernel is absent"):
        opened(tmp_path, minimal)
    wide = dict(foreign.shapes(FAMILY, models.create(SMALL.replace("0.1", "2.0"), 5))) | {"conv/kernel": (3, 3, 3, 16)}
    with pytest.raises(
        ValueError, match=r"conv/kernel is \[3, 3, 3, 16\] in our layout, .* in mobilenet_v3_small\(width=2.0, .* it is \[3, 3, 3, 32\]"
    ):
        table(FAMILY).infer(wide)
