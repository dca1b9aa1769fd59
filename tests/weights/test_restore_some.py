"""Parts of a file: `only` takes them, `fresh` leaves them; all else is newly initialized, and reported by the rule."""

import dataclasses
import re

import jax
import numpy as np
import pytest

from tests.weights.foreign import drawn as drawn_as
from tljax import models, trees, weights
from tljax.weights.config import to_json

MODEL = "cnn(widths=(4, 6))"
STAGE1 = r"backbone/stage1/.*"
KEY = jax.random.key(3)


def small(num_classes: int = 3, **arguments) -> models.TransferModel:
    return models.create(MODEL, num_classes, input_size=(8, 8), **arguments)


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """A file's content for `small()`, in our own layout; nothing in it is what a fresh model holds."""
    r = np.random.default_rng(0)
    return {p: r.uniform(0.5, 1.5, s.shape).astype(np.float32) for p, s in trees.flatten(models.shapes(small())).items()}


@pytest.fixture(scope="module")
def initial() -> dict[str, np.ndarray]:
    return trees.flatten(models.init(small(), KEY))


@pytest.fixture
def load(arrays, tmp_path):
    def load_with(content=arrays, model=None, **arguments):
        np.savez(tmp_path / "weights.npz", **content)
        variables, report = weights.load(tmp_path / "weights.npz", model or small(), KEY, **arguments)
        return trees.flatten(variables), report

    return load_with


def inside(paths, regex):
    return {path for path in paths if re.fullmatch(regex, path.partition("/")[2])}


def check(leaves, report, arrays, initial, loaded):
    """Every leaf is the file's where it is among `loaded`, else the fresh model's, bit for bit; the report says the same."""
    assert set(report.loaded) == loaded and set(report.new) == arrays.keys() - loaded == leaves.keys() - loaded
    for path, leaf in leaves.items():
        np.testing.assert_array_equal(leaf, (arrays if path in loaded else initial)[path])


def test_only_takes_a_stage_with_its_statistics(load, arrays, initial):
    leaves, report = load(only=[STAGE1])
    loaded = inside(arrays, STAGE1)
    assert {path.partition("/")[0] for path in loaded} == {"params", "batch_stats"}
    check(leaves, report, arrays, initial, loaded)
    assert set(report.new.values()) == {f"only={STAGE1} leaves it out"} == set(report.ignored.values())
    assert set(report.ignored) == arrays.keys() - loaded and f"new by 'only={STAGE1} leaves it out'" in str(report)


def test_fresh_leaves_a_stage_with_its_statistics(load, arrays, initial):
    leaves, report = load(fresh=[STAGE1])
    check(leaves, report, arrays, initial, arrays.keys() - inside(arrays, STAGE1))
    assert set(report.new.values()) == {f"fresh={STAGE1}"} == set(report.ignored.values())
    mean = next(path for path in report.new if path.endswith("bn/mean"))
    assert not np.any(leaves[mean])  # batch statistics start anew as well


def test_both_together(load, arrays, initial):
    leaves, report = load(only=["backbone/.*"], fresh=[STAGE1, r".*/bn/(mean|var)"])
    loaded = inside(arrays, "backbone/.*") - inside(arrays, STAGE1) - inside(arrays, r".*/bn/(mean|var)")
    assert loaded and not any(path.startswith("batch_stats/") for path in loaded)
    check(leaves, report, arrays, initial, loaded)
    assert report.new["params/head/bias"] == "only=backbone/.* leaves it out"
    assert report.new["batch_stats/backbone/stage1/bn/mean"] == f"fresh={STAGE1}"
    assert report.new["batch_stats/backbone/stem/bn/mean"] == "fresh=.*/bn/(mean|var)"


def test_no_rules_take_everything(load, arrays):
    for arguments in ({}, {"only": ()}, {"fresh": []}, {"only": [".*"]}):
        leaves, report = load(**arguments)
        assert not report.new and not report.ignored and set(report.loaded) == arrays.keys()
        assert all(np.array_equal(leaf, arrays[path]) for path, leaf in leaves.items())


def test_what_is_fresh_anyway_may_be_missing_misshapen_or_damaged(load, arrays, initial):
    part = {path: arrays[path] for path in inside(arrays, STAGE1)}
    check(*load(part, only=[STAGE1]), arrays, initial, set(part))
    wrong = dict(arrays)
    for path, value in zip(sorted(inside(arrays, STAGE1)), (np.zeros(7), np.full(6, np.nan), np.zeros(6, int), np.zeros(())), strict=False):
        wrong[path] = np.asarray(value)
    check(*load(wrong, fresh=[STAGE1]), arrays, initial, arrays.keys() - inside(arrays, STAGE1))
    with pytest.raises(ValueError, match=r"mismatched"):
        load(wrong)


def test_what_is_taken_must_still_be_there_and_fit(load, arrays):
    path = "params/backbone/stage1/conv/kernel"
    with pytest.raises(ValueError, match=f"1 missing\n - {path}$"):
        load({p: a for p, a in arrays.items() if p != path}, only=[STAGE1])
    with pytest.raises(ValueError, match=f" ! {path}: got shape"):
        load(arrays | {path: np.zeros((3, 3, 5, 6), np.float32)}, only=[STAGE1])


def test_a_file_of_more_than_the_model(load, arrays, initial):
    more = arrays | {"params/backbone/stage9/conv/kernel": np.zeros((1, 1, 6, 6), np.float32), "decoder.weight": np.zeros(2)}
    leaves, report = load(more, only=[STAGE1])
    assert {"params/backbone/stage9/conv/kernel", "decoder.weight"} <= report.ignored.keys()
    check(leaves, report, arrays, initial, inside(arrays, STAGE1))
    with pytest.raises(ValueError, match=r"2 unexpected"):
        load(more, fresh=[STAGE1])
    with pytest.raises(ValueError, match=r" \+ params/backbone/stage9/conv/kernel"):
        load(more, only=["backbone/.*"])


@pytest.mark.parametrize("name", ["only", "fresh"])
@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (["backbone/stage7/.*"], "the pattern 'backbone/stage7/.*' matches no parameter; nearest names: backbone/stage"),
        ([STAGE1, "params/backbone/stem/.*"], "the pattern 'params/backbone/stem/.*' matches no parameter; nearest names: backbone/stem"),
        (["backbone/stage1"], "the pattern 'backbone/stage1' matches no parameter"),
        ([""], "the pattern '' matches no parameter"),
        (["("], "'[(]' is not a regular expression"),
    ],
)
def test_a_regex_that_leads_nowhere_is_named(load, name, patterns, said):
    with pytest.raises(ValueError, match=rf"weights.npz: {name}: {said}"):
        load(**{name: patterns})


def test_a_text_is_no_list_and_nothing_is_not_a_part(load):
    with pytest.raises(ValueError, match=r"only='head/.[*]' is a text, expected a list of regexes"):
        load(only="head/.*")
    for arguments in ({"fresh": [".*"]}, {"only": [STAGE1], "fresh": ["backbone/.*"]}, {"only": ["head/.*"], "head": "new"}):
        with pytest.raises(ValueError, match="nothing would be taken from it"):
            load(**arguments)


def test_a_fresh_head_and_one_of_other_classes(load, arrays, initial):
    leaves, report = load(fresh=["head/.*"])
    check(leaves, report, arrays, initial, inside(arrays, "backbone/.*"))
    assert set(report.new.values()) == {"fresh=head/.*"}
    _, report = load(model=small(5), fresh=["head/.*"], head="load")  # "load" would refuse 3 classes for 5
    assert set(report.new.values()) == {"fresh=head/.*"}
    _, report = load(model=small(5), fresh=["head/bias"])
    assert report.new["params/head/bias"] == "fresh=head/bias" and "3 classes in the file" in report.new["params/head/kernel"]
    _, report = load(model=small(head="cosine"), fresh=["head/kernel"])
    assert report.new["params/head/kernel"] == "fresh=head/kernel" and "another kind" in report.new["params/head/scale"]
    leaves, report = load(fresh=["head/bias"])
    assert set(report.new) == {"params/head/bias"} and np.array_equal(leaves["params/head/kernel"], arrays["params/head/kernel"])


def test_open_takes_parts_of_a_file_that_lacks_the_rest(arrays, initial, tmp_path):
    config = weights.PretrainedConfig(MODEL, 3, input_size=(8, 8), labels=("a", "b", "c"), task="classification")
    part = {path: arrays[path] for path in inside(arrays, STAGE1)}
    np.savez(tmp_path / "part.npz", **part)
    (tmp_path / "part.npz.json").write_text(to_json(config))
    opened = weights.open(tmp_path / "part.npz", only=[STAGE1], key=KEY)
    check(trees.flatten(opened.variables), opened.report, arrays, initial, set(part))
    assert opened.config == dataclasses.replace(config, sha256=weights.sha256(tmp_path / "part.npz"))
    with pytest.raises(ValueError, match="missing"):
        weights.open(tmp_path / "part.npz")
    other = weights.open(tmp_path / "part.npz", only=[STAGE1], labels=["x"], key=KEY)
    assert other.config.labels == ("x",) and other.report.new["params/head/kernel"].startswith("only=")


def test_a_tensor_of_which_one_part_is_taken(tmp_path):
    model = models.create("vit_tiny(depth=1)", 3, input_size=(32, 32))
    np.savez(tmp_path / "vit.npz", **drawn_as("vit", model))
    opened = weights.open(tmp_path / "vit.npz", fresh=["backbone/block00/attention/query/.*"], key=KEY)
    whole, expected = weights.open(tmp_path / "vit.npz"), trees.flatten(models.init(model, KEY))
    for path, leaf in trees.flatten(opened.variables).items():
        np.testing.assert_array_equal(leaf, expected[path] if "/query/" in path else trees.flatten(whole.variables)[path])
    assert set(opened.report.new) == {f"params/backbone/block00/attention/query/{leaf}" for leaf in ("kernel", "bias")}
    assert not opened.report.ignored  # key and value were read from the same tensors


def test_positions_are_resampled_though_the_patches_are_fresh(tmp_path):
    np.savez(tmp_path / "vit.npz", **drawn_as("vit", models.create("vit_tiny(depth=1)", 3, input_size=(32, 32))))
    fresh = weights.open(tmp_path / "vit.npz", fresh=["backbone/embed/proj/.*"], input_size=(48, 64))
    whole = weights.open(tmp_path / "vit.npz", input_size=(48, 64))
    path = "params/backbone/embed/position"
    assert "bicubic" in fresh.report.reshaped[path]
    np.testing.assert_array_equal(trees.flatten(fresh.variables)[path], trees.flatten(whole.variables)[path])
