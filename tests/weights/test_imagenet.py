"""A thousand different names, in the order that published classifiers use."""

from tljax.weights import imagenet

KNOWN = {
    0: "tench",
    1: "goldfish",
    134: "crane bird",
    207: "golden retriever",
    281: "tabby",
    517: "crane",
    985: "daisy",
    999: "toilet tissue",
}


def test_every_class_has_a_name_of_its_own():
    names = imagenet.labels()
    assert len(names) == len(set(names)) == 1000
    assert all(name and name == name.strip() and name.isprintable() for name in names)


def test_well_known_indices():
    names = imagenet.labels()
    assert {i: names[i] for i in KNOWN} == KNOWN
