"""The way out: what is written in another framework's names is read back bit for bit, head and labels included."""

import dataclasses
import json
import lzma
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import safetensors

from tests.parity import case
from tests.parity.roundtrip import BESIDE, described
from tljax import models, registry, trees, weights
from tljax.weights.config import PretrainedConfig
from tljax.weights.detect_family import detect_family
from tljax.weights.export import complete_arrays
from tljax.weights.keymap import keymaps, table, translate

GOLDEN = Path(__file__).parent.parent / "parity"
CASES = case.every()
AUXILIARY = r"(aux\d|AuxLogits)\."
"""Classifiers beside the main one: not ours, and built into the reference on request alone."""

SMALL = 3_000_000
"""Parameters, up to which a model is filled; of a larger one names and shapes are compared."""


def made(config: PretrainedConfig) -> models.TransferModel:
    return models.create(config.model, config.num_classes, config.head, config.in_channels, config.input_size)


def drawn(model: models.TransferModel) -> dict:
    """Variables drawn by path; those of a large model repeat one number, which takes no room."""
    shapes = models.shapes(model)
    small = trees.size(shapes["params"]) <= SMALL

    def leaf(path, of):
        r = np.random.default_rng(zlib.crc32(path.encode()))
        return r.standard_normal(of.shape, np.float32) if small else np.broadcast_to(np.float32(r.normal()), of.shape)

    return trees.unflatten({path: leaf(path, of) for path, of in trees.flatten(shapes).items()})


def one_of_each_family() -> dict[str, str]:
    """Family -> a label, of a small case where there is one."""
    found: dict[str, str] = {}
    for label, one in sorted(CASES.items(), key=lambda item: (item[1].live, len(item[0]), item[0])):
        found.setdefault(one.family, label)
    return found


@pytest.mark.parametrize("label", one_of_each_family().values())
def test_every_family_reads_back_what_it_writes(label):
    family, config = CASES[label].family, described(CASES[label])
    variables = drawn(made(config))
    arrays = weights.export(variables, config, family)
    shapes = {name: a.shape for name, a in arrays.items()}
    heads = {"num_attention_heads": registry.parse(config.model)[2].get("heads")}
    assert detect_family(shapes, hf_config=table(family).to_hf_config(config, shapes).get("config.json", heads))[0] == family
    names, wanted = translate(table(family), arrays), trees.flatten(variables)
    again = {path: transform.forward(arrays[name]) for name, pairs in names.known.items() for path, transform in pairs}
    assert again.keys() == wanted.keys() and not names.unknown
    assert all(np.array_equal(again[path], leaf) for path, leaf in wanted.items())


@pytest.mark.parametrize("label", [label for label, one in CASES.items() if one.live and one.framework == "torch"])
def test_a_strict_load_in_torch_finds_every_name_and_none_besides(label):
    one, keymap = CASES[label], table(CASES[label].family)
    lines = lzma.decompress((GOLDEN / "manifests" / f"{label}.txt.xz").read_bytes()).decode().splitlines()
    saved = {name: tuple(map(int, shape)) for name, *shape in map(str.split, lines)}
    config = PretrainedConfig(
        one.model, max(one.num_classes, 1), one.in_channels, one.input_size, head=one.head if one.num_classes else "features"
    )
    read = {name: np.broadcast_to(np.float32(0), saved[name]) for name in translate(keymap, saved).known}
    wanted = {name: shape for name, shape in saved.items() if not re.match(BESIDE.get(one.family, AUXILIARY), name) or name in read}
    assert {name: a.shape for name, a in complete_arrays(keymap, config, read).items()} == wanted


def test_every_family_has_a_case_that_can_be_read_back():
    assert set(one_of_each_family()) == set(keymaps) - {"own"}


@pytest.fixture(scope="module")
def vit():
    config = PretrainedConfig("vit_tiny(depth=2, dropout=0.1, epsilon=1e-12)", 3, input_size=(32, 32), labels=("cat", "dog", "cow"))
    return config, drawn(made(config))


def test_a_folder_for_others_opens_with_labels_and_without_our_json_too(vit, tmp_path):
    config, variables = vit
    written = weights.save_foreign(tmp_path, variables, config, "vit_hf")
    opened = weights.open(tmp_path)
    assert opened.config == written and opened.report.family == "vit_hf"
    with safetensors.safe_open(tmp_path / "model.safetensors", "numpy") as file:
        assert file.metadata() == {"format": "pt"}  # transformers refuses a file without
    (tmp_path / "model.safetensors.json").unlink()
    alone = weights.open(tmp_path)
    assert alone.config.labels == config.labels
    for path, leaf in trees.flatten(alone.variables).items():
        assert np.array_equal(leaf, trees.flatten(variables)[path]), path


@pytest.mark.parametrize(
    ("task", "problem", "read"),
    [
        ("classification", "single_label_classification", "classification"),
        ("multilabel(threshold=0.3)", "multi_label_classification", "multilabel"),
        ("regression(mean=(0.5, 0.0, 1.0), std=(2.0, 1.0, 1.0))", "regression", "regression"),
        ("", None, "classification"),
        ("a_task_of_the_user", None, "classification"),
    ],
)
def test_the_task_is_written_as_others_call_it(vit, tmp_path, task, problem, read):
    config, variables = dataclasses.replace(vit[0], task=task), vit[1]
    weights.save_foreign(tmp_path, variables, config, "vit_hf")
    assert json.loads((tmp_path / "config.json").read_text()).get("problem_type") == problem
    assert weights.open(tmp_path).config.task == task
    (tmp_path / "model.safetensors.json").unlink()
    assert weights.open(tmp_path).config.task == read


def test_one_folder_can_hold_either_form_after_the_other(vit, tmp_path):
    config, variables = vit
    for _ in range(2):
        weights.save_foreign(tmp_path, variables, config, "vit_hf")
        assert weights.open(tmp_path).report.family == "vit_hf"
        weights.save(tmp_path, variables, config)
        assert weights.open(tmp_path).report.family == "own"


def test_families_says_who_can_hold_a_model_and_why_others_cannot(vit):
    found = weights.families(vit[0])
    assert [family for family, why in found.items() if not why] == ["vit_hf"] and "own" not in found
    assert "would be read as vit_tiny(depth=2) with" in found["vit"]  # another epsilon gives other outputs, another dropout does not
    assert "has no name for" in found["resnet"]


def test_what_a_family_cannot_hold_is_refused_by_path(vit):
    config, variables = vit
    with pytest.raises(ValueError, match=r"the key table resnet has no name for \d+ of 40 leaves: params/backbone/block00/attention/"):
        weights.export(variables, config, "resnet")
    with pytest.raises(KeyError, match="did you mean vit_hf"):
        weights.export(variables, config, "vithf")
    cosine = dataclasses.replace(config, head="cosine")
    with pytest.raises(ValueError, match=r"has no name for 1 of .*params/head/scale"):
        weights.export(drawn(made(cosine)), cosine, "vit_hf")
    whole = dataclasses.replace(config, model="vit_tiny(depth=2)")
    lost = trees.flatten(variables)
    del lost["params/backbone/block01/attention/key/kernel"]
    with pytest.raises(ValueError, match=r"blocks.1.attn.qkv.weight holds params/backbone/block01/attention/key/kernel too"):
        weights.export(trees.unflatten(lost), whole, "vit")
    wrong = dataclasses.replace(config, num_classes=4, labels=())
    with pytest.raises(ValueError, match="the arrays are of num_classes=3, the config says 4"):
        weights.export(variables, wrong, "vit_hf")


def test_values_that_would_not_load_are_not_written(vit, tmp_path):
    config, variables = vit
    bad = trees.flatten(variables) | {"params/head/bias": np.full(3, np.inf, np.float32)}
    with pytest.raises(ValueError, match=r"not saved, classifier.bias hold NaN or infinity"):
        weights.save_foreign(tmp_path / "new", trees.unflatten(bad), config, "vit_hf")
    assert not (tmp_path / "new").exists()
