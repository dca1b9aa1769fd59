"""Both spellings of torchvision's names, Keras's, and what is no such DenseNet."""

import re

import numpy as np
import pytest

from tests.weights import foreign
from tljax import models, weights
from tljax.weights import imagenet
from tljax.weights.keymap import table

TINY = "densenet121(layers=(1, 2, 1, 1), growth=2, width=4)"


def tiny(family="densenet", classes=5):
    return foreign.drawn(family, models.create(TINY, classes))


def opened(path, arrays, **overrides):
    np.savez(path / "x.npz", **arrays)
    return weights.open(path / "x.npz", **overrides)


def dotted(name):
    return re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", name)


def test_names_with_a_dot_as_in_the_published_files_fill_the_same_leaves(tmp_path):
    arrays = tiny()
    old = {dotted(name): a for name, a in arrays.items()}
    assert "features.denseblock2.denselayer2.norm.1.running_var" in old and len(set(old) - set(arrays)) == 50
    a, b = opened(tmp_path, arrays), opened(tmp_path, old)
    assert a.config.model == b.config.model == TINY and not a.report.new and not b.report.new
    np.testing.assert_array_equal(*(o.variables["params"]["backbone"]["stage2"]["layer2"]["conv1"]["kernel"] for o in (a, b)))


def test_a_file_whose_two_spellings_of_a_name_differ_is_refused(tmp_path):
    arrays = tiny()
    name = "features.denseblock1.denselayer1.conv1.weight"
    with pytest.raises(ValueError, match=r"denselayer1.conv.1.weight \(a second tensor for params/backbone/stage1/layer1/conv1/kernel\)"):
        opened(tmp_path, arrays | {dotted(name): 2 * arrays[name]})


@pytest.mark.parametrize(("family", "epsilon"), [("densenet", ""), ("densenet_keras", ", epsilon=1.001e-05")])
def test_variants_are_read_off_the_shapes(family, epsilon):
    for model in (TINY, "densenet121(layers=(2, 1), growth=3, width=6, bottleneck=2)"):
        shapes = foreign.shapes(family, models.create(model, 7))
        wanted = {"model": f"{model[:-1]}{epsilon})", "num_classes": 7, "in_channels": 3}
        assert table(family).infer(shapes) == wanted


def test_configs():
    fields = {"model": "densenet121", "num_classes": 1000, "in_channels": 3}
    for family in ("densenet", "densenet_keras"):
        config = table(family).config(dict(fields))
        assert config.mean == (0.485, 0.456, 0.406) and config.channel_order == "RGB" and config.labels == imagenet.labels()
        assert config.input_size == (224, 224) and "assumed" in config.source


def test_the_classifier_s_old_name_in_keras(tmp_path):
    arrays = {name.replace("predictions", "fc1000"): a for name, a in tiny("densenet_keras").items()}
    assert "fc1000/kernel" in arrays
    found = opened(tmp_path, arrays)
    assert not found.report.new and found.config.num_classes == 5 and found.report.family == "densenet_keras"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a | {"features.conv0.weight": np.zeros((4, 3, 3, 3))}, r"features.conv0.weight is \(4, 3, 3, 3\), not"),
        (lambda a: {n: v for n, v in a.items() if "denseblock2.denselayer1." not in n}, r"\[1, 1, 1, 1\] dense layers, whose numbers"),
        (lambda a: {n: v for n, v in a.items() if "denseblock2." not in n}, r"\[1, 0, 1, 1\] dense layers, whose numbers"),
        (lambda a: a | {"features.denseblock1.denselayer1.conv1.weight": np.zeros((9, 4, 1, 1))}, "has 9 and then 2 channels"),
        (lambda a: a | {"features.conv1.weight": np.zeros((4, 4, 3, 3))}, "not its names: features.conv1.weight"),  # a deep stem
        (
            lambda a: {n: v for n, v in a.items() if n != "features.norm5.bias"},
            r" - params/backbone/norm/norm/bias \(features.norm5.bias\)",
        ),
    ],
)
def test_what_is_no_such_densenet_is_told_why(tmp_path, change, said):
    with pytest.raises(ValueError, match=said):
        opened(tmp_path, change(tiny()))
