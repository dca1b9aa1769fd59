"""Strict both ways: every leaf comes from the file or is named; every name of the file is used or named."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from tljax import models, trees, weights
from tljax.weights import keymap
from tljax.weights.config import to_json
from tljax.weights.load import _to_ours

NAMES = ("params/backbone/stem/conv/kernel", "params/backbone/stem/bn/scale", "params/head/kernel", "batch_stats/backbone/stem/bn/mean")


def small(num_classes: int = 3, in_channels: int = 3, **kwargs) -> models.TransferModel:
    return models.create("cnn(widths=(4, 6))", num_classes=num_classes, in_channels=in_channels, input_size=(8, 8), **kwargs)


def vector(num_classes: int = 3, **kwargs) -> models.TransferModel:
    return models.create("mlp(widths=(4,))", num_classes=num_classes, in_channels=2, input_size=(), **kwargs)


def drawn(model: models.TransferModel) -> dict[str, np.ndarray]:
    r = np.random.default_rng(0)
    return {p: r.uniform(0.5, 1.5, s.shape).astype(np.float32) for p, s in trees.flatten(models.shapes(model)).items()}


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """A file's content for `small()`, in our own layout."""
    return drawn(small())


@pytest.fixture(scope="module")
def vector_arrays() -> dict[str, np.ndarray]:
    return drawn(vector())


def write(tmp_path, arrays):
    np.savez(tmp_path / "weights.npz", **arrays)
    return tmp_path / "weights.npz"


def test_every_leaf_is_filled_and_reported(arrays, tmp_path):
    variables, report = weights.load(write(tmp_path, arrays), small(), head="load")
    flat = trees.flatten(variables)
    assert flat.keys() == arrays.keys() == set(report.loaded)
    assert not report.new and not report.ignored and not report.reshaped and report.family == "own"
    for path, leaf in flat.items():
        assert isinstance(leaf, jax.Array) and leaf.dtype == jnp.float32
        np.testing.assert_array_equal(leaf, arrays[path])
    assert f"{len(arrays)} loaded, 0 new, 0 ignored" in str(report)


def test_what_is_missing_unexpected_or_mismatched_is_listed(arrays, tmp_path):
    wrong = dict(arrays, **{"params/backbone/more/kernel": np.zeros(2), "stranger": np.zeros(1)})
    del wrong[NAMES[1]]
    wrong[NAMES[0]] = np.zeros((5, 5, 3, 4), np.float32)
    wrong[NAMES[3]] = np.zeros(4, np.int64)
    with pytest.raises(ValueError) as error:
        weights.load(write(tmp_path, wrong), small())
    head, *lines = str(error.value).split("\n")
    assert head.endswith("weights.npz: does not fit the model (key table: own): 1 missing, 2 unexpected, 2 mismatched")
    assert set(lines) == {
        f" ! {NAMES[0]}: got shape (5, 5, 3, 4), wanted (3, 3, 3, 4)",
        f" ! {NAMES[3]}: got int64, wanted float32",
        " + params/backbone/more/kernel",
        " + stranger",
        f" - {NAMES[1]}",
    }


def test_names_of_no_family(tmp_path):
    said = r"none of its 2 names leads to a parameter of the model in any of \d+ families; it begins with a, b"
    with pytest.raises(ValueError, match=said):
        weights.load(write(tmp_path, {"a": np.zeros(1), "b": np.zeros(1)}), small())


def test_a_long_list_is_cut_but_every_kind_is_shown(tmp_path):
    file = trees.flatten(models.shapes(models.create("resnet20_cifar", num_classes=10)))
    path = write(tmp_path, {p: np.zeros(s.shape, np.float32) for p, s in file.items()})
    with pytest.raises(ValueError) as error:
        weights.load(path, models.create("cnn", num_classes=10))
    lines = str(error.value).split("\n")
    assert len(lines) < 70 and {line[:2] for line in lines[1:]} >= {" -", " +", " !"} and "more" in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.float64])
def test_nan_and_infinity_are_errors_that_name_the_key(value, dtype, arrays, tmp_path):
    wrong = dict(arrays)
    wrong[NAMES[0]] = arrays[NAMES[0]].astype(dtype)
    wrong[NAMES[0]][1, 1, 1, 1] = value
    (tmp_path / "x").write_bytes(safetensors.numpy.save(wrong))
    with pytest.raises(ValueError, match=f"/x: {NAMES[0]} holds NaN or infinity"):
        weights.load(tmp_path / "x", small())


def test_a_number_too_large_for_float32_is_an_error(arrays, tmp_path):
    with pytest.raises(ValueError, match="holds NaN or infinity"):
        weights.load(write(tmp_path, dict(arrays, **{NAMES[1]: np.full(4, 1e300)})), small())


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ml_dtypes.bfloat16])
def test_floating_leaves_are_cast(dtype, arrays, tmp_path):
    (tmp_path / "x").write_bytes(safetensors.numpy.save({p: a.astype(dtype) for p, a in arrays.items()}))
    for path, leaf in trees.flatten(weights.load(tmp_path / "x", small())[0]).items():
        assert leaf.dtype == jnp.float32
        np.testing.assert_array_equal(leaf, arrays[path].astype(dtype).astype(np.float32))


def test_another_number_of_classes_gets_a_new_head(vector_arrays, tmp_path):
    file, key = write(tmp_path, vector_arrays), jax.random.key(7)
    variables, report = weights.load(file, vector(5), key)
    jax.tree.map(np.testing.assert_array_equal, variables["params"]["head"], models.init(vector(5), key)["params"]["head"])
    assert set(report.new) == {"params/head/kernel", "params/head/bias"} == set(report.ignored)
    assert "3 classes in the file, 5 in the model" in str(report)
    path = "params/backbone/layer0/dense/kernel"
    np.testing.assert_array_equal(trees.flatten(variables)[path], vector_arrays[path])
    with pytest.raises(ValueError, match=r"! params/head/kernel: got shape \(4, 3\), wanted \(4, 5\)(.|\n)*head='new' leaves"):
        weights.load(file, vector(5), head="load")


@pytest.mark.parametrize("head", ["mlp(mlp_dim=8)", "cosine"])
def test_a_head_of_another_kind_is_new(head, vector_arrays, tmp_path):
    variables, report = weights.load(write(tmp_path, vector_arrays), vector(head=head))
    assert report.new and all(path.startswith("params/head/") for path in report.new)
    assert trees.flatten(variables).keys() == trees.flatten(models.shapes(vector(head=head))).keys()


def test_head_new_and_a_file_without_a_head(vector_arrays, tmp_path):
    _, report = weights.load(write(tmp_path, vector_arrays), vector(), head="new")
    assert set(report.new) == {"params/head/kernel", "params/head/bias"}
    headless = {p: a for p, a in vector_arrays.items() if "/head/" not in p}
    variables, report = weights.load(write(tmp_path, headless), vector())
    assert "the file has no head" in str(report) and variables["params"]["head"]["kernel"].shape == (4, 3)
    with pytest.raises(ValueError, match="2 missing"):
        weights.load(write(tmp_path, headless), vector(), head="load")


def test_half_a_head_is_an_error(arrays, tmp_path):
    half = {p: a for p, a in arrays.items() if p != "params/head/bias"}
    with pytest.raises(ValueError, match=r" - params/head/bias"):
        weights.load(write(tmp_path, half), small())


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_other_input_channels_keep_the_response_to_equal_channels(channels, arrays, tmp_path):
    file = write(tmp_path, arrays)
    gray = np.random.default_rng(1).normal(size=(2, 8, 8, 1)).astype(np.float32)
    before = small().apply(weights.load(file, small())[0], gray.repeat(3, axis=-1)).features
    model = small(in_channels=channels)
    variables, report = weights.load(file, model)
    after = model.apply(variables, gray.repeat(channels, axis=-1)).features
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4 * float(jnp.abs(before).max()))
    assert set(report.reshaped) == {NAMES[0]} and f"input channels 3 -> {channels}" in str(report)


def test_channels_are_adapted_in_the_first_stage_only(arrays, tmp_path):
    later = dict(arrays, **{"params/backbone/stage1/conv/kernel": np.zeros((3, 3, 3, 6), np.float32)})
    with pytest.raises(ValueError, match=r"! params/backbone/stage1/conv/kernel: got shape \(3, 3, 3, 6\), wanted \(3, 3, 4, 6\)"):
        weights.load(write(tmp_path, later), small())


def test_a_recorded_hash_is_checked(arrays, tmp_path):
    file = write(tmp_path, arrays)
    config = weights.PretrainedConfig(model="cnn", num_classes=3, sha256="0" * 64)
    (tmp_path / "weights.npz.json").write_text(to_json(config))
    with pytest.raises(ValueError, match=f"weights.npz: its sha256 is {weights.sha256(file)}, but {'0' * 64} was recorded"):
        weights.load(file, small())
    assert weights.load(file, small(), sha256=weights.sha256(file))[1].loaded


def test_two_names_for_one_leaf(tmp_path):
    table = keymap.Keymap("twice", {r"[ab]": ("params/head/bias", keymap.IDENTITY)}, lambda s: {}, lambda f: None)
    names = keymap.translate(table, ["a", "b"])
    assert _to_ours({"a": np.zeros(1), "b": np.ones(1)}, names)[2] == [" + b (a second tensor for params/head/bias)"]
    assert _to_ours({"a": np.zeros(1), "b": np.zeros(1)}, names)[2] == []  # a tied weight, stored twice
