"""Which EfficientNet, MobileNetV2 or V3 a file's kernels are, and what is none of them, by every publisher's names."""

import lzma
from pathlib import Path

import numpy as np
import pytest

from tests.weights import foreign
from tljax.weights.detect_family import detect_family
from tljax.weights.keymap import table, translate
from tljax.weights.rules import inverted as inverted_rules
from tljax.zoo.efficientnet import model as efficientnet
from tljax.zoo.mobilenet_v2 import model as mobilenet_v2
from tljax.zoo.mobilenet_v3 import model as mobilenet_v3

TF = "padding='asymmetric', epsilon=0.001"
MANIFESTS = Path(__file__).parent.parent / "parity" / "manifests"


def file(family, plan, channels=3):
    """Names and shapes of the kernels of a network, without its head."""
    leaves = {path: np.broadcast_to(np.int8(0), shape) for path, shape in inverted_rules.kernels(plan, channels).items()}
    return {name: a.shape for name, a in foreign.named(family, leaves).items()}


def inferred(family, plan, channels=3):
    fields = table(family).infer(file(family, plan, channels))
    assert fields["num_classes"] == 0 and fields["in_channels"] == channels
    return fields["model"]


@pytest.mark.parametrize("name", efficientnet.VARIANTS)
def test_every_efficientnet_is_known_by_its_kernels(name):
    plan = efficientnet.plan(*efficientnet.VARIANTS[name][:2])
    late = name >= "efficientnet_b5"
    assert inferred("efficientnet", plan) == (f"{name}(epsilon=0.001)" if late else name)
    assert inferred("efficientnet_timm", plan, channels=1) == name
    assert inferred("efficientnet_keras", plan) == f"{name}({TF})"


@pytest.mark.parametrize("width", [0.35, 0.5, 0.75, 1.0, 1.3, 1.4])
def test_every_published_width_of_mobilenet_v2(width):
    said = [] if width == 1.0 else [f"width={width}"]
    for family, more in (("mobilenet_v2", []), ("mobilenet_v2_timm", []), ("mobilenet_v2_keras", [TF])):
        arguments = ", ".join([*said, *more])
        assert inferred(family, mobilenet_v2.plan(width)) == "mobilenet_v2" + (f"({arguments})" if arguments else "")


@pytest.mark.parametrize(("width", "depth"), [(1.1, 1.2), (1.2, 1.4)])
def test_the_deeper_mobilenet_v2(width, depth):
    plan = mobilenet_v2.plan(width, depth, fixed_ends=True)
    assert mobilenet_v2.plan(width, depth) != plan
    assert inferred("mobilenet_v2_timm", plan) == f"mobilenet_v2(width={width}, depth={depth}, fixed_ends=True)"


@pytest.mark.parametrize("size", ["large", "small"])
@pytest.mark.parametrize("width", [0.35, 0.5, 0.75, 1.0])
def test_every_published_width_of_mobilenet_v3(size, width):
    name, said = f"mobilenet_v3_{size}", "" if width == 1.0 else f"width={width}, "
    assert inferred("mobilenet_v3", mobilenet_v3.plan(name, width, ratios=False)) == (f"{name}(width={width})" if said else name)
    read = inferred("mobilenet_v3_timm", mobilenet_v3.plan(name, width, ratios=True))
    assert read == f"{name}({said}ratios=True, epsilon=1e-05)"


def published(label):
    lines = lzma.decompress((MANIFESTS / f"{label}.txt.xz").read_bytes()).decode().splitlines()
    return {name: tuple(map(int, shape)) for name, *shape in map(str.split, lines)}


def changed(shapes, name, shape):
    """Without `name`, or with another shape."""
    assert name in shapes
    return {k: v for k, v in shapes.items() if k != name} | ({name: shape} if shape else {})


@pytest.mark.parametrize(
    ("label", "name", "shape", "said"),
    [
        (
            "efficientnet_b0_timm_full",
            "blocks.3.1.conv_pw.weight",
            (472, 80, 1, 1),
            r"conv_pw.weight is \[1, 1, 80, 472\].*efficientnet_b0 it is",
        ),
        (
            "efficientnet_b0_timm_full",
            "blocks.3.1.conv_dw.weight",
            (480, 1, 5, 5),
            r"conv_dw.weight is \[5, 5, 1, 480\].*it is \[3, 3, 1, 480\]",
        ),
        (
            "efficientnet_b0_full",
            "features.3.1.block.2.fc1.weight",
            (20, 240, 1, 1),
            r"fc1.weight is \[1, 1, 240, 20\].*it is \[1, 1, 240, 10\]",
        ),
        ("efficientnet_b0_full", "features.3.1.block.2.fc1.weight", (10, 240), r"fc1.weight is \[10, 240\], not 4-dimensional"),
        ("efficientnet_b0_full", "features.3.1.block.3.0.weight", None, r"block3_1/project/kernel is absent.*efficientnet_b0"),
        ("efficientnet_b0_keras_full", "stem_conv/kernel", (7, 7, 3, 32), r"first convolution is \[7, 7, 3, 32\], not \[3, 3"),
        ("mobilenet_v3_large_full", "features.13.block.0.0.weight", (480, 160, 1, 1), r"features.13.block.0.0.weight is"),
        ("mobilenet_v2_full", "features.18.0.weight", (640, 320, 1, 1), r"\[1, 1, 320, 640\].*mobilenet_v2 it is \[1, 1, 320, 1280\]"),
    ],
)
def test_a_relative_is_refused_by_its_first_other_kernel(label, name, shape, said):
    with pytest.raises(ValueError, match=said):
        detect_family(changed(published(label), name, shape))


def test_timm_s_lite_models_are_no_efficientnets():
    shapes = {name: shape for name, shape in published("efficientnet_b0_timm_full").items() if ".se." not in name}
    with pytest.raises(ValueError, match=r"se/reduce/kernel is absent"):
        detect_family(shapes, "efficientnet_timm")
    with pytest.raises(ValueError, match=r"in mobilenet_v2.* it is"):
        detect_family(shapes, "mobilenet_v2_timm")


def test_the_input_normalization_within_keras_s_model_is_passed_over():
    names = translate(table("efficientnet_keras"), published("efficientnet_b0_keras_full"))
    assert set(names.ignored) == {f"normalization/{leaf}" for leaf in ("mean", "variance", "count")} and not names.unknown
