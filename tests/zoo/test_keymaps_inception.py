"""The key tables of the Inception line: configs, numbers in place of names, classifiers that are left out, relatives that are refused."""

import functools
import re

import numpy as np
import pytest

from tests.weights import foreign
from tljax import models, weights
from tljax.weights import imagenet
from tljax.weights.keymap import table, translate
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.presets import MEAN, STD

NARROW = {
    "googlenet": "googlenet(width=0.0625)",
    "inception_v3": "inception_v3(width=0.03125)",
    "inception_v3_keras": "inception_v3(width=0.03125, count_padding=False, norm_scale=False)",
    "inception_resnet_v2": "inception_resnet_v2(width=0.03125, blocks=(1, 2, 1))",
    "inception_resnet_v2_keras": "inception_resnet_v2(width=0.03125, norm_scale=False)",
    "xception_keras": "xception(width=0.03125, middle=1)",
    "xception_timm": "xception(width=0.03125, middle=1, padding='symmetric', epsilon=1e-05)",
    "nasnet_mobile": "nasnet_mobile(filters=4, cells=1, stem_width=4)",
}
HEADS = {"googlenet": "fc.", "inception_v3": "fc.", "inception_resnet_v2": "classif.", "xception_timm": "fc."}


@functools.cache
def narrow(family: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a small file with 5 classes on 2 channels."""
    return foreign.shapes(family, models.create(NARROW[family], 5, in_channels=2))


@pytest.mark.parametrize("family", NARROW)
def test_width_classes_and_channels_are_read_off_the_shapes(family):
    shapes = narrow(family)
    assert not translate(table(family), shapes).unknown
    assert table(family).infer(shapes) == {"model": NARROW[family], "num_classes": 5, "in_channels": 2}
    headless = {name: shape for name, shape in shapes.items() if not name.startswith(HEADS.get(family, "predictions/"))}
    assert len(headless) == len(shapes) - 2 and table(family).infer(headless)["num_classes"] == 0


@pytest.mark.parametrize("width", [0.3, 1.31])
def test_any_width_opens(width):
    model = models.create(f"googlenet(width={width})", 2)
    found = table("googlenet").infer(foreign.shapes("googlenet", model))["model"]
    assert models.create(found, 2) == model, "another width perhaps, but the same layers"


@pytest.mark.parametrize("family", NARROW)
def test_configs_of_imagenet_models(family):
    config = table(family).config({"model": NARROW[family], "num_classes": 1000, "in_channels": 3})
    assert config.mean == config.std == (0.5,) * 3 and config.channel_order == "RGB" and config.labels == imagenet.labels()
    assert config.input_size == ((224, 224) if family in ("googlenet", "nasnet_mobile") else (299, 299))
    side, timm = config.input_size[0] / config.crop_fraction, family in ("xception_timm", "inception_resnet_v2")
    assert round(side) == (256 if config.input_size[0] == 224 else 333 if timm else 342)
    assert config.interpolation == ("bicubic" if timm else "bilinear") and "assumed" in config.source
    gray = table(family).config({"model": NARROW[family], "num_classes": 2, "in_channels": 1})
    assert gray.channel_order == "L" and gray.mean == (0.5,) and gray.labels == ()


def test_torchvision_s_transform_input_gives_the_inputs_of_the_config():
    """It takes inputs normalized by ImageNet's mean and deviation, and makes ``x * (std / 0.5) + (mean - 0.5) / 0.5`` of them."""
    config = table("inception_v3").config({"model": "inception_v3", "num_classes": 1000, "in_channels": 3})
    image = np.random.default_rng(0).uniform(size=(4, 4, 3))
    theirs = (image - MEAN) / STD * (np.array(STD) / 0.5) + (np.array(MEAN) - 0.5) / 0.5
    np.testing.assert_allclose((image - config.mean) / config.std, theirs, atol=1e-12)


def shifted(name: str, by: int) -> str:
    """The name of a layer that Keras counted, in a process that had built `by` of its kind before."""
    if not (match := re.match(r"(conv2d|batch_normalization)(?:_(\d+))?/", name)):
        return name
    return f"{match[1]}_{int(match[2] or 0) + by}/{name.partition('/')[2]}"


@pytest.mark.parametrize("family", ["inception_v3_keras", "inception_resnet_v2_keras", "xception_keras"])
def test_where_keras_began_to_count_does_not_matter(family):
    shapes = narrow(family)
    for by in (1, 95):
        other = {shifted(name, by): shape for name, shape in reversed(shapes.items())}
        assert other.keys() != shapes.keys()
        known = translate(table(family), other).known
        assert {name: known[shifted(name, by)] for name in shapes} == translate(table(family), shapes).known
        assert table(family).infer(other) == table(family).infer(shapes)


def test_name_scopes_around_layers_do_not_matter():
    """As Keras saves them in .h5 files: the layer's group, then the variable's name with its scopes."""
    shapes = narrow("nasnet_mobile")
    scoped = {name: f"{name.partition('/')[0]}/normal_A_block_0/adjust_block/{name}" for name in shapes if "stem" not in name}
    other = {scoped.get(name, name): shape for name, shape in shapes.items()}
    known = translate(table("nasnet_mobile"), other).known
    assert {name: known[scoped.get(name, name)] for name in shapes} == translate(table("nasnet_mobile"), shapes).known
    assert table("nasnet_mobile").infer(other) == table("nasnet_mobile").infer(shapes) and len(scoped) > 100


def test_layers_are_counted_by_kind_in_the_order_of_their_numbers():
    names = ["conv2d_10/kernel", "conv2d_9/kernel", "conv2d_9/bias", "batch_normalization/beta", "conv2d_x/kernel", "other/conv2d_3/kernel"]
    assert keras_rules.counted(names) == {
        "conv2d_9/kernel": "conv2d/kernel",
        "conv2d_9/bias": "conv2d/bias",
        "conv2d_10/kernel": "conv2d_1/kernel",
        "batch_normalization/beta": "batch_normalization/beta",
    }


@pytest.mark.parametrize("family", [family for family in NARROW if "keras" in family or family == "nasnet_mobile"])
def test_keras_3_numbers_a_layer_s_arrays(family):
    order = ("kernel", "bias"), ("gamma", "beta", "moving_mean", "moving_variance"), ("depthwise_kernel", "pointwise_kernel")
    shapes, layers = narrow(family), {}
    for name in shapes:
        layers.setdefault(name.partition("/")[0], []).append(name.partition("/")[2])
    numbered = {}
    for layer, leaves in layers.items():
        kind = next(kind for kind in order if set(leaves) <= set(kind))
        numbered |= {f"{layer}/{leaf}": f"{layer}/{i}" for i, leaf in enumerate(leaf for leaf in kind if leaf in leaves)}
    known = translate(table(family), numbered.values()).known
    assert {name: known[numbered[name]] for name in shapes} == translate(table(family), shapes).known
    assert table(family).infer({numbered[name]: shape for name, shape in shapes.items()}) == table(family).infer(shapes)


def test_auxiliary_classifiers_are_reported_as_ignored(tmp_path):
    arrays = {name: np.zeros(shape, np.float32) for name, shape in narrow("googlenet").items()}
    more = {"aux1.conv.conv.weight": np.zeros((8, 32, 1, 1)), "aux2.fc2.bias": np.zeros(5), "conv1.bn.num_batches_tracked": np.array(3)}
    np.savez(tmp_path / "x.npz", **arrays, **more)
    opened = weights.open(tmp_path / "x.npz")
    assert opened.config.model == NARROW["googlenet"] and set(opened.report.ignored) == set(more) and not opened.report.new
    assert table("inception_v3").ignored[-1] == r"AuxLogits\..*"


@pytest.mark.parametrize(
    ("family", "changes", "said"),
    [
        ("googlenet", {"inception3a.branch3.1.conv.weight": (2, 1, 5, 5)}, "branch3.1.conv.weight is 5x5, that of GoogLeNet 3x3"),
        (
            "googlenet",
            {"inception3a.branch1.conv.weight": (3, 12, 1, 1)},
            "inception3a.branch1.conv.weight has 3 outputs, where GoogLeNet has 4",
        ),
        ("googlenet", {"conv1.conv.weight": None}, "no 4-dimensional conv1.conv.weight"),
        ("inception_v3", {"Mixed_7c.branch_pool.conv.weight": (6,)}, "no 4-dimensional Mixed_7c.branch_pool.conv.weight"),
        ("inception_v3_keras", {"conv2d_93/kernel": None}, "no 4-dimensional conv2d_93/kernel"),
        (
            "inception_resnet_v2",
            {"repeat.0.branch1.1.conv.weight": (1, 1, 1, 3)},
            "branch1.1.conv.weight is 1x3, that of Inception-ResNet-v2 3x3",
        ),
        ("xception_timm", {"conv1.weight": (2, 3, 3, 3)}, "conv1.weight has 2 outputs where an Xception of width 0.03125 has 1"),
        ("xception_keras", {"block14_sepconv2/pointwise_kernel": None}, "no 4-dimensional block14_sepconv2"),
        (
            "nasnet_mobile",
            {"normal_conv_1_4/kernel": (1, 1, 8, 4)},
            r"normal cells are \[0, 4, 5, 9\], those of a NASNet-Mobile \[0, 5, 9\]",
        ),
        ("nasnet_mobile", {"stem_conv1/kernel": None}, "no 4-dimensional kernels of stem_conv1"),
    ],
)
def test_relatives_are_told_what_differs(family, changes, said):
    shapes = {name: shape for name, shape in (narrow(family) | changes).items() if shape is not None}
    with pytest.raises(ValueError, match=said):
        table(family).infer(shapes)
