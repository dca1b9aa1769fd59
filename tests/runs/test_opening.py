"""Heads for the labels of a source: kept where task and classes are the same, else new."""

import numpy as np
import pytest

import tljax
from tests.runs.conftest import of_kind, parts, start, vectors
from tljax import data, tasks, trees


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """``kind -> workdir`` of a run of two steps."""
    root = tmp_path_factory.mktemp("saved")
    for kind in ("classification", "regression"):
        tljax.fit(of_kind(kind, steps=2, eval_every=0), root / kind, quiet=True)
    return root


def head(opened):
    return opened.variables["params"]["head"]["kernel"]


def test_the_head_is_kept_for_the_same_labels_and_new_for_others(saved):
    bare = tljax.open(saved / "classification")
    same = tljax.open(saved / "classification", labels=parts("classification")[0])
    assert not same.new_head and np.array_equal(head(same), head(bare))
    always = tljax.open(saved / "classification", labels=parts("classification")[0], new_head="always")
    assert always.new_head and not np.array_equal(head(always), head(bare)) and always.config.labels == bare.config.labels
    other = data.relabel(vectors("classification"), ("c", "ö", "a", "d"))
    new = tljax.open(saved / "classification", labels=other)
    assert new.new_head and head(new).shape == (8, 4) and new.config.labels == ("c", "ö", "a", "d")
    backbones = [trees.flatten(opened.variables["params"]["backbone"]) for opened in (new, bare)]
    assert all(np.array_equal(backbones[0][path], backbones[1][path]) for path in backbones[1])
    assert [path for path in new.report.new if "head" in path] and not [path for path in new.report.loaded if "head" in path]
    with pytest.raises(ValueError, match="its labels need 4 outputs, the checkpoint's head has 3"):
        tljax.open(saved / "classification", labels=other, new_head="never")
    assert new.origin == bare.origin != ""


def test_the_task_follows_from_the_labels_unless_it_is_given(saved):
    for kind, name in (("multilabel", "multilabel"), ("two numbers", "regression"), ("distribution", "distribution")):
        opened = tljax.open(saved / "classification", labels=vectors(kind))
        assert opened.task.name == name and opened.new_head
    two = tljax.open(saved / "regression", labels=vectors("two numbers"))
    assert len(two.task.mean) == 2 and head(two).shape == (8, 2)
    again = tljax.open(saved / "regression", labels=vectors("regression"))
    assert not again.new_head and again.task == tljax.open(saved / "regression").task  # the scale that the head was trained with
    chosen = tljax.open(saved / "regression", labels=vectors("regression"), task=tasks.regression(), new_head="always")
    assert chosen.task.mean == pytest.approx((np.mean(vectors("regression").labels),), rel=1e-5)


def test_wrong_arguments_are_named(saved):
    with pytest.raises(ValueError, match="new_head='maybe': expected one of auto, always, never"):
        tljax.open(saved / "classification", new_head="maybe")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        tljax.open("nowhere.safetensors")
    with pytest.raises(ValueError, match="normalize='x': expected data or none"):
        tljax.create("mlp", vectors("regression"), normalize="x")
    with pytest.raises(KeyError, match="did you mean"):
        tljax.create("resnet19", "digits")
    with pytest.raises(ValueError, match="there is no example"):
        tljax.create("mlp", data.take(vectors("regression"), []))
    with pytest.raises(ValueError, match="needs a label of the kind number"):
        tljax.create("mlp", "digits", task="regression")


def test_a_created_model_is_normalized_by_its_data_and_drawn_by_its_seed():
    one, two, other = (
        tljax.create("mlp(widths=(4,))", "digits"),
        tljax.create("mlp(widths=(4,))", "digits"),
        tljax.create("mlp(widths=(4,))", "digits", seed=1),
    )
    assert np.array_equal(head(one), head(two)) and not np.array_equal(head(one), head(other))
    digits = data.create("digits")
    x = np.stack([digits[i]["x"] for i in range(0, 1797, 2)]).astype(np.float64)
    x = x / 255 if x.max() > 1.5 else x
    assert one.config.mean == pytest.approx((x.mean(),), abs=1e-3) and one.config.channel_order == "L" and one.origin == ""
    assert tljax.create("mlp(widths=(4,))", "digits", normalize="none").config.mean == ()
    assert start().config.input_size == (8, 8)


def test_what_a_result_starts_is_what_its_folder_starts(saved, tmp_path):
    result = tljax.fit(of_kind("classification", steps=2, eval_every=0), saved / "classification", quiet=True)
    assert result.pretrained.origin == tljax.open(saved / "classification").origin == result.pretrained.config.sha256
    first = tljax.fit(
        of_kind("classification", pretrained=result.pretrained, strategy="linear_probe", steps=1, eval_every=0), tmp_path, quiet=True
    )
    reopened = of_kind("classification", pretrained=tljax.open(saved / "classification"), strategy="linear_probe", steps=1, eval_every=0)
    assert tljax.fit(reopened, tmp_path, quiet=True).metrics == first.metrics
