"""Every model of the zoo gives its reference's outputs, and its table reads all that the reference saves.

The cases stand in tests/parity/cases; tests/parity/make.py wrote what the references give.
"""

import lzma
from pathlib import Path

import pytest

from tests.parity import case, table
from tests.weights import foreign
from tljax import models
from tljax.weights.detect_family import detect_family
from tljax.weights.keymap import keymaps, translate
from tljax.weights.keymap import table as key_table

GOLDEN = Path(__file__).parent
CASES = case.every()


@pytest.mark.parametrize("label", [label for label, one in CASES.items() if not one.live])
def test_every_output_agrees_in_evaluation_and_in_training_mode(label):
    found = table.distances(CASES[label])
    assert len(found) > 2
    for name, distance in found.items():
        assert distance.agrees, (name, distance)


@pytest.mark.parametrize("label", [label for label, one in CASES.items() if one.live])
def test_every_name_of_a_published_file_is_used_and_every_parameter_filled(label):
    one = CASES[label]
    lines = lzma.decompress((GOLDEN / "manifests" / f"{label}.txt.xz").read_bytes()).decode().splitlines()
    shapes = {name: tuple(map(int, shape)) for name, *shape in map(str.split, lines)}
    family, fields = detect_family(shapes)
    assert family == one.family
    model = models.create(fields["model"], max(one.num_classes, 1), one.head, one.in_channels, one.input_size)
    assert model == models.create(one.model, max(one.num_classes, 1), one.head, one.in_channels, one.input_size)
    assert (fields["num_classes"], fields["in_channels"]) == (one.num_classes, one.in_channels)
    names = translate(key_table(family), shapes)
    assert {name: shapes[name] for name in names.known} == foreign.shapes(family, model, head=one.num_classes > 0)


def test_every_family_has_a_case():
    assert {one.family for one in CASES.values()} >= set(keymaps) - {"own"}
