"""BiT's two layouts: the same network either way, the names of the published npz files, what is no BiT."""

import numpy as np
import pytest

from tests.weights import foreign
from tljax import models, trees, weights
from tljax.weights.keymap import file_names, table, translate

TINY = "bit_r50x1(blocks=(1, 2), width=32)"


def opened(path, arrays, **overrides):
    np.savez(path / "x.npz", **arrays)
    return weights.open(path / "x.npz", **overrides)


def published(blocks, width, classes):
    """Names and shapes of BiT-M-R50x1.npz and its kin, as their readers ask for them."""

    def norm(name, width):
        return {f"{name}/group_norm/{leaf}": (width,) for leaf in ("gamma", "beta")}

    conv = "standardized_conv2d/kernel"
    shapes = {f"resnet/root_block/{conv}": (7, 7, 3, width)} | norm("resnet", 32 * width)
    for stage, count in enumerate(blocks, 1):
        inner = width << (stage - 1)
        for number in range(1, count + 1):
            unit, inputs = f"resnet/block{stage}/unit{number:02}", 4 * inner if number > 1 else width if stage == 1 else 2 * inner
            sizes = {"a": (1, 1, inputs, inner), "b": (3, 3, inner, inner), "c": (1, 1, inner, 4 * inner)}
            for part, size in sizes.items():
                shapes |= {f"{unit}/{part}/{conv}": size} | norm(f"{unit}/{part}", size[2])
            shapes |= {f"{unit}/a/proj/{conv}": (1, 1, inputs, 4 * inner)} if number == 1 else {}
    return shapes | {"resnet/head/conv2d/kernel": (1, 1, 32 * width, classes), "resnet/head/conv2d/bias": (classes,)}


@pytest.mark.parametrize(
    ("blocks", "width", "name"), [((3, 4, 6, 3), 64, "bit_r50x1"), ((3, 4, 6, 3), 192, "bit_r50x3"), ((3, 8, 36, 3), 128, "bit_r152x2")]
)
def test_every_name_of_a_published_npz_is_used_and_every_parameter_filled(blocks, width, name):
    shapes = published(blocks, width, 21843)
    names = translate(table("bit"), shapes)
    assert not names.unknown and not names.ignored
    assert {n: shapes[n] for n in names.known} == foreign.shapes("bit", models.create(name, 21843))
    assert table("bit").infer(shapes) == {"model": name, "num_classes": 21843, "in_channels": 3}


def test_both_layouts_hold_the_same_network(tmp_path):
    bit, timm = table("bit"), table("bit_timm")
    arrays = foreign.drawn("bit_timm", models.create(TINY, 5))
    first = opened(tmp_path, arrays)
    leaves = {path: np.asarray(leaf) for path, leaf in trees.flatten(first.variables).items()}
    second = opened(tmp_path, foreign.named("bit", leaves))
    assert first.config.model == f"{TINY[:-1]}, standard=1e-08)" and second.config.model == TINY
    assert (first.report.family, second.report.family) == ("bit_timm", "bit") and not second.report.new
    for path, leaf in trees.flatten(second.variables).items():
        np.testing.assert_array_equal(leaf, leaves[path])
    path = "params/backbone/stage2/block1/norm2/scale"
    assert [file_names(keymap, [path])[path] for keymap in (bit, timm)] == [
        "resnet/block2/unit02/b/group_norm/gamma",
        "stages.1.blocks.1.norm2.weight",
    ]


def test_the_head_is_a_1x1_convolution_there(tmp_path):
    for family in ("bit", "bit_timm"):
        arrays = foreign.drawn(family, models.create(TINY, 5))
        name = {"bit": "resnet/head/conv2d/kernel", "bit_timm": "head.fc.weight"}[family]
        found = opened(tmp_path, arrays)
        wanted = arrays[name][0, 0] if family == "bit" else arrays[name][:, :, 0, 0].T
        np.testing.assert_array_equal(found.variables["params"]["head"]["kernel"], wanted)
        bare = opened(tmp_path, {n: a for n, a in arrays.items() if "head" not in n}, num_classes=4)
        assert set(bare.report.new) == {"params/head/kernel", "params/head/bias"}


def test_configs():
    for family in ("bit", "bit_timm"):
        config = table(family).config({"model": "bit_r50x1", "num_classes": 21843, "in_channels": 3})
        assert config.mean == config.std == (0.5,) * 3 and config.labels == () and "448 to 480" in config.source


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a | {"norm.running_mean": np.zeros(256)}, "not its names: norm.running_mean"),  # timm's resnetv2_50, with BatchNorm
        (lambda a: a | {"stem.conv.weight": np.zeros((48, 3, 7, 7))}, "width=48 is no multiple of GroupNorm's 32"),
        (lambda a: {n: v for n, v in a.items() if n != "stem.conv.weight"}, r"stem.conv.weight is \(\), not the 7x7 convolution"),
        (lambda a: a | {"stages.0.blocks.0.conv2.weight": np.zeros((32, 32, 1, 1))}, r" ! params/backbone/stage1/block0/conv2/kernel"),
    ],
)
def test_what_is_no_bit_is_told_why(tmp_path, change, said):
    with pytest.raises(ValueError, match=said):
        opened(tmp_path, change(foreign.drawn("bit_timm", models.create(TINY, 5))))
