"""Numbered layers are renamed by the network that a file's layers tell, and back."""

import itertools

import pytest

from tljax import models, trees
from tljax.weights.detect_family import detect_family
from tljax.weights.keymap import file_names, table, translate
from tljax.weights.rules import numbered_layers

LAYOUTS = {"small": {"0": "a", "2": "b"}, "large": {"0": "a", "2": "b", "4": "c"}, "normed": {"0": "a", "1": "bn", "3": "b"}}
RENAMES = numbered_layers.renames(LAYOUTS)


def test_the_network_has_the_most_of_the_layers_and_of_several_the_fewest_others():
    assert numbered_layers.nearest(LAYOUTS, ["0.weight", "2.weight"]) == "small"
    assert numbered_layers.nearest(LAYOUTS, ["0.weight", "4.weight"]) == "large"
    assert numbered_layers.nearest(LAYOUTS, ["0/kernel", "3/kernel"]) == "normed"
    assert numbered_layers.nearest(LAYOUTS, ["5.weight", "weight"]) is None


def test_names_change_both_ways_and_others_stay():
    names = ["0.weight", "1.running_mean", "3.bias", "head.weight"]
    assert RENAMES["rename"](names) == {"0.weight": "a.weight", "1.running_mean": "bn.running_mean", "3.bias": "b.bias"}
    assert RENAMES["rename_back"](["a.weight", "bn.bias", "b.bias", "head.weight"]) == {
        "a.weight": "0.weight",
        "bn.bias": "1.bias",
        "b.bias": "3.bias",
    }
    assert RENAMES["rename"](["head.weight"]) == RENAMES["rename_back"](["head.weight"]) == {}


VGGS = [f"vgg{depth}{norm}" for depth, norm in itertools.product((11, 13, 16, 19), ("", "_bn"))]
FAMILIES = [(family, model) for model in VGGS for family in ("vgg", "vgg_timm")]
FAMILIES += [("squeezenet", f"squeezenet(version={version!r})") for version in ("1.0", "1.1")]
FAMILIES += [(f"mobilenet_v3{publisher}", f"mobilenet_v3_{size}") for size in ("small", "large") for publisher in ("", "_timm", "_keras")]


@pytest.mark.parametrize(("family", "model"), FAMILIES)
def test_the_names_of_every_network_lead_back_to_its_paths(family, model):
    paths = trees.flatten(models.shapes(models.create(model, 10, "maps" if family == "squeezenet" else "linear")))
    names = file_names(table(family), paths)
    assert None not in names.values() and len(set(names.values())) == len(names)
    translated = translate(table(family), names.values())
    assert {path: name for name, targets in translated.known.items() for path, _ in targets} == names


@pytest.mark.parametrize(
    ("family", "near"),
    [("vgg16_bn", "vgg"), ("vgg11_timm", "vgg_timm"), ("squeezenet1_1", "squeezenet"), ("mobilenet_v3_small", "mobilenet_v3")],
)
def test_the_name_of_one_network_s_former_table_names_the_family_s(family, near):
    with pytest.raises(ValueError, match=rf"family='{family}': did you mean .*\b{near}\b"):
        detect_family({"features.0.weight": (64, 3, 3, 3)}, family)
    with pytest.raises(KeyError, match=rf"no key table is called '{family}'; did you mean .*\b{near}\b"):
        table(family)
