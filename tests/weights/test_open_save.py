"""A model from a file alone; what was saved opens again; nothing half-written is left."""

import dataclasses
import errno
import os

import jax
import numpy as np
import pytest

from tests.weights.foreign import drawn
from tljax import models, trees, weights
from tljax.weights.config import to_json

MODEL = "resnet20_cifar(width=4)"


@pytest.fixture(scope="module")
def published() -> dict[str, np.ndarray]:
    """A narrow CIFAR ResNet-20's weights under the published names."""
    return drawn("cifar_resnet", models.create(MODEL, num_classes=10)) | {"bn1.num_batches_tracked": np.array(5)}


def write(tmp_path, arrays, name="weights.npz"):
    np.savez(tmp_path / name, **arrays)
    return tmp_path / name


def test_recognized_by_names_and_shapes_alone(published, tmp_path):
    file = write(tmp_path, published)
    opened = weights.open(file)
    config = opened.config
    assert (config.model, config.num_classes, config.in_channels, config.input_size) == (MODEL, 10, 3, (32, 32))
    assert config.mean == (0.485, 0.456, 0.406) and config.labels[:2] == ("airplane", "automobile") and config.task == "classification"
    assert config.sha256 == weights.sha256(file)
    assert "table of cifar_resnet" in str(opened.report) and opened.report.ignored.keys() == {"bn1.num_batches_tracked"}
    np.testing.assert_array_equal(opened.variables["params"]["head"]["kernel"], published["linear.weight"].T)


def test_the_config_beside_the_file_wins(published, tmp_path):
    file = write(tmp_path, published)
    config = weights.PretrainedConfig(model=MODEL, num_classes=10, input_size=(40, 40), mean=(0.5,), std=(0.25,), source="mine")
    (tmp_path / "weights.npz.json").write_text(to_json(config))
    opened = weights.open(file)
    assert opened.config == dataclasses.replace(config, sha256=weights.sha256(file))
    assert opened.report.config.endswith("weights.npz.json")
    assert opened.model.input_spec["x"].shape == (40, 40, 3)


def test_overrides_adapt_the_weights_and_the_config(published, tmp_path):
    opened = weights.open(write(tmp_path, published), in_channels=1, num_classes=4, head="cosine", key=jax.random.key(1))
    config = opened.config
    assert (config.num_classes, config.in_channels, config.head, config.labels, config.channel_order) == (4, 1, "cosine", (), "L")
    np.testing.assert_allclose(config.mean, np.mean([0.485, 0.456, 0.406]))
    assert opened.variables["params"]["backbone"]["stem"]["conv"]["kernel"].shape == (3, 3, 1, 4)
    with pytest.raises(ValueError, match="open does not take classes; what can be overridden: num_classes, head, in_channels"):
        weights.open(tmp_path / "weights.npz", classes=3)


def test_a_file_without_a_head(published, tmp_path):
    file = write(tmp_path, {name: a for name, a in published.items() if "linear" not in name})
    opened = weights.open(file)
    assert (opened.config.head, opened.config.num_classes, opened.config.labels) == ("features", 16, ())
    assert opened.config.task == "features"
    assert not opened.report.new and "head" not in opened.variables["params"]
    out = opened.model.apply(opened.variables, np.ones((1, 32, 32, 3), np.float32))
    np.testing.assert_array_equal(out.logits, out.features)
    with pytest.raises(ValueError, match="it has no head: say num_classes"):
        weights.open(file, head="cosine")
    opened = weights.open(file, num_classes=6)
    assert opened.config.num_classes == 6 and "the file has no head" in str(opened.report) and opened.config.task == ""


def test_a_new_head_drops_the_task_unless_it_is_told(published, tmp_path):
    file = write(tmp_path, published)

    def task(**overrides):
        return weights.open(file, **overrides).config.task

    assert task(num_classes=10) == task(head="linear(dropout=0.5)") == task(in_channels=1, input_size=(16, 16)) == "classification"
    assert task(num_classes=4) == task(head="cosine") == ""
    assert task(num_classes=4, task="multilabel") == task(task="multilabel") == "multilabel"
    assert task(task="") == ""
    with pytest.raises(ValueError, match=r"PretrainedConfig.task cannot be 'x y'"):
        task(task="x y")


def test_labels_of_a_new_head_are_recorded(published, tmp_path):
    file, names = write(tmp_path, published), ("Käse", "猫", "a/b")
    opened = weights.open(file, labels=names)
    assert (opened.config.labels, opened.config.num_classes, opened.config.task) == (names, 3, "")
    assert opened.variables["params"]["head"]["kernel"].shape == (16, 3)
    weights.save(tmp_path / "saved", opened.variables, opened.config)
    again = weights.open(tmp_path / "saved", labels=names)
    assert again.config.labels == names and not again.report.new  # its own classes: the head is the file's
    assert weights.open(tmp_path / "saved").config.labels == names


def test_other_labels_of_the_same_number_do_not_rename_a_trained_head(published, tmp_path):
    file = write(tmp_path, published)
    others = [f"class {i}" for i in range(10)]
    opened = weights.open(file, labels=others, task="classification")
    assert opened.config.labels == tuple(others) and opened.config.task == "classification"
    assert set(opened.report.new) == {"params/head/kernel", "params/head/bias"}
    assert not np.array_equal(opened.variables["params"]["head"]["kernel"], published["linear.weight"].T)


def test_labels_for_a_file_without_a_head(published, tmp_path):
    file = write(tmp_path, {name: a for name, a in published.items() if "linear" not in name})
    opened = weights.open(file, labels=["x", "y"])
    assert (opened.config.head, opened.config.labels, opened.config.task) == ("linear", ("x", "y"), "")
    bare = weights.open(file)
    weights.save(tmp_path / "bare", bare.variables, bare.config)
    names = [str(i) for i in range(16)]  # as many as there are features
    assert weights.open(tmp_path / "bare", labels=names).config.head == "linear"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"labels": "cat"}, "labels='cat', expected distinct texts, one for each class"),
        ({"labels": ["a", "a"]}, r"labels=\['a', 'a'\], expected distinct texts"),
        ({"labels": [1, 2]}, r"labels=\[1, 2\], expected distinct texts"),
        ({"labels": ["a", "b"], "num_classes": 3}, "labels name 2 classes, but num_classes=3"),
    ],
)
def test_labels_that_cannot_be(published, tmp_path, overrides, said):
    with pytest.raises(ValueError, match=rf"weights.npz: {said}"):
        weights.open(write(tmp_path, published), **overrides)


def test_the_head_can_be_left_off(published, tmp_path):
    opened = weights.open(write(tmp_path, published), head="features")
    config = opened.config
    assert (config.head, config.num_classes, config.labels, config.task) == ("features", 16, (), "features")
    assert opened.model.apply(opened.variables, np.ones((1, 32, 32, 3), np.float32)).logits.shape == (1, 16)
    bare = write(tmp_path, {name: a for name, a in published.items() if "linear" not in name})
    assert weights.open(bare, head="features(normalize=True)").config.num_classes == 16


def test_other_arguments_of_the_model(published, tmp_path):
    opened = weights.open(write(tmp_path, published), dtype="bfloat16", remat=("stage1",), input_size=(16, 24))
    assert opened.model.backbone.remat == ("stage1",)
    assert opened.model.input_spec["x"].shape == (16, 24, 3) and opened.config.input_size == (16, 24)


def test_the_nearest_family_and_what_differs(published, tmp_path):
    strange = write(tmp_path, published | {"layer1.0.shortcut.0.weight": np.zeros((4, 4, 1, 1))})
    with pytest.raises(ValueError, match=r"nearest is cifar_resnet \(98 of 99 names fit\), but not its names: layer1.0.shortcut.0.weight"):
        weights.open(strange)
    shallow = write(tmp_path, {name: a for name, a in published.items() if not name.startswith("layer3.2")})
    with pytest.raises(ValueError, match=r"nearest is cifar_resnet .* but its three stages have \[3, 3, 2\] blocks"):
        weights.open(shallow)
    with pytest.raises(ValueError, match=r"x.npz: of no known family: none of its 1 names fits any of \d+; it holds x$"):
        weights.open(write(tmp_path, {"x": np.zeros(1)}, "x.npz"))
    with pytest.raises(ValueError, match=r"its config.json must lie beside the file"):
        weights.open(write(tmp_path, {"params/head/kernel": np.zeros((1, 1))}))
    missing = write(tmp_path, {name: a for name, a in published.items() if name != "layer3.2.bn2.bias"})
    with pytest.raises(ValueError, match=r" - params/backbone/stage3/block2/bn2/bias \(layer3.2.bn2.bias\)"):
        weights.open(missing)


@pytest.fixture
def saved(published, tmp_path):
    opened = weights.open(write(tmp_path, published))
    config = weights.save(tmp_path / "deep" / "folder", opened.variables, opened.config)
    return opened, config, tmp_path / "deep" / "folder"


def test_what_was_saved_opens_again(saved):
    opened, config, folder = saved
    again = weights.open(folder)
    assert again.config == config and config.sha256 == weights.sha256(folder)
    assert sorted(os.listdir(folder)) == ["config.json", "model.safetensors"]
    jax.tree.map(np.testing.assert_array_equal, again.variables, opened.variables)
    assert again.model == opened.model and again.report.family == "own"
    variables, _ = weights.load(folder, opened.model, head="load")
    jax.tree.map(np.testing.assert_array_equal, variables, opened.variables)


def test_a_changed_file_is_refused_by_the_recorded_hash(saved):
    _, config, folder = saved
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-2] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match=f"model.safetensors: its sha256 is [0-9a-f]+, but {config.sha256} was recorded"):
        weights.open(folder)


def test_no_space_left_is_one_line_and_leaves_what_was_there(saved, monkeypatch):
    opened, config, folder = saved

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = {f.name: f.read_bytes() for f in folder.iterdir()}
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"the weights could not be written .No space left on device.*folder") as error:
        weights.save(folder, opened.variables, config)
    assert error.value.errno == errno.ENOSPC and "\n" not in str(error.value)
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == before


def test_a_folder_that_cannot_be_made(saved, tmp_path):
    opened, config, _ = saved
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="could not be written"):
        weights.save(tmp_path / "file" / "folder", opened.variables, config)


def test_nothing_that_would_not_load_is_saved(saved, tmp_path):
    opened, config, _ = saved
    bad = trees.flatten(opened.variables)
    bad["params/head/bias"] = np.full(10, np.nan, np.float32)
    with pytest.raises(ValueError, match="params/head/bias hold NaN"):
        weights.save(tmp_path / "new", trees.unflatten(bad), config)
    with pytest.raises(ValueError, match="no variables to save"):
        weights.save(tmp_path / "new", {}, config)
    assert not (tmp_path / "new").exists()


def test_a_workdir_stands_for_its_model_folder(tmp_path):
    model = models.create("mlp(widths=(4,))", 3, in_channels=2, input_size=())
    weights.save(tmp_path / "model", models.init(model, jax.random.key(0)), weights.PretrainedConfig("mlp(widths=(4,))", 3, 2))
    assert weights.open(tmp_path).config.num_classes == 3
    (tmp_path / "empty" / "model").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="no weight file"):
        weights.open(tmp_path / "empty")
