"""Every key table covers its models, reads backwards, and its transforms come in pairs."""

import numpy as np
import pytest

from tests.parity import case, ours
from tljax import models, trees
from tljax.weights.keymap import CONV, IDENTITY, LINEAR, Keymap, file_names, keymaps, part, table, translate
from tljax.zoo.resnet_cifar.keymaps import DEPTHS

CIFAR = keymaps["cifar_resnet"]()
CASES = {one.family: one for one in sorted(case.every().values(), key=lambda one: not one.live)}  # a golden one where there is one
OWN = {"own": "resnet32_cifar"}


@pytest.mark.parametrize("family", list(keymaps))
def test_every_path_has_a_name_that_leads_back(family):
    keymap = table(family)
    model, head = (OWN[family], True) if family in OWN else (ours.model(CASES[family]), CASES[family].num_classes > 0)
    model = models.create(model, num_classes=10) if isinstance(model, str) else model
    wanted = [path for path in trees.flatten(models.shapes(model)) if head or not path.startswith("params/head/")]
    names = file_names(keymap, wanted)
    assert None not in names.values()
    translated = translate(keymap, names.values())
    assert not translated.unknown and not translated.ignored
    assert {path: name for name, pairs in translated.known.items() for path, _ in pairs} == names


def test_the_first_rule_wins_whether_it_is_a_name_or_a_regex():
    to = [(f"params/{i}", IDENTITY) for i in range(4)]
    rules = {r"a\.b": to[0], r"a\.(.)": to[1], r"a\.c": to[2], r"(.*)": to[3]}
    known = translate(Keymap("x", rules, lambda s: {}, lambda f: None), ["a.b", "a.c", "a.d", "axb"]).known
    assert {name: pairs[0][0][-1] for name, pairs in known.items()} == {"a.b": "0", "a.c": "1", "a.d": "1", "axb": "3"}


def test_a_path_outside_the_table_has_no_name():
    paths = ["params/backbone/stage4/block0/conv1/kernel", "params/backbone/stage1/block0/conv3/kernel"]
    assert file_names(CIFAR, paths) == dict.fromkeys(paths)
    assert file_names(keymaps["own"](), ["elsewhere/x"]) == {"elsewhere/x": None}


@pytest.mark.parametrize("transform", [CONV, LINEAR, IDENTITY])
def test_transforms_come_in_pairs(transform):
    a = np.random.default_rng(0).normal(size=(2, 3, 4, 5)[: transform.ndim])
    np.testing.assert_array_equal(transform.backward(transform.forward(a)), a)
    np.testing.assert_array_equal(transform.forward(transform.backward(a)), a)


def test_one_tensor_may_fill_several_leaves():
    pairs = tuple((f"params/\\1/{to}/kernel", part(i, 3, LINEAR)) for i, to in enumerate("qkv"))
    keymap = Keymap("fused", {r"(\d)\.qkv": pairs}, lambda s: {}, lambda f: None)
    fused = np.arange(24.0).reshape(6, 4)
    known = translate(keymap, ["3.qkv"]).known["3.qkv"]
    assert [path for path, _ in known] == ["params/3/q/kernel", "params/3/k/kernel", "params/3/v/kernel"]
    assert set(file_names(keymap, [path for path, _ in known]).values()) == {"3.qkv"}
    parts = [transform.forward(fused) for _, transform in known]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), fused.T)
    np.testing.assert_array_equal(np.concatenate([t.backward(a) for (_, t), a in zip(known, parts, strict=True)]), fused)


def test_a_size_that_does_not_divide_is_left_to_the_comparison_of_shapes():
    assert [part(i, 3, IDENTITY).forward(np.zeros(7)).shape for i in range(3)] == [(2,), (2,), (3,)]
    assert part(0, 3, IDENTITY).forward(np.zeros(())).ndim == 1


def test_conv_puts_each_axis_where_it_belongs():
    assert CONV.forward(np.zeros((16, 3, 5, 7))).shape == (5, 7, 3, 16)
    assert LINEAR.forward(np.zeros((10, 64))).shape == (64, 10)


def file_shapes(depth: int, num_classes: int = 10, in_channels: int = 3) -> dict[str, tuple[int, ...]]:
    blocks = {f"layer{s}.{i}.bn1.bias": (8 << s,) for s in (1, 2, 3) for i in range((depth - 2) // 6)}
    return blocks | {"conv1.weight": (16, in_channels, 3, 3), "linear.weight": (num_classes, 64), "linear.bias": (num_classes,)}


@pytest.mark.parametrize("depth", DEPTHS)
def test_depth_classes_and_channels_follow_from_shapes(depth):
    assert CIFAR.infer(file_shapes(depth)) == {"model": f"resnet{depth}_cifar", "num_classes": 10, "in_channels": 3}


def test_other_classes_channels_width_and_no_head():
    shapes = file_shapes(20, num_classes=7, in_channels=2) | {"conv1.weight": (8, 2, 3, 3)}
    assert CIFAR.infer(shapes) == {"model": "resnet20_cifar(width=8)", "num_classes": 7, "in_channels": 2}
    headless = {name: shape for name, shape in shapes.items() if not name.startswith("linear")}
    assert CIFAR.infer(headless)["num_classes"] == 0


def test_an_unknown_depth_is_described():
    shapes = {name: shape for name, shape in file_shapes(20).items() if not name.startswith("layer2.2")}
    with pytest.raises(ValueError, match=r"three stages have \[3, 2, 3\] blocks"):
        CIFAR.infer(shapes)
    with pytest.raises(ValueError, match=r"no 4-dimensional conv1.weight"):
        CIFAR.infer({"conv1.weight": (3,)})
