"""torchvision's names of every depth fill every parameter, and what is no such ResNet is told why."""

import lzma
from pathlib import Path

import numpy as np
import pytest

from tests.weights import foreign
from tljax import models, weights
from tljax.weights import imagenet
from tljax.weights.keymap import keymaps, translate

KEYMAP = keymaps["resnet"]()
MANIFESTS = Path(__file__).parent.parent / "parity" / "manifests"


def manifest(depth: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of torchvision's state dict."""
    text = lzma.decompress((MANIFESTS / f"resnet{depth}_full.txt.xz").read_bytes()).decode()
    return {name: tuple(map(int, shape)) for name, *shape in map(str.split, text.splitlines())}


def tiny(model: str = "resnet18(width=4)", **arguments) -> dict[str, np.ndarray]:
    """A small file under torchvision's names."""
    return foreign.drawn("resnet", models.create(model, **({"num_classes": 5} | arguments)))


def opened(path, arrays, **overrides):
    np.savez(path / "x.npz", **arrays)
    return weights.open(path / "x.npz", **overrides)


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_every_name_of_a_published_file_is_used_and_every_parameter_filled(depth):
    shapes = manifest(depth)
    names = translate(KEYMAP, shapes)
    assert not names.unknown and all(name.endswith(".num_batches_tracked") for name in names.ignored)
    assert {name: shapes[name] for name in names.known} == foreign.shapes("resnet", models.create(f"resnet{depth}", 1000))
    assert KEYMAP.infer(shapes) == {"model": f"resnet{depth}", "num_classes": 1000, "in_channels": 3}


def test_the_config_of_an_imagenet_model():
    config = KEYMAP.config(KEYMAP.infer(manifest(18)))
    assert config.input_size == (224, 224) and config.crop_fraction == 0.875 and config.interpolation == "bilinear"
    assert config.mean == (0.485, 0.456, 0.406) and config.labels == imagenet.labels() and "assumed" in config.source
    gray = KEYMAP.config({"model": "resnet18", "num_classes": 2, "in_channels": 1})
    assert gray.channel_order == "L" and len(gray.mean) == 1 and gray.labels == ()


def test_other_classes_channels_width_and_no_head(tmp_path):
    arrays = tiny(num_classes=7, in_channels=2)
    found = opened(tmp_path, arrays)
    assert (found.config.model, found.config.num_classes, found.config.in_channels) == ("resnet18(width=4)", 7, 2)
    headless = {name: a for name, a in arrays.items() if not name.startswith("fc.")}
    bare = opened(tmp_path, headless)
    assert (bare.config.head, bare.config.num_classes, bare.config.labels) == ("features", 32, ())
    assert opened(tmp_path, headless, num_classes=3).report.new.keys() == {"params/head/kernel", "params/head/bias"}


@pytest.mark.parametrize(
    "model",
    [
        "resnext101_64x4d",
        "wide_resnet101_2",
        "wide_resnet50_2(width=8)",
        "resnext50_32x4d(width=16)",
        "resnet50(width=8, groups=4, base_width=16)",
        "resnet50(groups=8)",
    ],
)
def test_relatives_are_told_apart_by_their_shapes(model):
    assert KEYMAP.infer(foreign.shapes("resnet", models.create(model, 7)))["model"] == model


def relative(**shapes) -> dict[str, np.ndarray]:
    """A narrow ResNet-50 with some tensors of other shapes."""
    return tiny("resnet50(width=4)") | {name.replace("__", "."): np.zeros(shape, np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (relative(layer1__0__conv1__weight=(8, 4, 1, 1)), r"layer1.0.conv1.weight has 8 outputs where .* width 4 ask for 4"),
        (
            relative(layer2__1__conv2__weight=(8, 2, 3, 3)),
            r"layer2.1.conv2.weight has 2 inputs a group where 1 groups for 8 outputs ask for 8",
        ),
        (relative(layer1__0__conv2__weight=(4, 3, 3, 3)), r"layer1.0.conv2.weight is \(4, 3, 3, 3\): no convolution whose groups"),
        (relative(conv1__weight=(4, 3, 3, 3)), "its first convolution is 3x3, not 7x7"),
        (relative(conv1__weight=(4,)), "no 4-dimensional conv1.weight"),
        (
            relative(layer4__3__conv1__weight=(32, 128, 1, 1)),
            r"four stages have \[3, 4, 6, 4\] bottleneck blocks, .* \[3, 4, 6, 3\] \(50 layers\)",
        ),
        (
            {n.replace("layer4.1.bn2.bias", "layer4.1.norm2.bias"): a for n, a in tiny().items()},
            "nearest is resnet .* but not its names: layer4.1.norm2.bias",
        ),
        (tiny() | {"conv1.3.weight": np.zeros(1)}, "nearest is resnet .* but not its names: conv1.3.weight"),  # a deep stem
        (
            {n: a for n, a in tiny().items() if n != "layer2.0.downsample.1.bias"},
            r" - params/backbone/stage2/block0/shortcut_bn/bias \(layer2",
        ),
    ],
)
def test_what_is_no_such_resnet_is_told_why(tmp_path, arrays, said):
    with pytest.raises(ValueError, match=said):
        opened(tmp_path, arrays)


@pytest.mark.parametrize("family", ["cifar_resnet", "resnet"])
def test_without_a_head_the_shapes_tell_the_families_apart(tmp_path, family):
    model = {"cifar_resnet": "resnet20_cifar(width=4)", "resnet": "resnet18(width=4)"}[family]
    arrays = {n: a for n, a in foreign.drawn(family, models.create(model, 2)).items() if not n.startswith(("fc", "linear"))}
    found = opened(tmp_path, arrays, num_classes=2)
    assert found.config.model == model and f"table of {family}" in found.report.config
